"""The address at which a daemon listens for events."""

from __future__ import annotations

import asyncio
import os
import ssl
from dataclasses import dataclass
from typing import Callable, Optional, TypeVar, Union

from .errors import AddressError

P = TypeVar("P", bound=asyncio.Protocol)

#: What may stand for trust in certificates: a file of authorities, or a context made by the caller.
Trust = Union[None, str, "os.PathLike[str]", ssl.SSLContext]


@dataclass(frozen=True)
class Address:
    """The address at which a daemon listens for events: `HOST:PORT`, `tls://HOST:PORT` or `unix:PATH`.

    >>> Address.parse("tls://box.example:7071")
    Address(kind='tls', place='box.example:7071')
    >>> str(Address.parse("unix:/run/events.sock"))
    'unix:/run/events.sock'
    """

    kind: str
    """One of `tcp`, `tls` and `unix`."""
    place: str
    """`HOST:PORT`, or the path of the socket."""

    @staticmethod
    def parse(text: Union[str, Address]) -> Address:
        """Read an address; `AddressError` says what is wrong with a text that is none."""
        if isinstance(text, Address):
            return text
        if text.startswith("unix:") and len(text) > len("unix:"):
            return Address("unix", text[len("unix:") :])
        kind, place = "tcp", text
        for prefix, named in (("tls://", "tls"), ("tcp://", "tcp"), ("tcp:", "tcp")):
            if text.startswith(prefix):
                kind, place = named, text[len(prefix) :]
                break
        host, colon, port = place.rpartition(":")
        if not (colon and host and port.isascii() and port.isdigit() and int(port) < 1 << 16):
            raise AddressError(f"{place!r} is not an address; give HOST:PORT, tls://HOST:PORT or unix:PATH")
        return Address(kind, place)

    def __str__(self) -> str:
        return {"tcp": "", "tls": "tls://", "unix": "unix:"}[self.kind] + self.place

    @property
    def host(self) -> str:
        """The name or number of the machine, without the brackets of an IPv6 address."""
        return self.place.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The number of the port."""
        return int(self.place.rpartition(":")[2])

    async def open(self, protocol: Callable[[], P], trust: Trust) -> tuple[asyncio.Transport, P]:
        """Open a connection with a protocol of asyncio on it."""
        loop = asyncio.get_running_loop()
        if self.kind == "unix":
            if not hasattr(loop, "create_unix_connection"):
                raise OSError("this system has no Unix sockets; use the daemon's TCP address")
            return await loop.create_unix_connection(protocol, self.place)
        context = trusting(trust) if self.kind == "tls" else None
        return await loop.create_connection(protocol, self.host, self.port, ssl=context)


def trusting(trust: Trust) -> ssl.SSLContext:
    """Give the context for TLS that trusts these authorities; `None` means those of the system."""
    if isinstance(trust, ssl.SSLContext):
        return trust
    return ssl.create_default_context(cafile=None if trust is None else os.fspath(trust))


def distrust(error: BaseException) -> Optional[str]:
    """Say why a certificate is not trusted, if that is what an error of opening means."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{error.verify_message}; give the authority's certificate as trust="
    return None
