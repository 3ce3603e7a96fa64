"""Producers of asyncio: the same promises, and what cancelling a call means."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

import pytest

from peer import Conversation, Peer
from surmise import (
    AsyncProducer,
    Client,
    ClosedError,
    Daemon,
    Event,
    RecordError,
    RefusedError,
    RepliesUnreadError,
    UnreachableError,
)

T = TypeVar("T")


def run(task: Coroutine[Any, Any, T]) -> T:
    """Run a test of asyncio, within a bound of time."""
    return asyncio.run(asyncio.wait_for(task, 60))


def test_what_is_flushed_is_durable(daemon: Daemon, client: Client, stream: str) -> None:
    async def main() -> None:
        async with daemon.async_producer(stream) as producer:
            assert await producer.send("a") == 1
            assert await producer.send_many([Event("b", key="k"), {"value": "c"}]) == 2
            assert await producer.end("k") == 4
            progress = await producer.flush()
            assert (progress.settled, progress.refused) == (4, 0)
            with pytest.raises(RecordError):
                await producer.send(float("inf"))
            assert await producer.send("d") == 6
        with pytest.raises(ClosedError):
            await producer.send("e")

    run(main())
    assert client.status(stream).offset == 5


def test_outcomes_come_from_an_iterator(daemon: Daemon, stream: str) -> None:
    async def rows() -> AsyncIterator[Any]:
        for i in range(300):
            yield "abc"[i % 3]
            await asyncio.sleep(0)

    async def main() -> list[int]:
        async with daemon.async_producer(stream, want=("next",)) as producer:
            return [outcome.offset async for outcome in producer.exchange(rows())]

    assert run(main()) == list(range(300))


@pytest.mark.parametrize("replies_max", [1, 2, 10])
def test_outcomes_are_read_by_another_task(daemon: Daemon, stream: str, replies_max: int) -> None:
    async def main() -> list[int]:
        producer = daemon.async_producer(stream, want=("outcome",), replies_max=replies_max, window_events=20)
        await producer.connect()

        async def read() -> list[int]:
            return [outcome.offset async for outcome in producer.outcomes()]

        reader = asyncio.ensure_future(read())
        await asyncio.sleep(0)
        await producer.send_many(str(i % 3) for i in range(500))
        await producer.close()
        return await reader

    assert run(main()) == list(range(500))


def test_unread_outcomes_are_an_error_and_no_deadlock(daemon: Daemon, stream: str) -> None:
    async def main() -> None:
        producer = daemon.async_producer(stream, want=("outcome",), window_events=10, replies_max=20)
        await producer.connect()
        with pytest.raises(RepliesUnreadError):
            await producer.send_many("ab" * 50_000)
        producer.abort()

    run(main())


def test_tasks_may_share_a_producer(daemon: Daemon, client: Client, stream: str) -> None:
    async def main() -> None:
        async with daemon.async_producer(stream, window_events=16) as producer:
            await asyncio.gather(*(producer.send_many("ab" * 200) for _ in range(5)))

    run(main())
    assert client.status(stream).offset == 2000


def test_a_cancelled_send_leaves_no_trace() -> None:
    """A call that waits for room and is cancelled has used no number and sent nothing."""
    received: list[int] = []

    async def main() -> None:
        loop, may_go_on = asyncio.get_running_loop(), asyncio.Event()

        def script(talk: Conversation) -> None:
            talk.welcome()
            asyncio.run_coroutine_threadsafe(may_go_on.wait(), loop).result(30)
            while True:
                event = talk.line()
                if event is None:
                    return
                received.append(event["seq"])
                talk.say({"ack": event["seq"], "duplicates": 0})

        with Peer(script) as peer:
            producer = await AsyncProducer("web", peer.address, window_events=5).connect()
            for i in range(5):
                await producer.send(i)
            waiting = [asyncio.ensure_future(producer.send(100 + i)) for i in range(20)]
            await asyncio.sleep(0.05)
            for task in waiting[::2]:
                task.cancel()
            flushing = asyncio.ensure_future(producer.flush())
            await asyncio.sleep(0.05)
            flushing.cancel()
            may_go_on.set()
            results = await asyncio.gather(*waiting, return_exceptions=True)
            assert [isinstance(r, asyncio.CancelledError) for r in results] == [i % 2 == 0 for i in range(20)]
            assert [r for r in results if isinstance(r, int)] == list(range(6, 16))
            progress = await producer.close()
            assert progress.settled == 15

    run(main())
    assert received == list(range(1, 16))


def test_cancelling_at_any_moment_hangs_nothing(daemon: Daemon, client: Client, stream: str) -> None:
    async def send(first: int) -> None:
        async with daemon.async_producer(stream, producer="cut", window_events=50, epoch=first) as producer:
            for i in range(2000):
                await producer.send(str(i))

    async def main() -> None:
        for cut in range(12):
            task = asyncio.ensure_future(send(cut))
            await asyncio.sleep(0.003 * cut)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await asyncio.sleep(0.05)
        assert len(asyncio.all_tasks()) <= 2
        await send(99)

    run(main())
    assert client.status(stream).offset >= 2000


def test_faults_of_connecting(daemon: Daemon, stream: str) -> None:
    async def main() -> None:
        with pytest.raises(UnreachableError):
            await AsyncProducer("web", "127.0.0.1:1").connect()
        with pytest.raises(ClosedError, match="connect"):
            await AsyncProducer("web", daemon.address).send("a")
        with pytest.raises(RefusedError):
            await AsyncProducer("x" * 10_000, daemon.address).connect()
        silent = Peer(lambda talk: talk.file.read())
        with silent, pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(AsyncProducer("web", silent.address).connect(), 0.1)

    run(main())
