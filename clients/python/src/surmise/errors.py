"""Why the client could not do what it was asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

__all__ = [
    "AddressError",
    "ClosedError",
    "ForgottenError",
    "ProblemError",
    "ProgramError",
    "ProgramMissingError",
    "ProtocolError",
    "RecordError",
    "RefusedError",
    "RepliesUnreadError",
    "SeqNotRisingError",
    "SurmiseError",
    "UnreachableError",
    "UntrustedError",
]


class SurmiseError(Exception):
    """The base of every error of this package."""


class AddressError(SurmiseError, ValueError):
    """A text is no address."""


class UnreachableError(SurmiseError, ConnectionError):
    """The daemon cannot be reached."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"cannot reach surmised at {address}: {reason}")
        self.address = address
        self.reason = reason


class UntrustedError(SurmiseError, ConnectionError):
    """What answers shows a certificate that is not trusted, so nothing was said to it."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"the certificate of surmised at {address} is not trusted: {reason}")
        self.address = address
        self.reason = reason


class RefusedError(SurmiseError):
    """The daemon ended the connection for good, as it does after a wrong token or for a newer epoch."""

    def __init__(self, code: str, field: str, reason: str) -> None:
        super().__init__(f'surmised refused the connection: field "{field}": {reason}')
        self.code = code
        self.field = field
        self.reason = reason


class ProtocolError(SurmiseError):
    """The other side does not follow the protocol."""


class ForgottenError(SurmiseError):
    """The daemon no longer has what it had acknowledged."""

    def __init__(self, acked: int, committed: Optional[int]) -> None:
        has = "nothing" if committed is None else f"only {committed}"
        super().__init__(
            f"event {acked} was acknowledged as durable, but now surmised has {has}; was its store replaced?"
        )
        self.acked = acked
        self.committed = committed


class RecordError(SurmiseError, ValueError):
    """A record cannot be sent; the producer remains usable."""

    def __init__(self, code: str, field: str, reason: str) -> None:
        super().__init__(f'field "{field}": {reason}')
        self.code = code
        self.field = field
        self.reason = reason


class SeqNotRisingError(SurmiseError, ValueError):
    """A sequence number does not rise; the producer remains usable."""

    def __init__(self, last: int, seq: int) -> None:
        super().__init__(f"sequence number {seq} does not rise above {last}")
        self.last = last
        self.seq = seq


class ClosedError(SurmiseError):
    """The producer or client has been closed."""

    def __init__(self, message: str = "the producer is closed") -> None:
        super().__init__(message)


class RepliesUnreadError(SurmiseError):
    """A call would wait for ever, because outcomes that were asked for are not read by anybody."""

    def __init__(self, waiting: int) -> None:
        super().__init__(
            f"{waiting} outcomes wait to be read, so the daemon is not read from any more; "
            "use exchange(), give on_outcome, or read outcomes() from another thread or task"
        )
        self.waiting = waiting


class ProblemError(SurmiseError):
    """An error of the HTTP interface: what `application/problem+json` says of it."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after: Optional[float] = None) -> None:
        self.status = status
        self.title = str(problem.get("title", ""))
        self.detail = str(problem.get("detail", ""))
        self.code: Optional[str] = problem.get("code")
        """The code of the fault as on the event socket, if there is one."""
        self.field: Optional[str] = problem.get("field")
        """The part of the request that is at fault, if there is one."""
        self.retry_after = retry_after
        """After how many seconds the same request may succeed, if the daemon says so."""
        self.problem = dict(problem)
        place = f' (field "{self.field}")' if self.field else ""
        super().__init__(f"{status} {self.title}{place}: {self.detail}")

    @property
    def reason(self) -> str:
        """What happened and what to do."""
        return self.detail


class ProgramMissingError(SurmiseError, FileNotFoundError):
    """A program of surmise is not where it was looked for."""

    def __init__(self, name: str, variable: str) -> None:
        super().__init__(
            f"the program {name!r} is not found; build it in a checkout with `cargo install --path "
            f"{'daemon' if name == 'surmised' else 'clients/cli'}`, or name it in the variable {variable}"
        )
        self.name = name


class ProgramError(SurmiseError):
    """A program of surmise ended with an error."""

    def __init__(self, command: str, exit_code: int, message: str) -> None:
        super().__init__(f"{command} ended with {exit_code}: {message.strip()}")
        self.exit_code = exit_code
        self.message = message.strip()
