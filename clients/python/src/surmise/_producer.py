"""The producer as a program without asyncio sees it: events go in, progress and outcomes come out."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time as clock
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
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
from .errors import RepliesUnreadError

#: Events that are put into the window at once, where they are there already.
BATCH_EVENTS = 256

#: Seconds for which a `with` block that ends with an exception waits for what it has sent.
_LAST_WAIT = 5.0


class _Background:
    """The thread whose event loop holds a producer's connection. It does not keep the producer alive."""

    def __init__(self, address: Address, link: Link) -> None:
        self.started: Future[None] = Future()
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._task: Optional[ConnectionTask] = None
        self._main: Optional[asyncio.Task[None]] = None
        self._wake_due = False
        self._thread = threading.Thread(target=self._run, args=(address, link), name="surmise-producer", daemon=True)
        self._thread.start()

    def _run(self, address: Address, link: Link) -> None:
        try:
            asyncio.run(self._hold(address, link))
        except (asyncio.CancelledError, Exception) as error:
            if not self.started.done():
                self.started.set_exception(error)
        finally:
            link.end(None)

    async def _hold(self, address: Address, link: Link) -> None:
        self._loop, self._main = asyncio.get_running_loop(), asyncio.current_task()
        self._task = ConnectionTask(address, link)
        wire = await self._task.begin()
        self.started.set_result(None)
        await self._task.run(wire)

    def wake(self) -> None:
        """Have the connection look again."""
        if self._wake_due or self._loop is None:
            return
        self._wake_due = True
        # the loop is closed once the connection has ended
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._wake_now)

    def _wake_now(self) -> None:
        self._wake_due = False
        if self._task is not None:
            self._task.wake()

    def abort(self) -> None:
        """End without waiting for anything."""
        if self._loop is not None and self._main is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._main.cancel)

    @property
    def is_current(self) -> bool:
        """Whether the caller runs in this thread."""
        return threading.current_thread() is self._thread

    def join(self) -> None:
        """Wait for the thread to end."""
        if not self.is_current:
            self._thread.join(_LAST_WAIT)


