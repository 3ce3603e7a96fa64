"""Questions to a daemon over HTTP, for programs without asyncio."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Callable, Optional, TypeVar

from . import _calls as calls
from ._address import Trust, distrust
from ._answers import AlarmList, Forecast, Prediction, Why
from ._calls import Call
from ._door import HEARTBEAT_TIMEOUT, Door
from ._feed import FeedCutter, FeedEvent, Follower, Glance, Patience, ServerEvent, read_glance
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
from ._surroundings import authorities, http_url
from ._surroundings import token as from_environment
from ._wire import Time
from .errors import ProtocolError, SurmiseError, UnreachableError, UntrustedError

T = TypeVar("T")


class Client:
    """Asks a daemon about its streams.

    >>> client = Client()  # http://127.0.0.1:7070
    >>> client.next("web", key="user-7").best
    {'page': '/cart', 'ms': 131.8}

    Without a `url` it is that of the variable SURMISE_SERVER, or http://127.0.0.1:7070. One client can be used by
    several threads; each has a connection of its own, which stays open. Every method raises `ProblemError` for what the
    daemon says against it, with `status`, `code`, `field` and `reason`.
    """

    def __init__(
        self, url: Optional[str] = None, *, token: Optional[str] = None, trust: Trust = None, timeout: float = 60.0
    ) -> None:
        self.door = Door(url or http_url(), token or from_environment(), trust or authorities())
        self.timeout = timeout
        self._context = self.door.context()
        self._local = threading.local()

    # ---- asking

    def _open(self, timeout: float) -> http.client.HTTPConnection:
        host, port = self.door.host, self.door.port
        if self._context is not None:
            return http.client.HTTPSConnection(host, port, timeout=timeout, context=self._context)
        return http.client.HTTPConnection(host, port, timeout=timeout)

    def _request(
        self, connection: http.client.HTTPConnection, call: Call[T], headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        connection.request(call.method, call.target, call.body, {**self.door.headers(call), **headers})
        return connection.getresponse()

    def ask(self, call: Call[T]) -> T:
        """Ask a question of `surmise._calls`; the other methods do it for you."""
        kept: Optional[http.client.HTTPConnection] = getattr(self._local, "connection", None)
        try:
            # what was posted may have arrived although its answer did not, so it is never posted twice
            if kept is not None and call.may_repeat:
                with contextlib.suppress(ConnectionError, http.client.BadStatusLine):
                    return self._ask_on(kept, call)
            elif kept is not None:
                kept.close()
            self._local.connection = connection = self._open(self.timeout)
            return self._ask_on(connection, call)
        except (OSError, http.client.HTTPException) as error:
            raise self._fault(error) from None

    def _ask_on(self, connection: http.client.HTTPConnection, call: Call[T]) -> T:
        connection.timeout = max(self.timeout, call.seconds_max)
        if connection.sock is not None:
            connection.sock.settimeout(connection.timeout)
        try:
            response = self._request(connection, call, {})
            body = response.read()
        except BaseException:
            connection.close()
            self._local.connection = None
            raise
        return call.finish(response.status, body, response.headers.get("Retry-After"))

    def _fault(self, error: Exception) -> SurmiseError:
        if isinstance(error, SurmiseError):
            return error
        reason = distrust(error)
        if reason is not None:
            return UntrustedError(self.door.url, reason)
        if isinstance(error, http.client.IncompleteRead):
            return UnreachableError(self.door.url, "the connection was closed within the answer")
        if isinstance(error, http.client.HTTPException) and not isinstance(error, ConnectionError):
            return ProtocolError(f"not an answer of surmised: {error!r}")
        return UnreachableError(self.door.url, str(error) or type(error).__name__)

    # ---- streams and their predictions

    def streams(self, *, trend: bool = False) -> StreamList:
        """Give all streams: offset, schema, rate, mean surprise, skill, latest incident."""
        return self.ask(calls.streams(trend))

    def status(self, stream: str, *, hash: bool = False) -> StreamStatus:
        """Give the whole state of a stream; with `hash` the hash of its learner, too."""
        return self.ask(calls.status(stream, hash))

    def state_hash(self, stream: str) -> StateHash:
        """Give the hash of a stream's learner, and the offset that it is of."""
        return self.ask(calls.state_hash(stream))

    def next(
        self, stream: str, *, key: Optional[str] = None, top: Optional[int] = None, fresh: bool = True
    ) -> Prediction:
        """Give the prediction of the next event, with the `top` likeliest symbols of each field.

        It is of every event that was acknowledged before, such as those before a `flush`. With `fresh` off it is of the
        latest snapshot, which is milliseconds old, and never waits for one.
        """
        return self.ask(calls.next_event(stream, key, top, fresh))

    def forecast(
        self,
        stream: str,
        horizon: Optional[int] = None,
        *,
        key: Optional[str] = None,
        top: Optional[int] = None,
        fresh: bool = True,
    ) -> Forecast:
        """Give the predictions of the next `horizon` events; `fresh` as for `next`."""
        return self.ask(calls.forecast(stream, horizon, key, top, fresh))

    def predict(
        self,
        stream: str,
        data: Mapping[str, Any],
        *,
        key: Optional[str] = None,
        time: Optional[Time] = None,
        top: Optional[int] = None,
        fresh: bool = True,
    ) -> Prediction:
        """Give what is expected of the other fields of an event of which `data` is known; nothing is learnt.

        Of a stream with a target that is the target; of other streams it is every field that is not given. `fresh` is
        as for `next`.
        """
        return self.ask(calls.predict(stream, data, key, time, top, fresh))

    def why(self, stream: str, offset: int, *, seconds: Optional[int] = None) -> Why:
        """Say why an event was as surprising as it was; working it out may take so many seconds."""
        return self.ask(calls.why(stream, offset, seconds))

    def alarms(self, stream: Optional[str] = None, *, limit: Optional[int] = None) -> AlarmList:
        """Give the latest incidents of a stream, or of all streams."""
        return self.ask(calls.alarms(stream, limit))

    def history(self, stream: str, *, span: Optional[str] = None) -> History:
        """Give events, surprise and incidents over time; `span` is seconds, minutes, hours or days."""
        return self.ask(calls.history(stream, span))

    def surprises(self, stream: str, *, days: Optional[int] = None, limit: Optional[int] = None) -> Surprises:
        """Give the rarest events of the latest days, and how often events were how rare."""
        return self.ask(calls.surprises(stream, days, limit))

    def keys(self, stream: str, *, order: Optional[str] = None, limit: Optional[int] = None) -> Keys:
        """Give the keys in memory: those first that spoke last, or with the order `quietest` the others."""
        return self.ask(calls.keys(stream, order, limit))

    def templates(self, stream: str, *, limit: Optional[int] = None) -> Templates:
        """Give the templates of a stream's lines, those of the most lines first."""
        return self.ask(calls.templates(stream, limit))

    def events(self, stream: str, *, start: Optional[int] = None, count: Optional[int] = None) -> LoggedEvents:
        """Give events of the log from an offset on, the latest without one."""
        return self.ask(calls.events(stream, start, count))

    def learner(self, stream: str) -> dict[str, Any]:
        """Say what the learner of a stream is made of, with the weight and the loss of every expert."""
        return self.ask(calls.learner(stream))

    def quarantine(self, stream: str) -> dict[str, Any]:
        """Give the latest events whose learning failed inside, and that the stream went on without."""
        return self.ask(calls.quarantine(stream))

    def push(
        self, stream: str, items: Iterable[Any], *, producer: Optional[str] = None, epoch: Optional[int] = None
    ) -> Accepted:
        """Post events, each as `Event` or as its data, or NDJSON as bytes; returns when they are durable.

        With a producer and `seq` in every event, or an `id` in it, posting the same again is recognised and changes
        nothing.
        """
        return self.ask(calls.push(stream, items, producer, epoch))

    # ---- following

    def watch(
        self,
        stream: str,
        *,
        after: Optional[int] = None,
        predict: Optional[int] = None,
        heartbeat_timeout: float = HEARTBEAT_TIMEOUT,
        give_up_after: Optional[float] = None,
    ) -> Iterator[FeedEvent]:
        """Give outcomes, drifts and alarms of a stream as they come, for ever.

        After a break the feed goes on after the last outcome that came, as far as the daemon keeps them; `Lagged` tells
        of what it does not. `after` is the offset after which the first connection goes on. A feed that says nothing
        for `heartbeat_timeout` seconds counts as broken; after `give_up_after` seconds away the error is raised.
        With `predict` it gives after outcomes what is expected next of the key that spoke last, as a `Prediction` with
        so many symbols of a field.
        """
        follower = Follower(after)
        path = calls.watch_path(stream, predict)
        return self._follow(path, heartbeat_timeout, Patience(give_up_after, follower), follower.read, follower)

    def watch_all(
        self, *, heartbeat_timeout: float = HEARTBEAT_TIMEOUT, give_up_after: Optional[float] = None
    ) -> Iterator[Glance]:
        """Give the rows of streams that change, and incidents of all streams, once a second."""
        return self._follow("/api/v1/watch", heartbeat_timeout, Patience(give_up_after), read_glance)

    def _follow(
        self,
        path: str,
        heartbeat_timeout: float,
        patience: Patience,
        read: Callable[[ServerEvent], Optional[T]],
        follower: Optional[Follower] = None,
    ) -> Iterator[T]:
        while True:
            try:
                last_id = None if follower is None else follower.last_id
                for event in self._feed(path, last_id, heartbeat_timeout, patience):
                    found = read(event)
                    if found is not None:
                        yield found
                # the daemon ends a feed when the stream is replaced, and when it stops
                fault: SurmiseError = UnreachableError(self.door.url, "the feed ended")
            except SurmiseError as error:
                fault = error
            pause = patience.next_pause(fault)
            if pause is None:
                return
            time.sleep(pause)

    def _feed(
        self, path: str, last_id: Optional[str], heartbeat_timeout: float, patience: Patience
    ) -> Iterator[ServerEvent]:
        connection = self._open(heartbeat_timeout)
        call: Call[bytes] = Call("GET", path, bytes)
        try:
            response = self._request(connection, call, {} if last_id is None else {"Last-Event-ID": last_id})
            if response.status != 200:
                call.finish(response.status, response.read(), response.headers.get("Retry-After"))
            patience.connected()
            cutter = FeedCutter()
            while True:
                data = response.read1(1 << 16)
                if not data:
                    return
                yield from cutter.cut(data)
        except (OSError, http.client.HTTPException) as error:
            raise self._fault(error) from None
        finally:
            connection.close()

    # ---- changing streams

    def reset(self, stream: str) -> Changed:
        """Let a stream begin anew; its producers go on where they are."""
        return self.ask(calls.reset(stream))

    def rename(self, stream: str, to: str) -> Changed:
        """Give a stream another name."""
        return self.ask(calls.rename(stream, to))

    def schema(
        self, stream: str, fields: Mapping[str, str], *, closed: Optional[bool] = None, new_fields: bool = False
    ) -> Changed:
        """Have a stream's log learnt again with other kinds of fields, as in `{"status": "category"}`.

        A field that no event had yet is refused, unless `new_fields` says that one may be declared.
        """
        return self.ask(calls.schema(stream, fields, closed, new_fields))

    def feedback(
        self,
        stream: str,
        offset: int,
        verdict: Optional[str] = None,
        *,
        label: Optional[str] = None,
        incarnation: Optional[int] = None,
    ) -> dict[str, Any]:
        """Say of the incident of an event whether it was `normal` or `bad`, or give its kind a label.

        It is learnt and logged like an event: the next incidents of the kind are told less readily, or sooner.
        """
        return self.ask(calls.feedback(stream, offset, verdict, label, incarnation))

    def forget(
        self,
        stream: str,
        *,
        start: Optional[int] = None,
        end: Optional[int] = None,
        since: Optional[str] = None,
        until: Optional[str] = None,
        key: Optional[str] = None,
    ) -> Changed:
        """Make a stream what it would be without the events of a key, of offsets, or of times (RFC 3339)."""
        return self.ask(calls.forget(stream, start, end, since, until, key))

    def delete(self, stream: str, *, for_good: bool = False) -> Changed:
        """Delete a stream; `undo` brings it back, unless it goes for good."""
        return self.ask(calls.delete(stream, for_good))

    def undo(self, stream: str, *, incarnation: Optional[int] = None) -> Changed:
        """Bring back what was reset, restored, learnt again or deleted, as it ended."""
        return self.ask(calls.undo(stream, incarnation))

    def reset_producer(self, producer: str, *, stream: Optional[str] = None) -> dict[str, Any]:
        """Have a producer forgotten, so that it may begin anew with any epoch and number."""
        return self.ask(calls.reset_producer(producer, stream))

    # ---- checkpoints, each by its number or its label

    def checkpoints(self, stream: Optional[str] = None) -> CheckpointList:
        """Give the checkpoints in the store."""
        return self.ask(calls.checkpoints(stream))

    def make_checkpoints(self, stream: Optional[str] = None) -> CheckpointList:
        """Have checkpoints made now; returns when they are durable."""
        return self.ask(calls.make_checkpoints(stream))

    def download(self, stream: str, generation: calls.Generation) -> bytes:
        """Give the bytes of a checkpoint's learner, which `surmise replay --from` reads."""
        return self.ask(calls.download(stream, generation))

    def restore(self, stream: str, generation: calls.Generation) -> Changed:
        """Go back to a checkpoint, while events come in."""
        return self.ask(calls.restore(stream, generation))

    def pin(self, stream: str, generation: calls.Generation, pinned: bool = True) -> Checkpoint:
        """Keep a checkpoint when newer ones come, or let it go."""
        return self.ask(calls.pin(stream, generation, pinned))

    def label(self, stream: str, generation: calls.Generation, label: Optional[str]) -> Checkpoint:
        """Give a checkpoint a label, or take it away."""
        return self.ask(calls.label(stream, generation, label))

    def show(self, stream: str, generation: calls.Generation) -> dict[str, Any]:
        """Say what a checkpoint holds."""
        return self.ask(calls.show(stream, generation))

    def verify(self, stream: str, generation: calls.Generation) -> dict[str, Any]:
        """Say whether a checkpoint can be read back whole."""
        return self.ask(calls.verify(stream, generation))

    def diff(self, stream: str, generation: calls.Generation, other: calls.Generation) -> dict[str, Any]:
        """Say how two checkpoints of a stream differ."""
        return self.ask(calls.diff(stream, generation, other))

    # ---- replays of a stream's own log

    def replays(self) -> list[dict[str, Any]]:
        """Give the replays that the daemon keeps, the newest first."""
        return self.ask(calls.replays())

    def replay(
        self,
        stream: str,
        *,
        name: Optional[str] = None,
        start: Optional[int] = None,
        end: Optional[int] = None,
        begin: str = "fresh",
        settings: Optional[Mapping[str, Any]] = None,
    ) -> dict[str, Any]:
        """Have a range of a stream's log learnt again, by a learner that nobody else sees.

        It begins knowing nothing (`fresh`), or what the stream knew at `start` (`live`); `settings` are what differs
        from the stream's own, as in `{"network": "off"}`.
        """
        return self.ask(calls.replay(stream, name, start, end, begin, settings))

    def show_replay(self, id: int) -> dict[str, Any]:
        """Say how far a replay has come, and how well it goes."""
        return self.ask(calls.show_replay(id))

    def delete_replay(self, id: int) -> None:
        """Stop a replay, and forget it."""
        self.ask(calls.delete_replay(id))

    # ---- the daemon itself

    def health(self) -> Health:
        """Say whether the daemon works."""
        return self.ask(calls.health())

    def ready(self) -> Health:
        """Say whether all streams are restored and events are accepted."""
        return self.ask(calls.health(ready=True))

    def system(self) -> dict[str, Any]:
        """Give limits, and how near each of them is."""
        return self.ask(calls.system())

    def config(self) -> dict[str, Any]:
        """Give the configuration in force: its file, and each key with its value and where it comes from."""
        return self.ask(calls.config())

    def metrics(self) -> str:
        """Give the metrics in the form of Prometheus."""
        return self.ask(calls.metrics())

    def series(self) -> str:
        """Give the predictions of the streams of `[export.series]`, in the form of Prometheus."""
        return self.ask(calls.series())

    def reload(self) -> dict[str, Any]:
        """Have the configuration read again; gives the keys that changed."""
        return self.ask(calls.reload())

    def audit(self, *, limit: Optional[int] = None) -> dict[str, Any]:
        """Give what operators did."""
        return self.ask(calls.audit(limit))

    def call(
        self, method: str, path: str, *, query: Optional[Mapping[str, calls.QueryValue]] = None, body: Any = None
    ) -> Any:
        """Ask something that this version has no name for, as `call("GET", "/api/v1/system")`; gives its JSON."""
        return self.ask(calls.other(method, path, query, body))

    def close(self) -> None:
        """End this thread's connection; a later question opens another."""
        connection: Optional[http.client.HTTPConnection] = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Client of {self.door.url}>"
