"""The lines of the event socket."""

from __future__ import annotations

import datetime
import json
import math
from collections import OrderedDict
from typing import Any, Optional

import pytest

from surmise import Address, AddressError, Event, ProtocolError, RecordError, Refusal
from surmise._wire import encode_body, encode_event, encode_hello, parse_reply, parse_welcome, time_json


def line(data: Any, **rest: Any) -> Any:
    fields = {"key": None, "time": None, "end": False, "stream": None, **rest}
    text = encode_event(data, fields["key"], fields["time"], fields["end"], fields["stream"])
    return json.loads(b"{" + text)


@pytest.mark.parametrize(
    ("data", "written"),
    [
        ("up", "up"),
        ("", ""),
        (0, 0),
        (False, False),
        ({"page": "/é", "ms": 1.5, "no": None}, {"page": "/é", "ms": 1.5, "no": None}),
        ([1, 2.5], [1, 2.5]),
        ((1, 2), [1, 2]),
        (OrderedDict(a=1), {"a": 1}),
        ({"at": datetime.date(2026, 11, 27)}, {"at": "2026-11-27"}),
        ({"text": 'a"b\\c\n\u2028\x00'}, {"text": 'a"b\\c\n\u2028\x00'}),
    ],
)
def test_values_are_written_as_they_are(data: Any, written: Any) -> None:
    assert line(data)["data"] == written
    assert encode_event(data, None, None, False, None).count(b"\n") == 1


def test_an_event_says_everything() -> None:
    said = line({"a": 1}, key="k", time="2026-11-27T00:00:00Z", end=True, stream="s")
    assert said == {"stream": "s", "key": "k", "time": "2026-11-27T00:00:00Z", "data": {"a": 1}, "end": True}
    assert line(None, key=7, end=True) == {"key": "7", "end": True}


def test_a_time_has_a_zone_or_is_refused() -> None:
    noon = datetime.datetime(2026, 11, 27, 12, tzinfo=datetime.timezone.utc)
    assert json.loads(time_json(noon)) == "2026-11-27T12:00:00+00:00"
    assert time_json(1.5) == "1.5"
    for wrong in (datetime.datetime(2026, 11, 27), True, object()):
        with pytest.raises((RecordError, TypeError)):
            time_json(wrong)  # type: ignore[arg-type]


def circular() -> dict[str, Any]:
    record: dict[str, Any] = {}
    record["self"] = record
    return record


def deep() -> Any:
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("data", "code", "field"),
    [
        ({"ok": 1, "ms": math.nan}, "not_finite", "ms"),
        (math.inf, "not_finite", "data"),
        ({"a": object()}, "wrong_type", "data"),
        ({(1, 2): 3}, "wrong_type", "data"),
        ("\ud800", "bad_utf8", "line"),
        (circular(), "bad_json", "data"),
        (deep(), "wrong_type", "data"),
        (None, "empty", "data"),
        (b"bytes", "wrong_type", "data"),
    ],
    ids=["nan", "inf", "object", "tuple-key", "surrogate", "circular", "deep", "nothing", "bytes"],
)
def test_what_json_cannot_carry_is_refused_here(data: Any, code: str, field: str) -> None:
    with pytest.raises(RecordError) as caught:
        encode_event(data, None, None, False, None)
    assert (caught.value.code, caught.value.field) == (code, field)


def test_numbers_of_numpy_are_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    record = {"a": numpy.int64(3), "b": numpy.float32(0.5), "c": numpy.arange(2)}
    assert line(record)["data"] == {"a": 3, "b": 0.5, "c": [0, 1]}
    with pytest.raises(RecordError):
        line(numpy.float32("nan"))


def test_a_body_has_a_line_for_each_event() -> None:
    body = encode_body(["a", Event("b", key="k", seq=7)])
    assert body == b'{"data":"a"}\n{"seq":7,"key":"k","data":"b"}\n'


def test_an_event_of_a_body_may_have_an_id() -> None:
    body = encode_body([Event("b", key="k", seq=7, id='é"'), Event("c", id="")])
    assert body.decode() == '{"seq":7,"id":"é\\"","key":"k","data":"b"}\n{"id":"","data":"c"}\n'


@pytest.mark.parametrize(
    ("name", "code", "field"),
    [(7, "wrong_type", "id"), (b"x", "wrong_type", "id"), ("\ud800", "bad_utf8", "line")],
    ids=["number", "bytes", "surrogate"],
)
def test_an_id_that_is_no_text_is_refused_here(name: Any, code: str, field: str) -> None:
    with pytest.raises(RecordError) as caught:
        encode_body([Event("a", id=name)])
    assert (caught.value.code, caught.value.field) == (code, field)


def test_a_hello_leaves_out_what_is_not_said() -> None:
    hello = json.loads(encode_hello({"producer": "p", "token": None, "want": ["ack"]}))
    assert hello == {"hello": {"protocol": 1, "producer": "p", "want": ["ack"]}}


@pytest.mark.parametrize("text", [b"", b"x", b"[]", b"{}", b"1", b'{"other":1}', b"\xff", b"[" * 100_000])
def test_what_is_no_reply_is_told_apart(text: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_reply(text)


@pytest.mark.parametrize(
    "welcome",
    [None, {}, {"server": "s", "committed_seq": "x", "line_bytes_max": 1}, {"server": "s", "committed_seq": 1e999}, 7],
)
def test_a_welcome_that_is_none_is_told_apart(welcome: Any) -> None:
    with pytest.raises(ProtocolError):
        parse_welcome({"welcome": welcome})


@pytest.mark.parametrize(
    ("code", "fatal", "may_pass"),
    [
        ("unavailable", True, True),
        ("limit_reached", True, True),
        ("limit_reached", False, False),
        ("fenced", True, False),
    ],
)
def test_some_refusals_pass(code: str, fatal: bool, may_pass: bool) -> None:
    assert Refusal(code, "line", "…", fatal=fatal).may_pass is may_pass


@pytest.mark.parametrize(
    ("text", "kind", "place"),
    [
        ("localhost:7071", "tcp", "localhost:7071"),
        ("tcp://localhost:7071", "tcp", "localhost:7071"),
        ("tls://box.example:7071", "tls", "box.example:7071"),
        ("unix:/run/events.sock", "unix", "/run/events.sock"),
        ("[::1]:7071", "tcp", "[::1]:7071"),
        ("localhost", None, None),
        ("unix:", None, None),
        (":7071", None, None),
        ("localhost:65536", None, None),
        ("localhost:x", None, None),
        ("localhost:²", None, None),
    ],
)
def test_an_address_is_a_host_with_a_port_or_a_path(text: str, kind: Optional[str], place: Optional[str]) -> None:
    if kind is None:
        with pytest.raises(AddressError):
            Address.parse(text)
        return
    address = Address.parse(text)
    assert (address.kind, address.place) == (kind, place)
    assert Address.parse(str(address)) == address
