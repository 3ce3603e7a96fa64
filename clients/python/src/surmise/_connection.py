"""The task that keeps the connection to the daemon, and sends again what a broken one left unacknowledged."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any, Callable, Optional, cast

from ._address import Address, distrust
from ._link import Link
from ._wire import Refusal, Welcome, encode_hello, parse_replies, parse_reply, parse_welcome
from .errors import ProtocolError, RefusedError, SurmiseError, UnreachableError, UntrustedError

#: Seconds that the daemon may take to answer a hello.
WELCOME_TIME_MAX = 10.0
#: Bytes of the longest reply that is read.
REPLY_BYTES_MAX = 16 << 20
#: Bytes of events that are gathered for one write.
WRITE_BYTES_MAX = 256 << 10
#: The first pause between two attempts to connect, in seconds.
PAUSE_MIN = 0.02


class LineProtocol(asyncio.Protocol):
    """Both directions of a connection: whole lines come in, and writing waits while the other side reads nothing."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.transport: Optional[asyncio.Transport] = None
        self.lost: asyncio.Future[str] = loop.create_future()
        self.first_line: asyncio.Future[bytes] = loop.create_future()
        self.on_lines: Optional[Callable[[list[bytes]], None]] = None
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._rest = bytearray()
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Hand on the lines that are whole."""
        start = len(self._rest)
        self._rest += data
        end = self._rest.rfind(b"\n", start)
        if end < 0:
            if len(self._rest) > REPLY_BYTES_MAX:
                self.break_off("a reply is longer than any of surmised")
            return
        lines = bytes(self._rest[:end]).split(b"\n")
        del self._rest[: end + 1]
        if not self.first_line.done():
            self.first_line.set_result(lines.pop(0))
        if self.on_lines is not None:
            self.on_lines(lines)
        else:
            self._early += lines

    def listen(self, on_lines: Callable[[list[bytes]], None]) -> None:
        """Hand on lines from here on, those that came early first."""
        self.on_lines = on_lines
        early, self._early = self._early, []
        on_lines(early)

    def eof_received(self) -> bool:
        """End with the other side."""
        return False

    def connection_lost(self, exc: Optional[Exception]) -> None:
        """Say why nothing comes any more."""
        self.break_off("surmised closed the connection" if exc is None else str(exc) or type(exc).__name__)

    def pause_writing(self) -> None:
        """Let writing wait."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """Let writing go on."""
        self._may_write.set()

    def break_off(self, reason: str) -> None:
        """End the connection for a reason."""
        if not self.lost.done():
            self.lost.set_result(reason)
        # whoever waits to write looks at `lost` next
        self._may_write.set()
        if self.transport is not None:
            self.transport.abort()

    async def drain(self) -> None:
        """Wait until the other side has read enough of what was written, or is lost."""
        await self._may_write.wait()


class ConnectionTask:
    """The task that owns the connection and empties the window."""

    def __init__(self, address: Address, link: Link) -> None:
        self.address = address
        self.link = link
        self._woken = asyncio.Event()
        self._failed: Optional[SurmiseError] = None
        self._wire: Optional[LineProtocol] = None
        # whether the daemon may still meet the hello of an attempt that was given up, after that of a later one
        self._has_given_up = False

    def wake(self) -> None:
        """Have the task look again: events were sent, outcomes were read, or the producer is closing."""
        self._woken.set()
        if self._wire is not None:
            self._read_on(self._wire)

    def _read_on(self, wire: LineProtocol) -> None:
        """Read from the daemon again, if that was paused and enough outcomes have been taken."""
        if self.link.reading_paused and not self.link.replies_full:
            self.link.reading_paused = False
            if wire.transport is not None and not wire.transport.is_closing():
                wire.transport.resume_reading()

    async def begin(self) -> LineProtocol:
        """Make the first connection."""
        wire, welcome = await self._reach(self.link.options.first_connection)
        self.link.begin(welcome)
        return wire

    async def run(self, wire: LineProtocol) -> None:
        """Run connections, one after the other, until the producer closes or a new one would not help."""
        try:
            while True:
                reason = await self._exchange(wire)
                if reason is None:
                    return self.link.end(None)
                self.link.lose(reason)
                wire, welcome = await self._reach(self.link.options.give_up_after)
                try:
                    self.link.resume(welcome)
                except SurmiseError:
                    wire.break_off("forgotten")
                    raise
        except SurmiseError as error:
            self.link.end(error)
        except asyncio.CancelledError:
            self.link.end(None)
            raise
        except Exception as error:  # a fault of this package: the caller must not wait for ever
            self.link.end(ProtocolError(f"the connection failed inside: {error!r}"))
            raise

    async def _reach(self, time_max: Optional[float]) -> tuple[LineProtocol, Welcome]:
        """Try to connect, with growing pauses, for at most so many seconds (`None` is for ever)."""
        start, pause = time.monotonic(), PAUSE_MIN
        while True:
            try:
                return await self._greet()
            except (UnreachableError, UntrustedError) as error:
                found: SurmiseError = error
            except RefusedError as error:
                if not Refusal(error.code, error.field, error.reason, fatal=True).may_pass:
                    raise
                found = error
            if time_max is not None and time.monotonic() - start + pause > time_max:
                raise found
            # a daemon that starts again is not met by all of its producers at once
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, self.link.options.pause_max)

    async def _greet(self) -> tuple[LineProtocol, Welcome]:
        """Make one attempt: connect, and exchange hello and welcome."""
        address = str(self.address)
        wires: list[LineProtocol] = []

        def make() -> LineProtocol:
            wires.append(LineProtocol())
            return wires[-1]

        async def attempt() -> tuple[LineProtocol, Welcome]:
            _, wire = await self.address.open(make, self.link.options.trust)
            assert wire.transport is not None, "a connection that is open has a transport"
            wire.transport.write(self._hello())
            had_given_up, self._has_given_up = self._has_given_up, True
            await _first(wire.first_line, wire.lost)
            if not wire.first_line.done():
                raise UnreachableError(address, f"no answer to the hello: {wire.lost.result()}")
            self._has_given_up = had_given_up
            reply = parse_reply(wire.first_line.result())
            if isinstance(reply.get("error"), dict):
                refusal = Refusal.from_json(reply["error"])
                raise RefusedError(refusal.code, refusal.field, refusal.reason)
            return wire, parse_welcome(reply)

        try:
            return await asyncio.wait_for(attempt(), WELCOME_TIME_MAX)
        except BaseException as error:
            for wire in wires:
                wire.break_off("the hello failed")
            if isinstance(error, asyncio.TimeoutError):
                raise UnreachableError(address, "no answer to the hello") from None
            if isinstance(error, OSError) and not isinstance(error, SurmiseError):
                reason = distrust(error)
                if reason is not None:
                    raise UntrustedError(address, reason) from None
                raise UnreachableError(address, str(error)) from None
            raise

    def _hello(self) -> bytes:
        options = self.link.options
        return encode_hello({
            "producer": options.producer, "epoch": options.epoch or None, "token": options.token,
            "stream": options.stream, "want": list(options.want), "key": options.key,
        })  # fmt: skip

    async def _exchange(self, wire: LineProtocol) -> Optional[str]:
        """Write events and read replies until the connection ends; gives why, or `None` if everything is done."""
        link, transport = self.link, wire.transport
        assert transport is not None, "a connection that is open has a transport"
        self._failed, self._wire, link.reading_paused = None, wire, False
        link.connect()
        wire.listen(lambda lines: self._receive(wire, lines))
        woken: Optional[asyncio.Future[Any]] = None
        try:
            while not wire.lost.done():
                self._woken.clear()
                lines = link.gather(WRITE_BYTES_MAX)
                if lines:
                    transport.write(lines)
                    await wire.drain()
                    # what comes in meanwhile is read before the next write
                    await asyncio.sleep(0)
                    continue
                if link.closing and len(link.window) == 0:
                    return None
                woken = asyncio.ensure_future(self._woken.wait())
                await _first(woken, wire.lost)
                woken.cancel()
            if self._failed is not None:
                raise self._failed
            return wire.lost.result()
        finally:
            if woken is not None:
                woken.cancel()
            self._wire, link.reading_paused = None, False
            wire.on_lines = lambda lines: None
            _end(wire)

    def _receive(self, wire: LineProtocol, lines: list[bytes]) -> None:
        """Handle lines of the daemon."""
        try:
            for reply in parse_replies(lines):
                passing = self.link.handle(reply)
                if passing is not None:
                    wire.break_off(str(passing))
                    break
        except SurmiseError as error:
            # a daemon that meets the hello of an earlier attempt late takes that for a newer connection, once
            if isinstance(error, RefusedError) and error.code == "fenced" and self._has_given_up:
                self._has_given_up = False
            else:
                self._failed = error
            wire.break_off(str(error))
        except Exception as error:  # whatever the other side makes of a reply, the caller is told
            self._failed = ProtocolError(f"not an event socket of surmised: {error}")
            wire.break_off(str(error))
        if lines:
            self.link.changed()
        if self.link.closing:
            self._woken.set()
        if self.link.replies_full and not self.link.reading_paused and wire.transport is not None:
            wire.transport.pause_reading()
            self.link.reading_paused = True
            # an outcome that was taken before this was set has woken nobody
            self._read_on(wire)


async def _first(*futures: asyncio.Future[Any]) -> None:
    """Wait until one of several things has come."""
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


def _end(wire: LineProtocol) -> None:
    """End a connection from this side."""
    if wire.transport is not None:
        wire.transport.close()