class Producer:
    """A producer's connection to a daemon, which is made again whenever it breaks.

    >>> with Producer("web", producer="web-7") as producer:
    ...     producer.send({"page": "/cart", "ms": 132.5}, key="user-7")
    ...     producer.flush()  # what was sent is durable from here on

    `send` puts an event into a bounded window and returns; a thread writes it and keeps it until the daemon has
    acknowledged it as durable. When the connection breaks, the thread connects again with growing pauses, learns which
    events are durable, and sends the others again, so nothing is lost and nothing is learnt twice. A program that names
    its producer resumes after a crash by sending the same events again from the beginning: what is durable is skipped.

    Without an address it is that of the variable SURMISE_SOCKET, or 127.0.0.1:7071. The keywords are the fields of
    `ProducerOptions`.
    """

    def __init__(self, stream: Optional[str] = None, address: Union[str, Address, None] = None, **options: Any) -> None:
        self.options = ProducerOptions(stream=stream, **options)
        self.address = Address.parse(address or events_address())
        self._cond = threading.Condition()
        self._link = Link(self.options, _notifier(self._cond))
        self._link.lock = self._cond
        self._reader: Optional[int] = None
        self._background = _Background(self.address, self._link)
        try:
            self._background.started.result()
        except BaseException:
            self._background.abort()
            raise

    # ---- sending

    def send(
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
        return self._put(encoded(data, key, time, end, stream, seq))

    def send_event(self, event: Event) -> int:
        """Send an event, as `send` does."""
        return self._put(encoded_item(event))

    def _put(self, event: EncodedEvent) -> int:
        """Put an event into the window once that has room, and give its number."""
        link = self._link
        with self._cond:
            self._wait_for_room()
            number = link.push(event)
        self._background.wake()
        return number

    def _wait_for_room(self) -> None:
        """Wait until the window has room for an event. The lock is held."""
        self._link.check_open()
        while not self._link.window.has_room:
            self._check_read()
            self._cond.wait()
            self._link.check_open()

    def _put_some(self, events: deque[EncodedEvent]) -> None:
        """Put as many events into the window as it has room for, without waiting."""
        link = self._link
        try:
            with self._cond:
                link.check_open()
                while events and link.window.has_room:
                    link.push(events.popleft())
        finally:
            self._background.wake()

    def send_many(self, items: Iterable[Any]) -> int:
        """Send many events, each as `Event` or as its data, and give how many there were."""
        count = 0
        for batch in _batches(items):
            events = deque(map(encoded_item, batch))
            while events:
                with self._cond:
                    self._wait_for_room()
                self._put_some(events)
            count += len(batch)
        return count

    def end(self, key: str, *, time: Optional[Time] = None, stream: Optional[str] = None) -> int:
        """Tell that a key's sequence has ended, which is an event, too."""
        return self.send(None, key=key, time=time, end=True, stream=stream)

    def flush(self, timeout: Optional[float] = None) -> SendProgress:
        """Wait until every event that was sent is durable or was refused.

        Raises `TimeoutError` after so many seconds, or why the producer has given up.
        """
        until = None if timeout is None else clock.monotonic() + timeout
        with self._cond:
            sent = self._link.sent_seq
            while not self._link.is_settled(sent):
                self._check_read()
                left = None if until is None else until - clock.monotonic()
                if left is not None and left <= 0:
                    raise TimeoutError(f"events up to {self._link.progress.settled} of {sent} are settled")
                self._cond.wait(left)
        return self.progress

    def close(self, timeout: Optional[float] = None) -> SendProgress:
        """Wait until every event is durable or was refused, and end the connection."""
        try:
            self.flush(timeout)
            with self._cond:
                self._link.closing = True
            self._background.wake()
        except BaseException:
            self.abort()
            raise
        self._background.join()
        return self.progress

    def abort(self) -> None:
        """End the connection at once; what is not acknowledged may or may not be durable."""
        with self._cond:
            self._link.closing = True
        self._background.abort()
        self._background.join()

    # ---- what comes back

    def outcomes(self) -> Iterator[Outcome]:
        """Give outcomes as they come, until the producer is closed; for a thread of its own.

        The producer has to `want` them. A thread that also sends uses `exchange`.
        """
        self._check_wanted()
        return self._taken(lambda: False)

    def exchange(self, items: Iterable[Any]) -> Iterator[Outcome]:
        """Send events, each as `Event` or as its data, and give their outcomes as they come."""
        self._check_wanted()
        return self._exchanged(map(encoded_item, batch) for batch in _batches(items))

    def _exchanged(self, batches: Iterable[Iterable[EncodedEvent]]) -> Iterator[Any]:
        """Send batches of events, and give their outcomes as they come."""
        for batch in batches:
            events = deque(batch)
            while events:
                yield from self._taken(lambda: self._link.window.has_room)
                self._put_some(events)
        sent = self._link.sent_seq
        # an outcome comes before the acknowledgement of its event
        yield from self._taken(lambda: self._link.is_settled(sent))

    def _taken(self, is_done: Callable[[], bool]) -> Iterator[Any]:
        while True:
            outcome = self._take(is_done)
            if outcome is None:
                return
            yield outcome

    def _take(self, is_done: Callable[[], bool]) -> Any:
        """Wait for an outcome; gives none if what is waited for has come first, or nothing will come."""
        link = self._link
        self._reader = threading.get_ident()
        try:
            outcome = link.outcomes.popleft()
        except IndexError:
            outcome = self._wait_for_outcome(is_done)
        # after the taking, or this may miss that the connection has paused meanwhile
        if link.reading_paused and not link.replies_full:
            self._background.wake()
        return outcome

    def _wait_for_outcome(self, is_done: Callable[[], bool]) -> Any:
        link = self._link
        with self._cond:
            while True:
                # another reader may take the last one meanwhile, without the lock
                with contextlib.suppress(IndexError):
                    return link.outcomes.popleft()
                if is_done():
                    return None
                if link.progress.failed is not None:
                    raise link.progress.failed
                if link.ended:
                    return None
                self._cond.wait()

    def _check_wanted(self) -> None:
        if not self.options.wants_outcomes or self.options.on_outcome is not None:
            raise ValueError("outcomes come to a producer that wants them: want=('outcome',), without on_outcome")

    def _check_read(self) -> None:
        """Raise if a call would wait for ever for its own thread."""
        if self._background.is_current:
            raise RuntimeError("a receiver of replies cannot wait for its own producer, which waits for it")
        if self._link.replies_full and self._reader in (None, threading.get_ident()):
            raise RepliesUnreadError(len(self._link.outcomes))

    # ---- what is known

    @property
    def progress(self) -> SendProgress:
        """How far sending has come."""
        return self._link.copy_progress()

    @property
    def welcome(self) -> Welcome:
        """The answer of the daemon to the first hello."""
        assert self._link.welcome is not None, "a producer that was made is connected"
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

    def __enter__(self) -> Producer:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if kind is None:
            self.close()
            return
        # what was sent before the fault is worth a moment; the fault itself is what the caller is told
        with contextlib.suppress(Exception):
            self.close(_LAST_WAIT)

    def __del__(self) -> None:
        link = getattr(self, "_link", None)
        if link is not None and not link.ended and hasattr(self, "_background"):
            warnings.warn(f"{self!r} was not closed", ResourceWarning, stacklevel=2, source=self)
            self._background.abort()

    def __repr__(self) -> str:
        progress = self._link.progress
        state = "connected" if progress.connected else "closed" if self._link.ended else "connecting"
        stream = self.options.stream or "-"
        return f"<Producer {self.options.producer} of {stream} at {self.address}: {state}, acked {progress.acked}>"


def _batches(items: Iterable[Any]) -> Iterator[Sequence[Any]]:
    """Give what there is already in batches, and what has yet to come one by one, so that nothing waits for it."""
    if isinstance(items, (list, tuple)):
        return (items[start : start + BATCH_EVENTS] for start in range(0, len(items), BATCH_EVENTS))
    return ((item,) for item in items)


def _notifier(cond: threading.Condition) -> Callable[[], None]:
    def notify() -> None:
        with cond:
            cond.notify_all()

    return notify
