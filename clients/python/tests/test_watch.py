"""Following a stream: as it comes, over breaks, and past a daemon that says nothing."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from peer import Conversation, Peer
from surmise import (
    AsyncClient,
    Client,
    Daemon,
    FeedEvent,
    Glance,
    Lagged,
    Outcome,
    Prediction,
    ProblemError,
    Producer,
    ProtocolError,
    Replaced,
    UnreachableError,
)
from surmise._feed import FeedCutter, Follower, ServerEvent

CONFIG = '[model]\nnetwork = "off"\n'


def send_slowly(producer: Producer, count: int) -> threading.Thread:
    """Send from another thread, once the follower may be there."""

    def send() -> None:
        for i in range(count):
            producer.send("abc"[i % 3])
            time.sleep(0.002)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


def test_outcomes_come_as_they_are_learnt(daemon: Daemon, client: Client, stream: str) -> None:
    with daemon.producer(stream) as producer:
        producer.send_many("abc")
        producer.flush()
        thread = send_slowly(producer, 200)
        seen = list(itertools.islice((e for e in client.watch(stream) if isinstance(e, Outcome)), 20))
        thread.join()
    offsets = [outcome.offset for outcome in seen]
    assert offsets == list(range(offsets[0], offsets[0] + 20))
    assert all(outcome.stream == stream and outcome.event for outcome in seen)


def test_what_is_expected_next_comes_with_outcomes(daemon: Daemon, client: Client, stream: str) -> None:
    with daemon.producer(stream) as producer:
        producer.send_many("abc" * 100)
        producer.flush()
        thread = send_slowly(producer, 200)
        events = list(itertools.islice(client.watch(stream, predict=2), 40))
        thread.join()
    offset = 0
    expected = [event for event in events if isinstance(event, Prediction)]
    assert expected
    for event in expected:
        # the next of a, b, c in turn; none is of fewer events than the one before
        assert event.best["value"] == "abc"[event.offset % 3]
        assert event.offset >= offset
        offset = event.offset


def test_asyncio_follows_too_and_can_be_cancelled(daemon: Daemon, stream: str) -> None:
    async def main() -> list[int]:
        seen: list[int] = []
        client = daemon.async_client()

        async def follow() -> None:
            async for event in client.watch(stream):
                if isinstance(event, Outcome):
                    seen.append(event.offset)

        async with daemon.async_producer(stream) as producer:
            await producer.send("a")
            await producer.flush()
            task = asyncio.ensure_future(follow())
            while len(seen) < 10:
                await producer.send("b")
                await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        return seen

    seen = asyncio.run(asyncio.wait_for(main(), 60))
    assert seen == list(range(seen[0], seen[0] + len(seen)))


def outcomes(feed: Iterator[FeedEvent], count: int) -> list[int]:
    """Give the offsets of the next outcomes of a feed."""
    return [event.offset for event in itertools.islice((e for e in feed if isinstance(e, Outcome)), count)]


def test_a_feed_goes_on_where_it_broke(client: Client, daemon: Daemon, stream: str) -> None:
    client.push(stream, ["a"])
    with daemon.producer(stream) as producer:
        thread = send_slowly(producer, 200)
        last = outcomes(client.watch(stream), 5)[-1]
        thread.join()
    assert outcomes(client.watch(stream, after=last), 20) == list(range(last + 1, last + 21))


def test_a_daemon_that_is_killed_is_followed_on(tmp_path: Path) -> None:
    with Daemon(config=CONFIG, directory=tmp_path) as daemon, daemon.producer("web") as producer:
        producer.send("a")
        producer.flush()
        feed = daemon.client().watch("web")
        thread = send_slowly(producer, 200)
        last = outcomes(feed, 5)[-1]
        thread.join()
        producer.flush()
        daemon.kill()
        daemon.start()
        # what came meanwhile is told, or that it is not known any more
        thread = send_slowly(producer, 300)
        event = next(event for event in feed if not isinstance(event, Outcome) or event.offset >= 201)
        assert isinstance(event, (Lagged, Outcome))
        assert last < 201
        assert outcomes(feed, 1)[0] >= 201
        thread.join()


def test_a_stream_that_is_replaced_says_so(daemon: Daemon, client: Client, stream: str) -> None:
    with daemon.producer(stream) as producer:
        producer.send("a")
        producer.flush()
        feed = client.watch(stream)
        thread = send_slowly(producer, 50)
        outcomes(feed, 1)
        thread.join()
        producer.flush()
        client.reset(stream)
        assert any(isinstance(event, Replaced) for event in feed)
        # who asks again follows what came in its place
        thread = send_slowly(producer, 300)
        assert outcomes(feed, 1)[0] < 300
        thread.join()
    client.delete(stream)
    assert isinstance([*feed][-1], Replaced)


def test_all_streams_at_a_glance(daemon: Daemon, client: Client, stream: str) -> None:
    client.push(stream, ["a"])
    glance = next(client.watch_all())
    assert isinstance(glance, Glance)
    assert glance.kind == "streams"
    assert any(row["stream"] == stream for row in (glance.data or {})["streams"])

    async def main() -> Any:
        async for found in daemon.async_client().watch_all():
            return found
        return None

    assert asyncio.run(main()).kind == "streams"


def test_a_stream_that_is_not_there(client: Client, daemon: Daemon) -> None:
    with pytest.raises(ProblemError):
        next(client.watch("no-such-stream"))
    with pytest.raises(UnreachableError):
        next(Client("http://127.0.0.1:1").watch("web"))


def test_silence_counts_as_a_break() -> None:
    """A feed that says nothing, not even its heartbeat, is opened again after the last event that came."""
    asked: list[str] = []

    def script(talk: Conversation) -> None:
        lines = list(iter(talk.file.readline, b"\r\n"))
        asked.extend(line.decode().strip() for line in lines if line.lower().startswith(b"last-event-id"))
        body = b'event: learn\nid: %d\ndata: {"stream":"web","offset":%d}\n\n' % (talk.number, talk.number)
        talk.say(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + body)
        time.sleep(5)

    with Peer(script) as peer:
        feed = Client(f"http://{peer.address}").watch("web", heartbeat_timeout=0.1)
        assert [event.offset for event in itertools.islice(feed, 3) if isinstance(event, Outcome)] == [1, 2, 3]

        async def main() -> list[int]:
            seen: list[int] = []
            async for event in AsyncClient(f"http://{peer.address}").watch("web", heartbeat_timeout=0.1):
                assert isinstance(event, Outcome)
                seen.append(event.offset)
                if len(seen) == 2:
                    break
            return seen

        assert asyncio.run(main()) == [4, 5]
    assert asked == ["Last-Event-ID: 1", "Last-Event-ID: 2", "Last-Event-ID: 4"]


def test_a_feed_is_cut_wherever_its_bytes_are() -> None:
    text = ': still here\n\nevent: learn\nid: 7\ndata: {\ndata: }\n\r\nevent:lagged\ndata:{"skipped":3}\n\ndata: é\n\n'
    whole = [
        ServerEvent("learn", "{\n}", "7"),
        ServerEvent("lagged", '{"skipped":3}', None),
        ServerEvent("message", "é", None),
    ]
    data = text.encode()
    for step in range(1, len(data) + 1):
        cutter = FeedCutter()
        found = [event for i in range(0, len(data), step) for event in cutter.cut(data[i : i + step])]
        assert found == whole
    assert isinstance(Follower().read(whole[1]), Lagged)
    assert Follower().read(ServerEvent("later", "{}", None)) is None
    with pytest.raises(ProtocolError):
        Follower().read(ServerEvent("surprise", "[", None))
