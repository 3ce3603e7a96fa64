"""The window of unacknowledged events: what has to be sent again if the connection breaks."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Optional


class SendWindow:
    """The events that are not acknowledged yet, in the order of their numbers, within bounds of their count and bytes.

    Events that were written to the current connection are in one queue, and those that were not in another. An event
    that is refused leaves a gap: its line is empty until the events before it are settled.
    """

    def __init__(self, events_max: int, bytes_max: int) -> None:
        self._written: deque[tuple[int, bytes]] = deque()
        self._unwritten: deque[tuple[int, bytes]] = deque()
        self._refused: set[int] = set()
        self._bytes = 0
        self._last_seq: Optional[int] = None
        self.events_max = max(events_max, 1)
        self.bytes_max = max(bytes_max, 1)

    def __len__(self) -> int:
        return len(self._written) + len(self._unwritten) - len(self._refused)

    @property
    def has_room(self) -> bool:
        """Whether another event may be added."""
        return len(self._written) + len(self._unwritten) < self.events_max and self._bytes < self.bytes_max

    @property
    def has_unwritten(self) -> bool:
        """Whether an event waits that was not written to this connection."""
        return bool(self._unwritten)

    def push(self, seq: int, line: bytes) -> None:
        """Add the event that comes next."""
        self._last_seq = seq
        self._bytes += len(line)
        self._unwritten.append((seq, line))

    def gather(self, bytes_max: int) -> tuple[bytes, int]:
        """Give lines for the next write and their count; they count as written from now on."""
        lines = []
        size = 0
        while self._unwritten and size < bytes_max:
            event = self._unwritten.popleft()
            self._written.append(event)
            lines.append(event[1])
            size += len(event[1])
        return b"".join(lines), len(lines)

    def rewind(self) -> None:
        """Have every event written again, to a new connection."""
        again = [event for event in self._written if event[0] not in self._refused]
        self._refused.clear()
        self._unwritten.extendleft(reversed(again))
        self._written.clear()

    def acknowledge(self, seq: int) -> Optional[int]:
        """Remove every event up to `seq`, which are durable or were refused; give the last durable one removed."""
        last = None
        for queue in (self._written, self._unwritten):
            while queue and queue[0][0] <= seq:
                number, line = queue.popleft()
                if number in self._refused:
                    self._refused.discard(number)
                else:
                    last = number
                    self._bytes -= len(line)
        self._drop_refused()
        return last

    def refuse(self, seq: int) -> bool:
        """Remove one event that was written, because it was refused; say whether it was there."""
        line = self._find(seq)
        if line is None or seq in self._refused:
            return False
        self._refused.add(seq)
        self._bytes -= len(line)
        self._drop_refused()
        return True

    def _find(self, seq: int) -> Optional[bytes]:
        # refusals come in order and early, so the event is near the front as a rule
        for number, line in islice(self._written, None):
            if number >= seq:
                return line if number == seq else None
        return None

    def _drop_refused(self) -> None:
        while self._written and self._written[0][0] in self._refused:
            self._refused.discard(self._written.popleft()[0])

    @property
    def settled(self) -> Optional[int]:
        """The sequence number up to which every event is acknowledged or refused."""
        for queue in (self._written, self._unwritten):
            if queue:
                front = queue[0][0]
                return front - 1 if front > 0 else None
        return self._last_seq
