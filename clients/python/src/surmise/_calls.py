"""The questions of the HTTP interface: what is asked for, and what the answer is read as.

`Client` and `AsyncClient` ask the same; this is the one place that knows the paths.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Callable, Generic, Optional, TypeVar, Union
from urllib.parse import quote, urlencode

from ._answers import AlarmList, Forecast, Prediction, Why
from ._decode import Answer
from ._state import (
    Accepted,
    Changed,
    Checkpoint,
    CheckpointList,
    Health,
    History,
    Keys,
    LoggedEvents,
    StateHash,
    StreamList,
    StreamStatus,
    Surprises,
    Templates,
)
from ._wire import Time, encode_body, encode_event
from .errors import ProblemError, ProtocolError

T = TypeVar("T")
A = TypeVar("A", bound=Answer)

#: Seconds that a change of a stream may take, as its log may be learnt again.
CHANGE_SECONDS_MAX = 3600.0

#: What posted lines are, and what a posted object is.
NDJSON = "application/x-ndjson"
JSON = "application/json"

QueryValue = Union[None, str, int, bool]


@dataclass(frozen=True)
class Call(Generic[T]):
    """One question: the request that asks it, and what its answer is read as."""

    method: str
    path: str
    read: Callable[[bytes], T]
    query: Mapping[str, QueryValue] = field(default_factory=dict)
    body: Optional[bytes] = None
    content_type: str = NDJSON
    #: Whether asking changes nothing, so that it may be asked twice.
    is_question: bool = False
    #: Seconds that the daemon may take for it, where those are more than the client's own bound.
    seconds_max: float = 0.0
    #: Statuses beside 200 whose body is an answer.
    answers: tuple[int, ...] = ()

    @property
    def may_repeat(self) -> bool:
        """Whether the request may be made again when nobody knows whether it arrived."""
        return self.method == "GET" or self.is_question

    @property
    def target(self) -> str:
        """The path with its query."""
        given = {key: _text(value) for key, value in self.query.items() if value is not None}
        return self.path + ("?" + urlencode(given, quote_via=quote) if given else "")

    def finish(self, status: int, body: bytes, retry_after: Optional[str]) -> T:
        """Read the answer; `ProblemError` is what the daemon says against the question."""
        if 200 <= status < 300 or status in self.answers:
            return self.read(body)
        raise problem(status, body, retry_after)


def problem(status: int, body: bytes, retry_after: Optional[str]) -> ProblemError:
    """Make the error out of an answer that is one."""
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        said = {"title": "not an answer of surmised", "detail": body[:200].decode("utf-8", "replace")}
    try:
        seconds = None if retry_after is None else float(retry_after)
    except ValueError:
        seconds = None
    return ProblemError(status, said, seconds)


def _text(value: QueryValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def parse(body: bytes) -> Any:
    """Read the JSON of an answer."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not an answer of surmised: {error}") from None


def _as(cls: type[A]) -> Callable[[bytes], A]:
    return lambda body: cls.from_json(parse(body))


def _as_object(body: bytes) -> dict[str, Any]:
    found = parse(body)
    if not isinstance(found, dict):
        raise ProtocolError("not an answer of surmised: expected an object")
    return found


def _as_replays(body: bytes) -> list[dict[str, Any]]:
    found = _as_object(body).get("replays")
    if not isinstance(found, list):
        raise ProtocolError("not an answer of surmised: expected a list of replays")
    return found


def stream_path(stream: str, *rest: str) -> str:
    """Give the path of a stream."""
    if not stream:
        raise ValueError("name a stream")
    return "/".join(["/api/v1/streams", quote(stream, safe=""), *rest])


def watch_path(stream: str, predict: Optional[int]) -> str:
    """Give the path of the feed of a stream."""
    return stream_path(stream, "watch") + ("" if predict is None else f"?predict={predict:d}")


#: A checkpoint's number, or its label.
Generation = Union[int, str]


def checkpoint_path(stream: str, generation: Generation, *rest: str) -> str:
    """Give the path of a checkpoint."""
    which = generation if isinstance(generation, str) else str(int(generation))
    if not which:
        raise ValueError("name a checkpoint by its number or its label")
    return "/".join(["/api/v1/checkpoints", quote(stream, safe=""), quote(which, safe=""), *rest])


