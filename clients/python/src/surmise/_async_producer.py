"""The producer for programs of asyncio."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import Any, Callable, Optional, Union

from ._address import Address
from ._answers import Outcome
from ._connection import ConnectionTask
from ._link import Link
from ._options import ProducerOptions
from ._progress import SendProgress
from ._surroundings import events_address
from ._wire import EncodedEvent, Event, Time, Welcome, encoded, encoded_item
from .errors import ClosedError, RepliesUnreadError

#: Seconds for which an `async with` block that ends with an exception waits for what it has sent.
_LAST_WAIT = 5.0


#: What is said to a program that uses a producer too early.
NOT_CONNECTED = "the producer is not connected; use `async with`, or await connect()"


class AsyncProducer:
    """A producer for programs of asyncio; otherwise like `Producer`.

    >>> async with AsyncProducer("web", producer="web-7") as producer:
    ...     await producer.send({"page": "/cart", "ms": 132.5}, key="user-7")
    ...     await producer.flush()  # what was sent is durable from here on

    A call that is cancelled has either sent its event or not, and never half of it. The keywords are the fields of
    `ProducerOptions`.
    """

    def __init__(self, stream: Optional[str] = None, address: Union[str, Address, None] = None, **options: Any) -> None:
        self.options = ProducerOptions(stream=stream, **options)
        self.address = Address.parse(address or events_address())
        self._link = Link(self.options, self._changed)
        self._waiters: list[asyncio.Future[None]] = []
        self._reader: Optional[asyncio.Task[Any]] = None
        self._connection: Optional[ConnectionTask] = None
        self._runner: Optional[asyncio.Task[None]] = None

    async def connect(self) -> AsyncProducer:
        """Connect; returns when the daemon has answered the hello."""
        if self._connection is None:
            connection = ConnectionTask(self.address, self._link)
            wire = await connection.begin()
            self._connection = connection
            self._runner = asyncio.ensure_future(connection.run(wire))
        return self

    def _changed(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    async def _wait(self) -> None:
        """Wait until something has changed."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter

    # ---- sending

    async def send(
        self,
        data: Any = None,
        *,
        key: Optional[str] = None,
        time: Optional[Time] = None,
        end: bool = False,
        stream: Optional[str] = None,
        seq: Optional[int] = None,
    ) -> int:
        """Send an event under its own number, which must rise, or under the next one, and give that number.

        Waits while the window of unacknowledged events is full. An event that was durable before this producer
        connected is counted in `skipped` and not sent.
        """
        return await self._put(encoded(data, key, time, end, stream, seq))

    async def _put(self, event: EncodedEvent) -> int:
        """Put an event into the window once that has room, and give its number."""
        link = self._link
        link.check_open()
        if self._connection is None:
            raise ClosedError(NOT_CONNECTED)
        while not link.window.has_room:
            self._check_read()
            await self._wait()
            link.check_open()
        with link.lock:
            number = link.push(event)
        self._connection.wake()
        return number

    async def send_event(self, event: Event) -> int:
        """Send an event, as `send` does."""
        return await self._put(encoded_item(event))

    async def send_many(self, items: Union[Iterable[Any], AsyncIterator[Any]]) -> int:
        """Send many events, each as `Event` or as its data, and give how many there were."""
        count = 0
        async for item in _each(items):
            await self._put(encoded_item(item))
            count += 1
        return count

    async def end(self, key: str, *, time: Optional[Time] = None, stream: Optional[str] = None) -> int:
        """Tell that a key's sequence has ended, which is an event, too."""
        return await self.send(None, key=key, time=time, end=True, stream=stream)

    async def flush(self) -> SendProgress:
        """Wait until every event that was sent is durable or was refused; raises why the producer has given up."""
        sent = self._link.sent_seq
        while not self._link.is_settled(sent):
            self._check_read()
            await self._wait()
        return self.progress

    async def close(self) -> SendProgress:
        """Wait until every event is durable or was refused, and end the connection."""
        if self._connection is None or self._runner is None:
            return self.progress
        try:
            await self.flush()
            self._link.closing = True
            self._connection.wake()
            await asyncio.shield(self._runner)
        except BaseException:
            self.abort()
            raise
        return self.progress

    def abort(self) -> None:
        """End the connection at once; what is not acknowledged may or may not be durable."""
        self._link.closing = True
        if self._runner is not None:
            self._runner.cancel()

    # ---- what comes back

    def outcomes(self) -> AsyncIterator[Outcome]:
        """Give outcomes as they come, until the producer is closed; for a task of its own.

        The producer has to `want` them. A task that also sends uses `exchange`.
        """
        self._check_wanted()
        return self._taken(lambda: False)

    async def exchange(self, items: Union[Iterable[Any], AsyncIterator[Any]]) -> AsyncIterator[Outcome]:
        """Send events, each as `Event` or as its data, and give their outcomes as they come."""
        self._check_wanted()
        async for item in _each(items):
            async for outcome in self._taken(lambda: self._link.window.has_room):
                yield outcome
            await self._put(encoded_item(item))
        sent = self._link.sent_seq
        # an outcome comes before the acknowledgement of its event
        async for outcome in self._taken(lambda: self._link.is_settled(sent)):
            yield outcome

    async def _taken(self, is_done: Callable[[], bool]) -> AsyncIterator[Outcome]:
        while True:
            outcome = await self._take(is_done)
            if outcome is None:
                return
            yield outcome

    async def _take(self, is_done: Callable[[], bool]) -> Optional[Outcome]:
        """Wait for an outcome; gives none if what is waited for has come first, or nothing will come."""
        link = self._link
        self._reader = asyncio.current_task()
        while not link.outcomes:
            if is_done():
                return None
            if link.progress.failed is not None:
                raise link.progress.failed
            if link.ended:
                return None
            await self._wait()
        outcome: Outcome = link.outcomes.popleft()
        if link.reading_paused and not link.replies_full and self._connection is not None:
            self._connection.wake()
        return outcome

    def _check_wanted(self) -> None:
        if not self.options.wants_outcomes or self.options.on_outcome is not None:
            raise ValueError("outcomes come to a producer that wants them: want=('outcome',), without on_outcome")

    def _check_read(self) -> None:
        """Raise if a call would wait for ever for this task to read outcomes."""
        if self._link.replies_full and self._reader in (None, asyncio.current_task()):
            raise RepliesUnreadError(len(self._link.outcomes))

    # ---- what is known

    @property
    def progress(self) -> SendProgress:
        """How far sending has come."""
        return self._link.copy_progress()

    @property
    def welcome(self) -> Welcome:
        """The answer of the daemon to the first hello."""
        if self._link.welcome is None:
            raise ClosedError(NOT_CONNECTED)
        return self._link.welcome

    @property
    def committed_at_start(self) -> Optional[int]:
        """The last sequence number of this producer and epoch that was durable before it connected."""
        return self.welcome.committed_seq

    @property
    def next_seq(self) -> int:
        """The sequence number that the next event will have."""
        return 1 if self._link.last_seq is None else self._link.last_seq + 1

    @property
    def skipped(self) -> int:
        """How many events were not sent because they were durable before this producer connected."""
        return self._link.skipped

    async def __aenter__(self) -> AsyncProducer:
        return await self.connect()

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if kind is None:
            await self.close()
        elif issubclass(kind, Exception):
            # what was sent before the fault is worth a moment; the fault itself is what the caller is told
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self.close(), _LAST_WAIT)
        else:
            self.abort()

    def __repr__(self) -> str:
        progress = self._link.progress
        state = "connected" if progress.connected else "closed" if self._link.ended else "not connected"
        stream = self.options.stream or "-"
        return f"<AsyncProducer {self.options.producer} of {stream} at {self.address}: {state}, acked {progress.acked}>"


async def _each(items: Union[Iterable[Any], AsyncIterator[Any]]) -> AsyncIterator[Any]:
    if hasattr(items, "__aiter__"):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
