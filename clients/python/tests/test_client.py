"""Every question to a daemon, from threads and from asyncio."""

from __future__ import annotations

import asyncio
import inspect
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable, Optional

import pytest

from surmise import (
    AddressError,
    AsyncClient,
    Client,
    Daemon,
    Event,
    ExpectedNumber,
    ExpectedSymbols,
    ProblemError,
    ProtocolError,
    RecordError,
    UnreachableError,
)
from surmise import _calls as calls

#: Asks a question by its name, whichever client is asked.
Ask = Callable[..., Any]


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest, daemon: Daemon) -> Iterator[Ask]:
    """Ask either client the same."""
    if request.param == "sync":
        with daemon.client() as client:
            yield lambda name, /, *given, **named: getattr(client, name)(*given, **named)
        return
    loop = asyncio.new_event_loop()
    asker = daemon.async_client()
    yield lambda name, /, *given, **named: loop.run_until_complete(getattr(asker, name)(*given, **named))
    loop.run_until_complete(asker.close())
    loop.close()


@pytest.fixture
def taught(daemon: Daemon, stream: str) -> str:
    """A stream that has learnt something, with one surprise in it."""
    with daemon.producer(stream) as producer:
        for i in range(600):
            producer.send({"page": "/pay" if i == 500 else ("/home", "/cart")[i % 2], "ms": 10 + i % 3}, key="u")
    return stream


def test_both_clients_ask_the_same() -> None:
    def shape(client: type) -> dict[str, list[str]]:
        public = {name: m for name, m in vars(client).items() if not name.startswith("_") and callable(m)}
        return {name: [str(p) for p in inspect.signature(m).parameters.values()] for name, m in public.items()}

    assert shape(Client) == shape(AsyncClient)


def test_predictions(ask: Ask, taught: str) -> None:
    prediction = ask("next", taught, key="u", top=1)
    assert (prediction.stream, prediction.offset, prediction.key) == (taught, 600, "u")
    page, ms = prediction["page"], prediction["ms"]
    assert isinstance(page, ExpectedSymbols)
    assert isinstance(ms, ExpectedNumber)
    assert page.best == "/home"
    assert len(page.top) == 1
    assert (page.probability("/home") or 0) + page.other == pytest.approx(1)
    assert page.probability("/never") is None
    assert ms.interval is not None
    assert ms.interval == (ms.quantiles[0.01], ms.quantiles[0.99])
    assert sorted(ms.quantiles.values()) == [ms.quantiles[level] for level in sorted(ms.quantiles)]
    assert prediction.best["page"] == "/home"
    forecast = ask("forecast", taught, 4, key="u")
    assert len(forecast) == forecast.horizon == 4
    assert [step["page"].best for step in forecast][:2] == ["/home", "/cart"]
    assert ask("forecast", taught).horizon == 10


def test_the_rest_of_an_event(ask: Ask, daemon: Daemon) -> None:
    kinds = ("rose", "tulip", "lily")
    # in no order, so that the kind shows in the petals alone
    chance = random.Random(1)
    with daemon.producer("flowers") as producer:
        for i in range(1500):
            at = chance.randrange(3)
            producer.send({"petals": 10 * at + i % 2, "kind": kinds[at]})
    answer = ask("predict", "flowers", {"petals": 20}, top=2)
    assert list(answer.fields) == ["kind"]
    assert answer["kind"].best == "lily"
    with pytest.raises(ProblemError) as caught:
        ask("predict", "flowers", {"leaves": 3})
    assert (caught.value.status, caught.value.field) == (400, "leaves")
    with pytest.raises(RecordError):
        ask("predict", "flowers", {"petals": float("nan")})


def test_what_was_odd(ask: Ask, taught: str) -> None:
    why = ask("why", taught, 500)
    assert (why.stream, why.offset) == (taught, 500)
    assert why.parts[0].name == "page"
    assert why.parts[0].value == "/pay"
    assert why.parts[0].expected.best in ("/home", "/cart")
    assert sum(part.surprise_bits for part in why.parts) == pytest.approx(why.surprise_bits)
    alarms = ask("alarms", taught, limit=5)
    assert alarms.begun == len(alarms)
    for alarm in alarms:
        assert alarm.stream == taught
        assert alarm.parts
    assert ask("alarms").begun >= alarms.begun


