"""HTTP/1.1 over asyncio: as much of it as a daemon speaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from ._calls import Call, T
from ._door import Door
from .errors import ProtocolError

#: Bytes of the longest line of a head.
_LINE_BYTES_MAX = 64 << 10
#: Lines of the longest head.
_HEAD_LINES_MAX = 100
#: Bytes that are read at once.
_READ_BYTES = 64 << 10


@dataclass
class Head:
    """The beginning of an answer."""

    status: int
    headers: dict[str, str]

    @property
    def keeps_open(self) -> bool:
        """Whether the connection can be used again after the answer."""
        framed = "content-length" in self.headers or "chunked" in self.headers.get("transfer-encoding", "").lower()
        return framed and self.headers.get("connection", "").lower() != "close"


class HttpConnection:
    """One connection to a daemon, for one question at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.loop = asyncio.get_running_loop()

    @staticmethod
    async def open(door: Door) -> HttpConnection:
        """Connect to a daemon."""
        reader, writer = await asyncio.open_connection(door.host, door.port, ssl=door.context(), limit=_LINE_BYTES_MAX)
        return HttpConnection(reader, writer)

    async def request(self, door: Door, call: Call[T], headers: Mapping[str, str]) -> Head:
        """Send a request, and read the beginning of its answer."""
        lines = [f"{call.method} {call.target} HTTP/1.1", f"Host: {door.host_header}"]
        lines += [f"{name}: {value}" for name, value in {**door.headers(call), **headers}.items()]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("ascii") + (call.body or b""))
        await self._writer.drain()
        return await self._head()

    async def _line(self) -> bytes:
        try:
            line = await self._reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            raise ProtocolError("not an answer of surmised: a line of its head is too long") from None
        except asyncio.IncompleteReadError:
            raise ConnectionResetError("the connection was closed before the answer") from None
        return line.rstrip(b"\r\n")

    async def _head(self) -> Head:
        first = (await self._line()).split(b" ", 2)
        if len(first) < 2 or not first[0].startswith(b"HTTP/1.") or not first[1].isdigit():
            raise ProtocolError("not an answer of surmised: it does not begin as one of HTTP")
        headers: dict[str, str] = {}
        for _ in range(_HEAD_LINES_MAX):
            line = await self._line()
            if not line:
                return Head(int(first[1]), headers)
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        raise ProtocolError("not an answer of surmised: its head is too long")

    async def body(self, head: Head) -> AsyncIterator[bytes]:
        """Read the body of an answer, part by part."""
        if "chunked" in head.headers.get("transfer-encoding", "").lower():
            async for part in self._chunks():
                yield part
            return
        length = head.headers.get("content-length")
        if length is not None and not (length.isascii() and length.isdigit()):
            raise ProtocolError("not an answer of surmised: its length is no number")
        left = None if length is None else int(length)
        while left is None or left > 0:
            part = await self._reader.read(_READ_BYTES if left is None else min(left, _READ_BYTES))
            if not part:
                if left is None:
                    return
                raise ConnectionResetError("the connection was closed within the answer")
            if left is not None:
                left -= len(part)
            yield part

    async def _chunks(self) -> AsyncIterator[bytes]:
        while True:
            size_text = (await self._line()).split(b";")[0].strip()
            try:
                size = int(size_text, 16)
            except ValueError:
                raise ProtocolError("not an answer of surmised: the size of a part is no number") from None
            if size == 0:
                while await self._line():
                    pass
                return
            left = size
            while left > 0:
                part = await self._reader.read(min(left, _READ_BYTES))
                if not part:
                    raise ConnectionResetError("the connection was closed within the answer")
                left -= len(part)
                yield part
            await self._line()

    def close(self) -> None:
        """End the connection."""
        self._writer.close()
