"""The lines of the event socket: what is written to the daemon, and what its replies are read as."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional, Union, cast

from .errors import ProtocolError, RecordError

#: The version of the protocol that this package speaks.
PROTOCOL = 1

#: The replies that a producer can ask for.
WANTS = ("ack", "outcome", "next")

#: What a reply of the daemon holds one of.
_REPLIES = frozenset(("ack", "outcome", "error", "welcome"))

#: The largest sequence number and epoch: the daemon reads 64 bits.
NUMBER_MAX = (1 << 64) - 1

#: What may be said of the time of an event: RFC 3339, seconds since 1970, or a time with a zone.
Time = Union[str, float, int, datetime.datetime]


@dataclass
class Event:
    """One event with everything that can be said of it, for calls that take many.

    `data` is a text (one category field named `value`), a number, a mapping of field names to values, a list of
    numbers, or `None`; `key` names the sequence that the event belongs to, and `end` says that it ends with it.
    """

    data: Any = None
    key: Optional[str] = None
    time: Optional[Time] = None
    end: bool = False
    stream: Optional[str] = None
    seq: Optional[int] = None
    id: Optional[str] = None
    """What the event is called, so that one that is pushed again is not learnt again; `Client.push` sends it."""


@dataclass(frozen=True)
class Welcome:
    """The answer of the daemon to a hello that is accepted."""

    server: str
    """Name and version of the daemon."""
    committed_seq: Optional[int]
    """The producer's last sequence number of this epoch that is durable, after which to resume."""
    line_bytes_max: int
    """Bytes of the longest line that the daemon reads."""
    producers_forgotten: int = 0
    """How many producers the stream has forgotten for want of room, if it does not know this one."""


@dataclass(frozen=True)
class Refusal:
    """The refusal of an event, or of the whole connection."""

    code: str
    """The kind of fault, for example `wrong_type`."""
    field: str
    """The field, or the part of the line, that is at fault."""
    reason: str
    """What is wrong with it."""
    seq: Optional[int] = None
    """The sequence number of the event, if it could be read."""
    line: Optional[int] = None
    """The number of the line on its connection, from 1."""
    fatal: bool = False
    """Whether the daemon closes the connection after it."""

    def __str__(self) -> str:
        event = "" if self.seq is None else f"event {self.seq}, "
        return f'{event}field "{self.field}": {self.reason}'

    @staticmethod
    def from_json(error: Mapping[str, Any]) -> Refusal:
        """Read a refusal as the daemon writes it."""
        names = ("code", "field", "reason", "seq", "line", "fatal")
        try:
            return Refusal(**{name: error[name] for name in names if name in error})
        except TypeError as fault:
            raise ProtocolError(f"not a refusal of surmised: {fault}") from None

    @property
    def may_pass(self) -> bool:
        """Whether the cause may pass, so that connecting again may help."""
        # as many connections as there may be; a limit that an event meets will be there the next time, too
        return self.code == "unavailable" or (self.code == "limit_reached" and self.fatal)


def plain_value(value: Any) -> Any:
    """Turn a value that JSON does not know into one that it does: scalars and arrays of NumPy, and times."""
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    for method in ("tolist", "item"):
        turn = getattr(value, method, None)
        if callable(turn):
            return turn()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} is no value of an event")


#: Writes a text as JSON, as it is.
_quote = json.encoder.encode_basestring

#: Texts stay as they are, and NaN is refused here, where the caller can be told of it.
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=plain_value).encode


def time_json(time: Time) -> str:
    """Write a time as JSON."""
    if isinstance(time, datetime.datetime):
        if time.tzinfo is None:
            raise RecordError("bad_time", "time", "the time has no zone; give one, as in datetime.now(timezone.utc)")
        return _encode(time.isoformat())
    if isinstance(time, bool) or not isinstance(time, (str, int, float)):
        plain = plain_value(time)
        if isinstance(plain, bool) or not isinstance(plain, (str, int, float)):
            raise RecordError("bad_time", "time", f"a {type(time).__name__} is no time")
        time = plain
    return _encode(time)


class EncodedEvent(NamedTuple):
    """An event as it goes into the window: its line without its number, or what is wrong with it."""

    seq: Optional[int]
    rest: Optional[bytes]
    fault: Optional[RecordError]
    names_stream: bool


def encoded(
    data: Any,
    key: Optional[str] = None,
    time: Optional[Time] = None,
    end: bool = False,
    stream: Optional[str] = None,
    seq: Optional[int] = None,
) -> EncodedEvent:
    """Write an event for the window."""
    try:
        return EncodedEvent(seq, encode_event(data, key, time, end, stream), None, stream is not None)
    except RecordError as fault:
        return EncodedEvent(seq, None, fault, stream is not None)