def test_the_course_of_a_stream(ask: Ask, taught: str) -> None:
    history = ask("history", taught, span="hours")
    assert history.span_seconds == 3600
    assert sum(point.events for point in history.points) == 600
    assert history.windows
    rare = ask("surprises", taught, days=1, limit=5)
    assert rare.events == 600 and len(rare.surprises) <= 5
    assert all(a.rarity_events >= b.rarity_events for a, b in zip(rare.surprises, rare.surprises[1:]))
    assert ask("templates", taught).templates == []
    keys = ask("keys", taught, order="quietest")
    assert keys.count == len(keys.keys) and all(
        a.latest_offset < b.latest_offset for a, b in zip(keys.keys, keys.keys[1:])
    )
    events = ask("events", taught, start=499, count=2)
    assert (events.begin, events.end) == (0, 600)
    assert [event.offset for event in events] == [499, 500]
    assert events.events[1].event["data"] == {"page": "/pay", "ms": 12}


def test_the_state_of_streams(ask: Ask, taught: str) -> None:
    status = ask("status", taught, hash=True)
    assert (status.offset, status.keys) == (600, 1)
    assert status.state_hash == ask("state_hash", taught).state_hash
    assert [field["name"] for field in status.schema["fields"]] == ["page", "ms"]
    assert status.raw["stream"] == taught
    assert ask("learner", taught)
    assert ask("quarantine", taught)["count"] == 0
    rows = {row.stream: row for row in ask("streams", trend=True)}
    assert rows[taught].offset == 600
    assert rows[taught].trend is not None


def test_events_are_posted(ask: Ask, stream: str) -> None:
    stream = f"strict-{stream}"
    events = [Event({"page": "/", "ms": ms}, seq=i + 1) for i, ms in enumerate((1, 2, "fast"))]
    accepted = ask("push", stream, events, producer="poster", epoch=1)
    assert (accepted.accepted, accepted.rejected, accepted.duplicates) == (2, 1, 0)
    assert [(e.line, e.code, e.field) for e in accepted.errors] == [(3, "wrong_type", "ms")]
    again = ask("push", stream, events[:2], producer="poster", epoch=1)
    assert (again.accepted, again.duplicates) == (0, 2)
    assert ask("push", stream, b'{"page":"/"}\n{"page":"/"}\n').accepted == 2
    named = [Event({"page": "/"}, id=f"order {n}") for n in range(3)]
    assert ask("push", stream, named).accepted == 3
    again = ask("push", stream, named)
    assert (again.accepted, again.duplicates) == (0, 3)
    with pytest.raises(ProblemError) as caught:
        ask("push", stream, ["e"], producer="poster", epoch=0)
    assert (caught.value.status, caught.value.code, caught.value.field) == (409, "fenced", "epoch")
    assert ask("reset_producer", "poster", stream=stream)["streams"] == [stream]
    assert ask("status", stream).offset == 7


def test_checkpoints(ask: Ask, taught: str) -> None:
    first = ask("make_checkpoints", taught)[0]
    assert (first.stream, first.offset) == (taught, 600)
    ask("push", taught, [{"page": "/x", "ms": 1}])
    second = ask("make_checkpoints", taught)[0]
    listed = ask("checkpoints", taught)
    assert [c.generation for c in listed] == sorted(c.generation for c in listed)
    assert {first.generation, second.generation} <= {c.generation for c in listed}
    pinned = ask("pin", taught, first.generation)
    labelled = ask("label", taught, first.generation, "stable")
    assert (pinned.pinned, labelled.label) == (True, "stable")
    assert ask("pin", taught, first.generation, False).pinned is False
    assert ask("show", taught, first.generation)["offset"] == 600
    assert ask("verify", taught, first.generation)["generation"] == first.generation
    assert ask("diff", taught, first.generation, second.generation)["offset"] == [600, 601]
    assert len(ask("download", taught, first.generation)) > 1000
    assert ask("show", taught, "stable")["generation"] == first.generation
    restored = ask("restore", taught, "stable")
    assert (restored.offset_before, restored.offset) == (601, 600)
    with pytest.raises(ProblemError) as caught:
        ask("show", taught, "nowhere")
    assert caught.value.status == 404
    with pytest.raises(ProblemError) as caught:
        ask("show", taught, 999_999)
    assert caught.value.status == 404


