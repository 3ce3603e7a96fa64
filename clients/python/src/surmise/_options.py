"""What can be chosen about a producer."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Callable, Optional

from ._address import Trust
from ._answers import Outcome
from ._surroundings import authorities, token
from ._wire import NUMBER_MAX, WANTS, Refusal


@dataclass(frozen=True)
class ProducerOptions:
    """What can be chosen about a producer; `Producer` and `AsyncProducer` take the same as keywords."""

    stream: Optional[str] = None
    """The stream of events that do not name one."""
    producer: Optional[str] = None
    """The name under which the daemon remembers the sequence numbers. Without one the name is random: nothing is lost
    or learnt twice as long as the producer lives, but a later run cannot resume."""
    epoch: int = 0
    """A connection with a higher epoch fences those of the same producer with lower ones."""
    token: Optional[str] = field(default=None, repr=False)
    """The access token of the daemon, if its configuration has some; otherwise SURMISE_TOKEN."""
    want: Sequence[str] = ("ack",)
    """The replies that are asked for: `outcome` for each event's surprise, `next` for the prediction that follows."""
    key: Optional[str] = None
    """The key of events that do not name one."""
    trust: Trust = None
    """The authorities that are trusted where the address asks for TLS: a file, a context, or those of the system."""
    window_events: int = 8192
    """Unacknowledged events that the producer holds; `send` waits at this bound."""
    window_bytes: int = 8 << 20
    """Bytes of unacknowledged events that the producer holds; `send` waits at this bound, too."""
    replies_max: int = 32768
    """Outcomes that wait to be read; beyond it the daemon is not read from until some are."""
    first_connection: float = 0.0
    """For how many seconds the first connection is tried; with zero, it is tried once."""
    give_up_after: Optional[float] = None
    """After how many seconds without a connection the producer gives up; `None` is never."""
    pause_max: float = 5.0
    """The longest pause between two attempts to connect, in seconds."""
    on_outcome: Optional[Callable[[Outcome], None]] = field(default=None, repr=False)
    """Called with every outcome instead of `outcomes()`; a producer's thread calls it, so it must not wait for long."""
    on_refusal: Optional[Callable[[Refusal], None]] = field(default=None, repr=False)
    """Called with every refusal of an event; all are counted in the progress."""

    def __post_init__(self) -> None:
        unknown = [want for want in self.want if want not in WANTS]
        if unknown or isinstance(self.want, str):
            raise ValueError(f"a producer can want {', '.join(WANTS)}, not {self.want!r}")
        if not 0 <= self.epoch <= NUMBER_MAX:
            raise ValueError("an epoch is a whole number from 0 that has 64 bits")
        # acknowledgements are what the window lives of
        object.__setattr__(self, "want", tuple(dict.fromkeys(("ack", *self.want))))
        if self.token is None:
            object.__setattr__(self, "token", token())
        if self.trust is None:
            object.__setattr__(self, "trust", authorities())
        if self.producer is None:
            object.__setattr__(self, "producer", random_name())

    @property
    def wants_outcomes(self) -> bool:
        """Whether outcomes come."""
        return "outcome" in self.want or "next" in self.want


def random_name() -> str:
    """Make a name that no other producer has."""
    place = f"{socket.gethostname()[:40]}-{os.getpid()}-{threading.get_ident() % 9973}"
    return f"python-{place}-{os.urandom(6).hex()}"