# ---- streams and their predictions


def streams(trend: bool = False) -> Call[StreamList]:
    """Ask for all streams."""
    return Call("GET", "/api/v1/streams", _as(StreamList), {"trend": 1 if trend else None})


def status(stream: str, hash: bool = False) -> Call[StreamStatus]:
    """Ask for the whole state of a stream."""
    return Call("GET", stream_path(stream), _as(StreamStatus), {"hash": 1 if hash else None})


def state_hash(stream: str) -> Call[StateHash]:
    """Ask for the hash of a stream's learner."""
    return Call("GET", stream_path(stream, "hash"), _as(StateHash))


def next_event(stream: str, key: Optional[str], top: Optional[int], fresh: bool) -> Call[Prediction]:
    """Ask for the prediction of the next event."""
    return Call("GET", stream_path(stream, "next"), _as(Prediction), {"key": key, "top": top, "fresh": fresh})


def forecast(
    stream: str, horizon: Optional[int], key: Optional[str], top: Optional[int], fresh: bool
) -> Call[Forecast]:
    """Ask for the predictions of the next events."""
    query = {"horizon": horizon, "key": key, "top": top, "fresh": fresh}
    return Call("GET", stream_path(stream, "forecast"), _as(Forecast), query)


def predict(
    stream: str, data: Mapping[str, Any], key: Optional[str], time: Optional[Time], top: Optional[int], fresh: bool
) -> Call[Prediction]:
    """Ask for the other fields of an event of which some are known."""
    # a question is the event itself, as it would be sent, without what is asked
    body = b"{" + encode_event(data, key, time, False, None)
    query = {"top": top, "fresh": fresh}
    return Call("POST", stream_path(stream, "predict"), _as(Prediction), query, body, JSON, is_question=True)


def why(stream: str, offset: int, seconds: Optional[int]) -> Call[Why]:
    """Ask why an event was as surprising as it was."""
    return Call(
        "GET",
        stream_path(stream, "events", str(int(offset)), "why"),
        _as(Why),
        {"seconds": seconds},
        seconds_max=(seconds or 60) + 10,
    )


def alarms(stream: Optional[str], limit: Optional[int]) -> Call[AlarmList]:
    """Ask for the latest incidents, of one stream or of all."""
    path = "/api/v1/alarms" if stream is None else stream_path(stream, "alarms")
    return Call("GET", path, _as(AlarmList), {"limit": limit})


def history(stream: str, span: Optional[str]) -> Call[History]:
    """Ask for the course of a stream."""
    return Call("GET", stream_path(stream, "history"), _as(History), {"span": span})


def surprises(stream: str, days: Optional[int], limit: Optional[int]) -> Call[Surprises]:
    """Ask for the rarest events."""
    return Call("GET", stream_path(stream, "surprises"), _as(Surprises), {"days": days, "limit": limit})


def keys(stream: str, order: Optional[str], limit: Optional[int]) -> Call[Keys]:
    """Ask for the keys of a stream."""
    return Call("GET", stream_path(stream, "keys"), _as(Keys), {"order": order, "limit": limit})


def templates(stream: str, limit: Optional[int]) -> Call[Templates]:
    """Ask for the templates of lines."""
    return Call("GET", stream_path(stream, "templates"), _as(Templates), {"limit": limit})


def events(stream: str, start: Optional[int], count: Optional[int]) -> Call[LoggedEvents]:
    """Ask for events of the log."""
    return Call("GET", stream_path(stream, "events"), _as(LoggedEvents), {"from": start, "count": count})


def learner(stream: str) -> Call[dict[str, Any]]:
    """Ask what the learner of a stream is made of."""
    return Call("GET", stream_path(stream, "learner"), _as_object)


def quarantine(stream: str) -> Call[dict[str, Any]]:
    """Ask for the events whose learning failed inside the daemon."""
    return Call("GET", stream_path(stream, "quarantine"), _as_object)