def test_changes_and_their_undoing(ask: Ask, taught: str) -> None:
    other = f"{taught}-other"
    assert ask("reset", taught).offset == 0
    assert ask("undo", taught).offset == 600
    assert ask("schema", taught, {"ms": "category"}).offset == 600
    assert ask("undo", taught).offset == 600
    forgotten = ask("forget", taught, start=10, end=20)
    assert (forgotten.forgotten, forgotten.offset) == (10, 590)
    assert ask("undo", taught).offset == 600
    with pytest.raises(ProblemError) as caught:
        ask("forget", taught, key="nobody")
    assert caught.value.status == 404
    assert ask("rename", taught, other).stream == other
    assert ask("delete", other).epoch is None
    with pytest.raises(ProblemError) as caught:
        ask("next", other)
    assert (caught.value.status, caught.value.field) == (404, "stream")
    assert ask("undo", other).offset == 600
    ask("delete", other, for_good=True)
    with pytest.raises(ProblemError):
        ask("undo", other)
    assert any(entry["what"] == "stream reset" for entry in ask("audit", limit=50)["operations"])


def test_replays_of_the_streams_own_log(ask: Ask, taught: str) -> None:
    asked = ask("replay", taught, name="anew", start=0, end=600)
    assert (asked["stream"], asked["name"], asked["to"]) == (taught, "anew", 600)
    for _ in range(600):
        replay = ask("show_replay", asked["id"])
        if replay["state"] not in ("waiting", "running"):
            break
        time.sleep(0.05)
    assert (replay["state"], replay["offset"]) == ("done", 600)
    assert replay["state_hash"] == ask("state_hash", taught).state_hash
    assert ask("replays")[0]["id"] == asked["id"]
    assert ask("delete_replay", asked["id"]) is None
    assert all(kept["id"] != asked["id"] for kept in ask("replays"))
    with pytest.raises(ProblemError) as caught:
        ask("replay", taught, begin="live", settings={"seed": 7})
    assert (caught.value.status, caught.value.field) == (422, "settings")


def test_what_is_said_of_incidents(ask: Ask, taught: str) -> None:
    lines = [{"n": n * n % 7} for n in range(3000)] + [{"n": 1e6}]
    assert ask("push", f"{taught}-odd", lines).accepted == 3001
    stream = f"{taught}-odd"
    told = ask("alarms", stream).alarms[0]
    answer = ask("feedback", stream, told.offset, "normal", label="deploy", incarnation=1)
    assert answer["feedback"] == {"offset": told.offset, "verdict": "normal", "label": "deploy", "incarnation": 1}
    assert ask("status", stream).offset == 3002
    assert told.raw["incarnation"] == 1
    with pytest.raises(ProblemError) as caught:
        ask("feedback", stream, told.offset, "bad", incarnation=2)
    assert caught.value.status == 409
    with pytest.raises(ProblemError) as caught:
        ask("feedback", stream, 5, "bad")
    assert (caught.value.status, caught.value.code) == (404, "unknown_incident")


def test_the_daemon_itself(ask: Ask) -> None:
    assert ask("health").status == "ok"
    assert ask("ready").server.startswith("surmised")
    assert "surmise_streams" in ask("metrics")
    assert "surmise_series_left_out 0" in ask("series")
    assert ask("system").keys() == ask("call", "GET", "/api/v1/system").keys()
    assert "store" in {key["table"] for key in ask("config")["keys"]}
    assert ask("call", "GET", "/api/v1/alarms", query={"limit": 1})["begun"] >= 0
    for wrong in ("api", "/a b", "/a?b", "/ü", "/a\r\nb"):
        with pytest.raises(ValueError, match="path"):
            ask("call", "GET", wrong)
    with pytest.raises(ValueError, match="method"):
        ask("call", "BREW", "/")
    assert "applied" in ask("reload")


