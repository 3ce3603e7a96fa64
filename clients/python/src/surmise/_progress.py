"""How far sending has come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from ._wire import Refusal
from .errors import SurmiseError

#: Refusals that are kept word for word; all are counted.
REFUSALS_KEPT_MAX = 20


@dataclass
class SendProgress:
    """How far sending has come, at one moment."""

    settled: Optional[int] = None
    """The sequence number up to which every event is durable or was refused."""
    acked: Optional[int] = None
    """The largest sequence number that was acknowledged, by this producer or before it."""
    written: int = 0
    """Events written to the socket, repeats included."""
    duplicates: int = 0
    """Events that the daemon recognised as sent before."""
    refused: int = 0
    """Events that the daemon refused."""
    refusals: list[Refusal] = field(default_factory=list)
    """The first refusals, word for word."""
    reconnects: int = 0
    """How often a lost connection was made again."""
    connected: bool = False
    """Whether there is a connection now."""
    lost: Optional[str] = None
    """Why the connection was lost the last time."""
    failed: Optional[SurmiseError] = None
    """Why the producer gave up, if it did."""

    def note_refusal(self, refusal: Refusal) -> None:
        """Count a refusal."""
        self.refused += 1
        # a sender of nothing but faults must not fill the memory
        if len(self.refusals) < REFUSALS_KEPT_MAX:
            self.refusals.append(refusal)

    def note_settled(self, settled: Optional[int]) -> None:
        """Move the mark of what is settled forward."""
        self.settled = later(self.settled, settled)


def later(one: Optional[int], other: Optional[int]) -> Optional[int]:
    """Give the larger of two sequence numbers, either of which may be missing."""
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)