def other(method: str, path: str, query: Optional[Mapping[str, QueryValue]], body: Any) -> Call[Any]:
    """Ask something that this version has no name for."""
    if not path.startswith("/") or any(c in path for c in " ?#\r\n") or not path.isascii():
        raise ValueError(f"{path!r} is no path of a daemon; give /api/v1/…, quoted, and the query apart")
    if method not in ("GET", "POST", "PUT", "DELETE"):
        raise ValueError(f"{method!r} is no method that a daemon knows")
    content = None if body is None else json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    return Call(method, path, lambda answer: parse(answer) if answer else None, query or {}, content, JSON)


def push(stream: str, items: Iterable[Any], producer: Optional[str], epoch: Optional[int]) -> Call[Accepted]:
    """Post events."""
    body = items if isinstance(items, bytes) else encode_body(items)
    query = {"producer": producer, "epoch": epoch}
    return Call("POST", stream_path(stream, "events"), _as(Accepted), query, body)


# ---- changing streams


def reset(stream: str) -> Call[Changed]:
    """Let a stream begin anew."""
    return Call("POST", stream_path(stream, "reset"), _as(Changed), seconds_max=CHANGE_SECONDS_MAX)


def rename(stream: str, to: str) -> Call[Changed]:
    """Give a stream another name."""
    return Call("POST", stream_path(stream, "rename"), _as(Changed), {"to": to}, seconds_max=CHANGE_SECONDS_MAX)


def schema(stream: str, fields: Mapping[str, str], closed: Optional[bool], new_fields: bool) -> Call[Changed]:
    """Have a stream's log learnt again under another schema."""
    change: dict[str, Any] = {"fields": [{"name": name, "kind": kind} for name, kind in fields.items()]}
    if closed is not None:
        change["closed"] = closed
    if new_fields:
        change["new_fields"] = True
    body = json.dumps(change).encode()
    return Call(
        "POST",
        stream_path(stream, "schema"),
        _as(Changed),
        body=body,
        content_type=JSON,
        seconds_max=CHANGE_SECONDS_MAX,
    )


def feedback(
    stream: str, offset: int, verdict: Optional[str], label: Optional[str], incarnation: Optional[int]
) -> Call[dict[str, Any]]:
    """Say of an incident whether it mattered."""
    said = {"offset": offset, "verdict": verdict, "label": label, "incarnation": incarnation}
    body = json.dumps(said).encode()
    return Call("POST", stream_path(stream, "feedback"), _as_object, body=body, content_type=JSON)


def forget(
    stream: str,
    start: Optional[int],
    end: Optional[int],
    since: Optional[str],
    until: Optional[str],
    key: Optional[str],
) -> Call[Changed]:
    """Let a stream forget events."""
    what = {"from": start, "to": end, "since": since, "until": until, "key": key}
    body = json.dumps(what).encode()
    return Call(
        "POST",
        stream_path(stream, "forget"),
        _as(Changed),
        body=body,
        content_type=JSON,
        seconds_max=CHANGE_SECONDS_MAX,
    )


def delete(stream: str, for_good: bool) -> Call[Changed]:
    """Delete a stream."""
    return Call(
        "POST",
        stream_path(stream, "delete"),
        _as(Changed),
        {"for_good": True if for_good else None},
        seconds_max=CHANGE_SECONDS_MAX,
    )


def undo(stream: str, incarnation: Optional[int]) -> Call[Changed]:
    """Bring back what was reset, restored, learnt again or deleted."""
    return Call(
        "POST", stream_path(stream, "undo"), _as(Changed), {"incarnation": incarnation}, seconds_max=CHANGE_SECONDS_MAX
    )


def reset_producer(producer: str, stream: Optional[str]) -> Call[dict[str, Any]]:
    """Have a producer forgotten."""
    return Call(
        "POST",
        f"/api/v1/producers/{quote(producer, safe='')}/reset",
        _as_object,
        {"stream": stream},
        seconds_max=CHANGE_SECONDS_MAX,
    )


# ---- checkpoints


def checkpoints(stream: Optional[str]) -> Call[CheckpointList]:
    """Ask for the checkpoints in the store."""
    return Call("GET", "/api/v1/checkpoints", _as(CheckpointList), {"stream": stream})