def encoded_item(item: Any) -> EncodedEvent:
    """Write what is given as `Event` or as its data for the window."""
    if isinstance(item, Event):
        return encoded(item.data, item.key, item.time, item.end, item.stream, item.seq)
    return encoded(item)


def encode_event(
    data: Any,
    key: Optional[str],
    time: Optional[Time],
    end: bool,
    stream: Optional[str],
    id: Optional[str] = None,
) -> bytes:
    """Write an event as a line without its sequence number: what follows `{"seq":N,`.

    Raises `RecordError` for what the daemon could not read.
    """
    try:
        line = ""
        if id is not None:
            if not isinstance(id, str):
                raise RecordError("wrong_type", "id", f"expected a text, got {id!r}")
            line += f'"id":{_quote(id)},'
        if stream is not None:
            line += f'"stream":{_quote(stream)},'
        if key is not None:
            line += f'"key":{_quote(key if isinstance(key, str) else str(key))},'
        if time is not None:
            line += f'"time":{time_json(time)},'
        if data is not None:
            line += f'"data":{_encode(data)}' + (',"end":true}\n' if end else "}\n")
        elif end:
            line += '"end":true}\n'
        else:
            raise RecordError("empty", "data", "the event neither holds a value nor ends a key")
        return line.encode()
    except UnicodeEncodeError as error:
        raise RecordError("bad_utf8", "line", f"half of a surrogate pair is no text: {error.reason}") from None
    except ValueError as error:
        if isinstance(error, RecordError):
            raise
        code = "bad_json" if "ircular" in str(error) else "not_finite"
        raise RecordError(code, _not_finite(data), f"expected a value that JSON can carry: {error}") from None
    except (TypeError, RecursionError) as error:
        raise RecordError("wrong_type", "data", str(error)) from None


def _not_finite(data: Any) -> str:
    """Name the field whose number is not finite."""
    if isinstance(data, Mapping):
        for name, value in data.items():
            if isinstance(value, float) and not math.isfinite(value):
                return str(name)
    return "data"


def encode_hello(fields: Mapping[str, Any]) -> bytes:
    """Write the first line of a connection; what is `None` is left out."""
    hello = {"protocol": PROTOCOL, **{name: value for name, value in fields.items() if value is not None}}
    return (_encode({"hello": hello}) + "\n").encode()


def encode_body(events: Iterable[Any]) -> bytes:
    """Write events as the lines of a body, each as `Event` or as its data."""
    lines = []
    for item in events:
        event = item if isinstance(item, Event) else Event(item)
        begin = b"{" if event.seq is None else b'{"seq":%d,' % event.seq
        lines.append(begin + encode_event(event.data, event.key, event.time, event.end, event.stream, event.id))
    return b"".join(lines)


def parse_reply(line: bytes) -> dict[str, Any]:
    """Read a line of the daemon as an object; keys that are not known are left alone."""
    try:
        reply = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not an event socket of surmised: {error}") from None
    if not isinstance(reply, dict) or not _REPLIES & reply.keys():
        raise ProtocolError("not an event socket of surmised: expected a welcome, an ack, an outcome or an error")
    return reply


def parse_replies(lines: Sequence[bytes]) -> Iterable[dict[str, Any]]:
    """Read lines that came together, as `parse_reply` does each; together they take half of the time."""
    try:
        replies = json.loads(b"[" + b",".join(lines) + b"]")
    except (ValueError, RecursionError):
        replies = []
    if len(replies) == len(lines) and all(isinstance(reply, dict) and _REPLIES & reply.keys() for reply in replies):
        return cast(list[dict[str, Any]], replies)
    # one by one as they are handled, so that those before a line at fault count
    return map(parse_reply, lines)


def parse_welcome(reply: Mapping[str, Any]) -> Welcome:
    """Read the answer to a hello."""
    welcome = reply.get("welcome")
    if not isinstance(welcome, dict):
        raise ProtocolError("not an event socket of surmised: the hello was not answered by a welcome")
    try:
        committed = welcome["committed_seq"]
        return Welcome(
            server=str(welcome["server"]),
            committed_seq=None if committed is None else int(committed),
            line_bytes_max=int(welcome["line_bytes_max"]),
            producers_forgotten=int(welcome.get("producers_forgotten", 0)),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ProtocolError(f"not an event socket of surmised: the welcome lacks {error}") from None