@pytest.mark.parametrize("name", ["a/b", "ü ?&#%", "..", "x" * 200])
def test_names_of_streams_are_quoted(ask: Ask, name: str) -> None:
    try:
        ask("push", name, ["a"])
    except ProblemError as problem:
        assert problem.code == "bad_stream"
        return
    assert ask("next", name).stream == name
    assert ask("next", name, key="ü &=\x00?").key == "ü &=\x00?"


def test_faults_are_told(ask: Ask) -> None:
    with pytest.raises(ProblemError) as caught:
        ask("next", "no-such-stream")
    problem = caught.value
    assert (problem.status, problem.field, problem.title) == (404, "stream", "no such stream")
    assert "no-such-stream" in problem.reason
    assert str(problem).startswith("404")
    for wrong in (0, 100_000):
        with pytest.raises(ProblemError) as caught:
            ask("next", "no-such-stream", top=wrong)
        assert caught.value.field == "top"
    with pytest.raises(ValueError, match="name a stream"):
        ask("next", "")


def test_addresses_and_tokens_are_checked() -> None:
    for wrong in ("localhost:7070", "ftp://x", "http://", "http://x/y", "http://x:99999", "http://x?y"):
        with pytest.raises(AddressError):
            Client(wrong)
    with pytest.raises(ValueError, match="token"):
        Client("http://localhost", token="a\r\nHost: b")
    with pytest.raises(UnreachableError):
        Client("http://127.0.0.1:1").streams()
    with pytest.raises(UnreachableError):
        asyncio.run(AsyncClient("http://127.0.0.1:1").streams())


def test_a_client_outlives_its_event_loop(daemon: Daemon) -> None:
    client = daemon.async_client()
    for _ in range(3):
        assert asyncio.run(client.health()).status == "ok"


@pytest.mark.parametrize(("said", "seconds"), [("3", 3.0), ("soon", None), (None, None)])
def test_a_busy_daemon_says_when_to_come_back(said: Optional[str], seconds: Optional[float]) -> None:
    body = b'{"title":"too many questions","status":429,"detail":"ask again","code":"limit_reached"}'
    with pytest.raises(ProblemError) as caught:
        calls.streams().finish(429, body, said)
    assert (caught.value.retry_after, caught.value.code, caught.value.reason) == (seconds, "limit_reached", "ask again")


def test_a_daemon_that_starts_again_is_asked_on(tmp_path: Path) -> None:
    with Daemon(directory=tmp_path) as daemon:
        client = daemon.client()
        client.push("web", ["a", "b"])
        daemon.kill()
        with pytest.raises(UnreachableError):
            client.next("web")
        daemon.start()
        assert client.next("web").offset == 2

        async def main() -> int:
            asker = daemon.async_client()
            await asyncio.gather(*(asker.next("web") for _ in range(10)))
            daemon.kill()
            daemon.start()
            return (await asker.next("web")).offset

        assert asyncio.run(main()) == 2


ANSWERS = [
    b"",
    b"garbage\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
    b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
    b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"streams":7}',
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"HTTP/1.1 500 X\r\nContent-Length: 3\r\n\r\n<p>",
    b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 1000 + b"\r\n",
    b"HTTP/1.1 200 OK\r\na: " + b"b" * 1_000_000 + b"\r\n\r\n",
]


@pytest.mark.parametrize("answer", ANSWERS, ids=range(len(ANSWERS)))
def test_what_is_no_answer_is_told_apart(answer: bytes) -> None:
    from peer import Conversation, Peer  # noqa: PLC0415

    def script(talk: Conversation) -> None:
        while talk.file.readline() not in (b"\r\n", b""):
            pass
        talk.say(answer)

    with Peer(script) as peer:
        faults = (ProblemError, ProtocolError, UnreachableError)
        with pytest.raises(faults):
            Client(f"http://{peer.address}", timeout=5).streams()
        with pytest.raises(faults):
            asyncio.run(AsyncClient(f"http://{peer.address}", timeout=5).streams())
