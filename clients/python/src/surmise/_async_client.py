"""Questions to a daemon over HTTP, for programs of asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from types import TracebackType
from typing import Any, Callable, Optional, TypeVar

from . import _calls as calls
from ._address import Trust, distrust
from ._answers import AlarmList, Forecast, Prediction, Why
from ._calls import Call
from ._door import HEARTBEAT_TIMEOUT, Door
from ._exchange import HttpConnection
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
from .errors import SurmiseError, UnreachableError, UntrustedError

T = TypeVar("T")

#: Connections that stay open between questions.
_IDLE_MAX = 8


class AsyncClient:
    """Asks a daemon about its streams, for programs of asyncio; otherwise like `Client`.

    >>> async with AsyncClient() as client:  # http://127.0.0.1:7070
    ...     await client.next("web", key="user-7")

    Questions that are asked at once go over connections of their own. One that is cancelled ends its connection.
    """

    def __init__(
        self, url: Optional[str] = None, *, token: Optional[str] = None, trust: Trust = None, timeout: float = 60.0
    ) -> None:
        self.door = Door(url or http_url(), token or from_environment(), trust or authorities())
        self.timeout = timeout
        self._idle: list[HttpConnection] = []

    # ---- asking

    async def ask(self, call: Call[T]) -> T:
        """Ask a question of `surmise._calls`; the other methods do it for you."""
        timeout = max(self.timeout, call.seconds_max)
        # connections of an earlier event loop ended with it
        self._idle = [connection for connection in self._idle if connection.loop is asyncio.get_running_loop()]
        try:
            # what was posted may have arrived although its answer did not, so it is never posted twice
            if self._idle and call.may_repeat:
                try:
                    return await asyncio.wait_for(self._ask_on(self._idle.pop(), call), timeout)
                except ConnectionError as error:
                    if isinstance(error, SurmiseError):
                        raise
            opened = await asyncio.wait_for(HttpConnection.open(self.door), self.timeout)
            return await asyncio.wait_for(self._ask_on(opened, call), timeout)
        except (OSError, asyncio.TimeoutError) as error:
            raise self._fault(error) from None

    async def _ask_on(self, connection: HttpConnection, call: Call[T]) -> T:
        try:
            head = await connection.request(self.door, call, {})
            body = b"".join([part async for part in connection.body(head)])
        except BaseException:
            connection.close()
            raise
        if head.keeps_open and len(self._idle) < _IDLE_MAX:
            self._idle.append(connection)
        else:
            connection.close()
        return call.finish(head.status, body, head.headers.get("retry-after"))

    def _fault(self, error: Exception) -> SurmiseError:
        if isinstance(error, SurmiseError):
            return error
        reason = distrust(error)
        if reason is not None:
            return UntrustedError(self.door.url, reason)
        if isinstance(error, asyncio.TimeoutError):
            return UnreachableError(self.door.url, "no answer in time")
        return UnreachableError(self.door.url, str(error) or type(error).__name__)

    # ---- streams and their predictions

    async def streams(self, *, trend: bool = False) -> StreamList:
        """Give all streams: offset, schema, rate, mean surprise, skill, latest incident."""
        return await self.ask(calls.streams(trend))

    async def status(self, stream: str, *, hash: bool = False) -> StreamStatus:
        """Give the whole state of a stream; with `hash` the hash of its learner, too."""
        return await self.ask(calls.status(stream, hash))

    async def state_hash(self, stream: str) -> StateHash:
        """Give the hash of a stream's learner, and the offset that it is of."""
        return await self.ask(calls.state_hash(stream))

    async def next(
        self, stream: str, *, key: Optional[str] = None, top: Optional[int] = None, fresh: bool = True
    ) -> Prediction:
        """Give the prediction of the next event, with the `top` likeliest symbols of each field.

        It is of every event that was acknowledged before, such as those before a `flush`. With `fresh` off it is of the
        latest snapshot, which is milliseconds old, and never waits for one.
        """
        return await self.ask(calls.next_event(stream, key, top, fresh))

    async def forecast(
        self,
        stream: str,
        horizon: Optional[int] = None,
        *,
        key: Optional[str] = None,
        top: Optional[int] = None,
        fresh: bool = True,
    ) -> Forecast:
        """Give the predictions of the next `horizon` events; `fresh` as for `next`."""
        return await self.ask(calls.forecast(stream, horizon, key, top, fresh))

    async def predict(
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
        return await self.ask(calls.predict(stream, data, key, time, top, fresh))

    async def why(self, stream: str, offset: int, *, seconds: Optional[int] = None) -> Why:
        """Say why an event was as surprising as it was; working it out may take so many seconds."""
        return await self.ask(calls.why(stream, offset, seconds))

    async def alarms(self, stream: Optional[str] = None, *, limit: Optional[int] = None) -> AlarmList:
        """Give the latest incidents of a stream, or of all streams."""
        return await self.ask(calls.alarms(stream, limit))

    async def history(self, stream: str, *, span: Optional[str] = None) -> History:
        """Give events, surprise and incidents over time; `span` is seconds, minutes, hours or days."""
        return await self.ask(calls.history(stream, span))

    async def surprises(self, stream: str, *, days: Optional[int] = None, limit: Optional[int] = None) -> Surprises:
        """Give the rarest events of the latest days, and how often events were how rare."""
        return await self.ask(calls.surprises(stream, days, limit))

    async def keys(self, stream: str, *, order: Optional[str] = None, limit: Optional[int] = None) -> Keys:
        """Give the keys in memory: those first that spoke last, or with the order `quietest` the others."""
        return await self.ask(calls.keys(stream, order, limit))

    async def templates(self, stream: str, *, limit: Optional[int] = None) -> Templates:
        """Give the templates of a stream's lines, those of the most lines first."""
        return await self.ask(calls.templates(stream, limit))

    async def events(self, stream: str, *, start: Optional[int] = None, count: Optional[int] = None) -> LoggedEvents:
        """Give events of the log from an offset on, the latest without one."""
        return await self.ask(calls.events(stream, start, count))

    async def learner(self, stream: str) -> dict[str, Any]:
        """Say what the learner of a stream is made of, with the weight and the loss of every expert."""
        return await self.ask(calls.learner(stream))

    async def quarantine(self, stream: str) -> dict[str, Any]:
        """Give the latest events whose learning failed inside, and that the stream went on without."""
        return await self.ask(calls.quarantine(stream))

    async def push(
        self, stream: str, items: Iterable[Any], *, producer: Optional[str] = None, epoch: Optional[int] = None
    ) -> Accepted:
        """Post events, each as `Event` or as its data, or NDJSON as bytes; returns when they are durable.

        With a producer and `seq` in every event, or an `id` in it, posting the same again is recognised and changes
        nothing.
        """
        return await self.ask(calls.push(stream, items, producer, epoch))

    # ---- following

    def watch(
        self,
        stream: str,
        *,
        after: Optional[int] = None,
        predict: Optional[int] = None,
        heartbeat_timeout: float = HEARTBEAT_TIMEOUT,
        give_up_after: Optional[float] = None,
    ) -> AsyncIterator[FeedEvent]:
        """Give outcomes, drifts and alarms of a stream as they come, for ever; breaks mend as in `Client.watch`."""
        follower = Follower(after)
        path = calls.watch_path(stream, predict)
        return self._follow(path, heartbeat_timeout, Patience(give_up_after, follower), follower.read, follower)

    def watch_all(
        self, *, heartbeat_timeout: float = HEARTBEAT_TIMEOUT, give_up_after: Optional[float] = None
    ) -> AsyncIterator[Glance]:
        """Give the rows of streams that change, and incidents of all streams, once a second."""
        return self._follow("/api/v1/watch", heartbeat_timeout, Patience(give_up_after), read_glance)

    async def _follow(
        self,
        path: str,
        heartbeat_timeout: float,
        patience: Patience,
        read: Callable[[ServerEvent], Optional[T]],
        follower: Optional[Follower] = None,
    ) -> AsyncIterator[T]:
        while True:
            try:
                last_id = None if follower is None else follower.last_id
                async for event in self._feed(path, last_id, heartbeat_timeout, patience):
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
            await asyncio.sleep(pause)

    async def _feed(
        self, path: str, last_id: Optional[str], heartbeat_timeout: float, patience: Patience
    ) -> AsyncIterator[ServerEvent]:
        call: Call[bytes] = Call("GET", path, bytes)
        connection: Optional[HttpConnection] = None
        try:
            connection = await asyncio.wait_for(HttpConnection.open(self.door), self.timeout)
            headers = {} if last_id is None else {"Last-Event-ID": last_id}
            head = await asyncio.wait_for(connection.request(self.door, call, headers), self.timeout)
            if head.status != 200:
                body = b"".join([part async for part in connection.body(head)])
                call.finish(head.status, body, head.headers.get("retry-after"))
            patience.connected()
            cutter, parts = FeedCutter(), connection.body(head).__aiter__()
            while True:
                try:
                    data = await asyncio.wait_for(parts.__anext__(), heartbeat_timeout)
                except StopAsyncIteration:
                    return
                for event in cutter.cut(data):
                    yield event
        except (OSError, asyncio.TimeoutError) as error:
            raise self._fault(error) from None
        finally:
            if connection is not None:
                connection.close()

    # ---- changing streams

    async def reset(self, stream: str) -> Changed:
        """Let a stream begin anew; its producers go on where they are."""
        return await self.ask(calls.reset(stream))

    async def rename(self, stream: str, to: str) -> Changed:
        """Give a stream another name."""
        return await self.ask(calls.rename(stream, to))

    async def schema(
        self, stream: str, fields: Mapping[str, str], *, closed: Optional[bool] = None, new_fields: bool = False
    ) -> Changed:
        """Have a stream's log learnt again with other kinds of fields, as in `{"status": "category"}`.

        A field that no event had yet is refused, unless `new_fields` says that one may be declared.
        """
        return await self.ask(calls.schema(stream, fields, closed, new_fields))

    async def feedback(
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
        return await self.ask(calls.feedback(stream, offset, verdict, label, incarnation))

    async def forget(
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
        return await self.ask(calls.forget(stream, start, end, since, until, key))

    async def delete(self, stream: str, *, for_good: bool = False) -> Changed:
        """Delete a stream; `undo` brings it back, unless it goes for good."""
        return await self.ask(calls.delete(stream, for_good))

    async def undo(self, stream: str, *, incarnation: Optional[int] = None) -> Changed:
        """Bring back what was reset, restored, learnt again or deleted, as it ended."""
        return await self.ask(calls.undo(stream, incarnation))

    async def reset_producer(self, producer: str, *, stream: Optional[str] = None) -> dict[str, Any]:
        """Have a producer forgotten, so that it may begin anew with any epoch and number."""
        return await self.ask(calls.reset_producer(producer, stream))

    # ---- checkpoints, each by its number or its label

    async def checkpoints(self, stream: Optional[str] = None) -> CheckpointList:
        """Give the checkpoints in the store."""
        return await self.ask(calls.checkpoints(stream))

    async def make_checkpoints(self, stream: Optional[str] = None) -> CheckpointList:
        """Have checkpoints made now; returns when they are durable."""
        return await self.ask(calls.make_checkpoints(stream))

    async def download(self, stream: str, generation: calls.Generation) -> bytes:
        """Give the bytes of a checkpoint's learner, which `surmise replay --from` reads."""
        return await self.ask(calls.download(stream, generation))

    async def restore(self, stream: str, generation: calls.Generation) -> Changed:
        """Go back to a checkpoint, while events come in."""
        return await self.ask(calls.restore(stream, generation))

    async def pin(self, stream: str, generation: calls.Generation, pinned: bool = True) -> Checkpoint:
        """Keep a checkpoint when newer ones come, or let it go."""
        return await self.ask(calls.pin(stream, generation, pinned))

    async def label(self, stream: str, generation: calls.Generation, label: Optional[str]) -> Checkpoint:
        """Give a checkpoint a label, or take it away."""
        return await self.ask(calls.label(stream, generation, label))

    async def show(self, stream: str, generation: calls.Generation) -> dict[str, Any]:
        """Say what a checkpoint holds."""
        return await self.ask(calls.show(stream, generation))

    async def verify(self, stream: str, generation: calls.Generation) -> dict[str, Any]:
        """Say whether a checkpoint can be read back whole."""
        return await self.ask(calls.verify(stream, generation))

    async def diff(self, stream: str, generation: calls.Generation, other: calls.Generation) -> dict[str, Any]:
        """Say how two checkpoints of a stream differ."""
        return await self.ask(calls.diff(stream, generation, other))

    # ---- replays of a stream's own log

    async def replays(self) -> list[dict[str, Any]]:
        """Give the replays that the daemon keeps, the newest first."""
        return await self.ask(calls.replays())

    async def replay(
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
        return await self.ask(calls.replay(stream, name, start, end, begin, settings))

    async def show_replay(self, id: int) -> dict[str, Any]:
        """Say how far a replay has come, and how well it goes."""
        return await self.ask(calls.show_replay(id))

    async def delete_replay(self, id: int) -> None:
        """Stop a replay, and forget it."""
        await self.ask(calls.delete_replay(id))

    # ---- the daemon itself

    async def health(self) -> Health:
        """Say whether the daemon works."""
        return await self.ask(calls.health())

    async def ready(self) -> Health:
        """Say whether all streams are restored and events are accepted."""
        return await self.ask(calls.health(ready=True))

    async def system(self) -> dict[str, Any]:
        """Give limits, and how near each of them is."""
        return await self.ask(calls.system())

    async def config(self) -> dict[str, Any]:
        """Give the configuration in force: its file, and each key with its value and where it comes from."""
        return await self.ask(calls.config())

    async def metrics(self) -> str:
        """Give the metrics in the form of Prometheus."""
        return await self.ask(calls.metrics())

    async def series(self) -> str:
        """Give the predictions of the streams of `[export.series]`, in the form of Prometheus."""
        return await self.ask(calls.series())

    async def reload(self) -> dict[str, Any]:
        """Have the configuration read again; gives the keys that changed."""
        return await self.ask(calls.reload())

    async def audit(self, *, limit: Optional[int] = None) -> dict[str, Any]:
        """Give what operators did."""
        return await self.ask(calls.audit(limit))

    async def call(
        self, method: str, path: str, *, query: Optional[Mapping[str, calls.QueryValue]] = None, body: Any = None
    ) -> Any:
        """Ask something that this version has no name for, as `call("GET", "/api/v1/system")`; gives its JSON."""
        return await self.ask(calls.other(method, path, query, body))

    async def close(self) -> None:
        """End the connections that are idle; a later question opens another."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<AsyncClient of {self.door.url}>"