def make_checkpoints(stream: Optional[str]) -> Call[CheckpointList]:
    """Have checkpoints made now."""
    return Call("POST", "/api/v1/checkpoints", _as(CheckpointList), {"stream": stream}, seconds_max=CHANGE_SECONDS_MAX)


def download(stream: str, generation: Generation) -> Call[bytes]:
    """Ask for the bytes of a checkpoint's learner."""
    return Call("GET", checkpoint_path(stream, generation), bytes)


def restore(stream: str, generation: Generation) -> Call[Changed]:
    """Go back to a checkpoint."""
    return Call("POST", checkpoint_path(stream, generation, "restore"), _as(Changed), seconds_max=CHANGE_SECONDS_MAX)


def pin(stream: str, generation: Generation, pinned: bool) -> Call[Checkpoint]:
    """Keep a checkpoint when newer ones come, or let it go."""
    return Call("POST", checkpoint_path(stream, generation, "pin"), _as(Checkpoint), {"pinned": pinned})


def label(stream: str, generation: Generation, text: Optional[str]) -> Call[Checkpoint]:
    """Give a checkpoint a label, or take it away."""
    return Call("POST", checkpoint_path(stream, generation, "label"), _as(Checkpoint), {"label": text})


def show(stream: str, generation: Generation) -> Call[dict[str, Any]]:
    """Ask what a checkpoint holds."""
    return Call("GET", checkpoint_path(stream, generation, "show"), _as_object)


def verify(stream: str, generation: Generation) -> Call[dict[str, Any]]:
    """Ask whether a checkpoint can be read back whole."""
    return Call("GET", checkpoint_path(stream, generation, "verify"), _as_object)


def diff(stream: str, generation: Generation, other: Generation) -> Call[dict[str, Any]]:
    """Ask how two checkpoints differ."""
    return Call("GET", checkpoint_path(stream, generation, "diff"), _as_object, {"with": other})


# ---- replays of a stream's own log


def replays() -> Call[list[dict[str, Any]]]:
    """Ask for the replays that the daemon keeps, the newest first."""
    return Call("GET", "/api/v1/replays", _as_replays)


def replay(
    stream: str,
    name: Optional[str],
    start: Optional[int],
    end: Optional[int],
    begin: str,
    settings: Optional[Mapping[str, Any]],
) -> Call[dict[str, Any]]:
    """Have a range of a stream's log learnt again."""
    spec = {"stream": stream, "name": name, "from": start, "to": end, "begin": begin, "settings": settings}
    body = json.dumps({key: value for key, value in spec.items() if value is not None}).encode()
    return Call("POST", "/api/v1/replays", _as_object, body=body, content_type=JSON)


def show_replay(id: int) -> Call[dict[str, Any]]:
    """Ask how far a replay has come, and how well it goes."""
    return Call("GET", f"/api/v1/replays/{int(id)}", _as_object)


def delete_replay(id: int) -> Call[None]:
    """Stop a replay, and forget it."""
    return Call("DELETE", f"/api/v1/replays/{int(id)}", lambda _: None)


# ---- the daemon itself


def health(ready: bool = False) -> Call[Health]:
    """Ask whether the daemon works, or whether it accepts events."""
    return Call("GET", "/-/ready" if ready else "/-/healthy", _as(Health), answers=(503,))


def system() -> Call[dict[str, Any]]:
    """Ask for limits and how near each of them is."""
    return Call("GET", "/api/v1/system", _as_object)


def config() -> Call[dict[str, Any]]:
    """Ask for the configuration in force."""
    return Call("GET", "/api/v1/config", _as_object)


def metrics() -> Call[str]:
    """Ask for the metrics in the form of Prometheus."""
    return Call("GET", "/metrics", lambda body: body.decode())


def series() -> Call[str]:
    """Ask for the predictions of chosen streams as series for Prometheus."""
    return Call("GET", "/api/v1/series", lambda body: body.decode())


def reload() -> Call[dict[str, Any]]:
    """Have the configuration read again."""
    return Call("POST", "/-/reload", _as_object)


def audit(limit: Optional[int]) -> Call[dict[str, Any]]:
    """Ask what operators did."""
    return Call("GET", "/api/v1/audit", _as_object, {"limit": limit})
