"""Server-sent events: what a feed of the daemon is cut into, and what its events are read as."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Optional, Union

from ._answers import Alarm, Drift, Outcome, Prediction
from ._calls import parse
from ._decode import Answer
from .errors import ProblemError, ProtocolError, SurmiseError, UnreachableError

#: Bytes of the longest line of a feed that is read.
LINE_BYTES_MAX = 64 << 20


@dataclass(frozen=True)
class Lagged(Answer):
    """Outcomes were left out, because the follower read too slowly or was away for too long."""

    skipped: int = 0
    """How many."""


@dataclass(frozen=True)
class Replaced(Answer):
    """The stream was reset, restored, renamed, learnt again or deleted; what follows is of what came in its place."""


@dataclass(frozen=True)
class Glance(Answer):
    """What changed among all streams, as `watch_all` tells it once a second."""

    kind: str = ""
    """One of `streams` and `alarms`."""
    data: Optional[dict[str, Any]] = None


#: What a feed of one stream gives.
FeedEvent = Union[Outcome, Prediction, Drift, Alarm, Lagged, Replaced]

#: What each name of an event is read as.
_KINDS: dict[str, type[Answer]] = {
    "learn": Outcome,
    # an incident begins or goes on with it
    "surprise": Outcome,
    "predict": Prediction,
    "drift": Drift,
    "alarm": Alarm,
    "lagged": Lagged,
    "replaced": Replaced,
}


@dataclass(frozen=True)
class ServerEvent:
    """One server-sent event as it came."""

    name: str
    data: str
    id: Optional[str]


class FeedCutter:
    """Cuts the bytes of a feed into events, wherever the bytes are cut."""

    def __init__(self) -> None:
        self._rest = b""
        self._name = ""
        self._data: list[str] = []
        self._id: Optional[str] = None

    def cut(self, data: bytes) -> Iterator[ServerEvent]:
        """Give the events that are whole with these bytes."""
        lines = (self._rest + data).replace(b"\r\n", b"\n").split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > LINE_BYTES_MAX:
            raise ProtocolError("a line of the feed is longer than any of surmised")
        for line in lines:
            event = self._line(line.decode("utf-8", "replace"))
            if event is not None:
                yield event

    def _line(self, line: str) -> Optional[ServerEvent]:
        if not line:
            event = ServerEvent(self._name or "message", "\n".join(self._data), self._id) if self._data else None
            self._name, self._data, self._id = "", [], None
            return event
        name, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if name == "event":
            self._name = value
        elif name == "data":
            self._data.append(value)
        elif name == "id":
            self._id = value
        return None


class Follower:
    """What a feed of one stream is read as, and where it is to go on after a break."""

    def __init__(self, after: Optional[int] = None) -> None:
        self.last_id = None if after is None else str(after)
        self.was_replaced = False

    def read(self, event: ServerEvent) -> Optional[FeedEvent]:
        """Read an event; none for a kind that this version does not know."""
        if event.id is not None:
            self.last_id = event.id
        kind = _KINDS.get(event.name)
        if kind is None:
            return None
        if kind is Replaced:
            # offsets of what comes next have nothing to do with those before
            self.last_id = None
            self.was_replaced = True
        elif kind is Outcome:
            self.was_replaced = False
        found: Any = kind.from_json(parse(event.data.encode()))
        return found  # type: ignore[no-any-return]


def read_glance(event: ServerEvent) -> Optional[Glance]:
    """Read an event of the feed of all streams."""
    if event.name not in ("streams", "alarms"):
        return None
    data = parse(event.data.encode())
    return Glance.from_json({"kind": event.name, "data": data})


#: Seconds within which a stream that was followed may be unknown: the daemon may be starting again.
_UNKNOWN_MAX = 10.0


class Patience:
    """How long a follower tries to come back, and with what pauses."""

    def __init__(self, give_up_after: Optional[float], follower: Optional[Follower] = None) -> None:
        self._give_up_after = give_up_after
        self._follower = follower
        self._was_connected = False
        self._broken_at: Optional[float] = None
        self._pause = 0.05

    def connected(self) -> None:
        """Note that the feed is there."""
        self._was_connected, self._broken_at, self._pause = True, None, 0.05

    def next_pause(self, error: SurmiseError) -> Optional[float]:
        """Say for how many seconds to wait before the next attempt; `None` if the feed is over.

        Raises the error if another attempt would not help.
        """
        now = time.monotonic()
        self._broken_at = now if self._broken_at is None else self._broken_at
        away = now - self._broken_at
        if isinstance(error, ProblemError):
            if error.status == 404 and self._follower is not None and self._follower.was_replaced:
                return None
            may_pass = error.status in (429, 502, 503, 504) or (error.status == 404 and away < _UNKNOWN_MAX)
        else:
            may_pass = isinstance(error, UnreachableError)
        too_long = self._give_up_after is not None and away >= self._give_up_after
        if not self._was_connected or not may_pass or too_long:
            raise error
        pause = self._pause
        self._pause = min(2 * pause, 5.0)
        return pause
