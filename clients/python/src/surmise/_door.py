"""Where a daemon answers questions, and what every request to it says."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Optional
from urllib.parse import urlsplit

from ._address import Trust, trusting
from ._calls import Call, T
from .errors import AddressError

#: Seconds without a word after which a feed counts as broken: three times the daemon's heartbeat.
HEARTBEAT_TIMEOUT = 45.0


@dataclass(frozen=True)
class Door:
    """The HTTP address of a daemon, with what is needed to be let in."""

    url: str
    token: Optional[str] = field(default=None, repr=False)
    trust: Trust = field(default=None, repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        try:
            wrong = parts.scheme not in ("http", "https") or not parts.hostname or (parts.port or 1) < 1
        except ValueError:
            wrong = True
        if wrong or parts.query or parts.fragment or parts.path not in ("", "/"):
            raise AddressError(
                f"{self.url!r} is not the address of a daemon; give http://HOST:PORT or https://HOST:PORT"
            )
        if self.token is not None and not (self.token.isascii() and self.token.isprintable()):
            raise ValueError("a token has printable ASCII characters only")

    @property
    def host(self) -> str:
        """The name or number of the machine."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The number of the port."""
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def host_header(self) -> str:
        """What a request says of the host that it means."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def context(self) -> Optional[ssl.SSLContext]:
        """Give the context for TLS, if it is spoken."""
        return trusting(self.trust) if urlsplit(self.url).scheme == "https" else None

    def headers(self, call: Call[T]) -> dict[str, str]:
        """Give the headers of a request."""
        headers = {"Accept": "*/*", "User-Agent": "surmise-python/0.1.0"}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        if call.method != "GET":
            headers["Content-Type"] = call.content_type
            headers["Content-Length"] = str(len(call.body or b""))
        return headers
