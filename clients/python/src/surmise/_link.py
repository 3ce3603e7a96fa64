"""What a producer and its connection share: the window, the progress and the outcomes, behind one lock."""

from __future__ import annotations

import contextlib
import copy
import logging
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any, Callable, Optional

from ._answers import Outcome
from ._options import ProducerOptions
from ._progress import SendProgress, later
from ._window import SendWindow
from ._wire import NUMBER_MAX, EncodedEvent, Refusal, Welcome
from .errors import ClosedError, ForgottenError, RecordError, RefusedError, SeqNotRisingError, SurmiseError

log = logging.getLogger("surmise")


class Link:
    """The state of a producer, shared by its caller and by the task that holds its connection.

    `changed` is called, without the lock, when a waiting caller should look again.
    """

    def __init__(self, options: ProducerOptions, changed: Callable[[], None]) -> None:
        self.options = options
        self.changed = changed
        self.lock: contextlib.AbstractContextManager[Any] = threading.Lock()
        self.window = SendWindow(options.window_events, options.window_bytes)
        self.progress = SendProgress()
        # whoever needs little of an outcome may have less of it read
        self.read_outcome: Callable[[Any], Any] = Outcome.from_json
        self.outcomes: deque[Any] = deque()
        self.welcome: Optional[Welcome] = None
        self.closing = False
        self.ended = False
        # whether the connection waits for outcomes to be read; it alone sets this, without the lock. It looks at the
        # outcomes again afterwards, and whoever takes one looks at this afterwards, so one of them sees the other
        self.reading_paused = False
        self.durable: Optional[int] = None
        self.last_seq: Optional[int] = None
        self.sent_seq: Optional[int] = None
        self.skipped = 0
        # the daemon then knows of each stream alone what it has, and its welcome may give a smaller number
        self.names_streams = False

    # ---- what the caller does

    def number(self, seq: Optional[int], rest: Optional[bytes]) -> tuple[int, Optional[bytes]]:
        """Give an event its number and its line; no line if the daemon has it already. The lock is held.

        `rest` is the line without its number, `None` if the record cannot be sent. The number is used up even then,
        since the next run of the program has to number alike.
        """
        last = self.last_seq
        if seq is None:
            seq = 1 if last is None else last + 1
        elif isinstance(seq, bool) or not isinstance(seq, int) or not 0 <= seq <= NUMBER_MAX:
            raise RecordError("wrong_type", "seq", f"expected a whole number from 0, got {seq!r}")
        elif last is not None and seq <= last:
            raise SeqNotRisingError(last, seq)
        self.last_seq = seq
        assert self.welcome is not None, "a producer sends only once it is connected"
        committed = self.welcome.committed_seq
        if committed is not None and seq <= committed:
            self.skipped += 1
            return seq, None
        if rest is None:
            return seq, None
        line = b'{"seq":%d,' % seq + rest
        # the daemon would skip the line and could not name its number
        if len(line) > self.welcome.line_bytes_max:
            reason = f"{len(line)} bytes are more than the daemon's limit of {self.welcome.line_bytes_max} a line"
            raise RecordError("line_too_long", "line", reason)
        return seq, line

    def push(self, event: EncodedEvent) -> int:
        """Add an event to the window, which has room, and give its number. The lock is held.

        Raises what is wrong with an event that cannot be sent, once its number is used up.
        """
        number, line = self.number(event.seq, event.rest)
        if event.fault is not None:
            raise event.fault
        if line is not None:
            self.names_streams = self.names_streams or event.names_stream
            self.window.push(number, line)
            self.sent_seq = number
        return number

    def check_open(self) -> None:
        """Raise why nothing can be sent any more, if that is so."""
        if self.progress.failed is not None:
            raise self.progress.failed
        if self.closing or self.ended:
            raise ClosedError()

    def is_settled(self, up_to: Optional[int]) -> bool:
        """Whether every event up to a number is durable or was refused; raises why it never will be."""
        settled = self.progress.settled
        if up_to is None or (settled is not None and settled >= up_to):
            return True
        if self.progress.failed is not None:
            raise self.progress.failed
        if self.ended:
            raise ClosedError()
        return False

    @property
    def replies_full(self) -> bool:
        """Whether so many outcomes wait that the daemon is not read from."""
        return len(self.outcomes) >= self.options.replies_max

    def copy_progress(self) -> SendProgress:
        """Give the progress as it is now."""
        with self.lock:
            copied = copy.copy(self.progress)
            copied.refusals = list(copied.refusals)
            return copied

    # ---- what the connection does

    def begin(self, welcome: Welcome) -> None:
        """Note the first welcome."""
        with self.lock:
            self.welcome = welcome
            self.durable = welcome.committed_seq
            self.progress.acked = self.progress.settled = welcome.committed_seq

    def resume(self, welcome: Welcome) -> None:
        """Remove from the window what became durable meanwhile, after a later welcome.

        Raises `ForgottenError` if the daemon no longer has what it acknowledged.
        """
        committed = welcome.committed_seq
        with self.lock:
            # a store that was replaced by an older one must not go unnoticed
            behind = self.durable is not None and (committed is None or committed < self.durable)
            if behind and not self.names_streams:
                raise ForgottenError(self.durable or 0, committed)
            if committed is not None:
                self.durable = later(self.window.acknowledge(committed), self.durable)
            self.progress.reconnects += 1
            self.progress.acked = later(self.progress.acked, committed)
            self.progress.note_settled(self.window.settled)
        self.changed()

    def connect(self) -> None:
        """Note that there is a connection; every event of the window is to be written to it."""
        with self.lock:
            self.window.rewind()
            self.progress.connected = True

    def lose(self, reason: str) -> None:
        """Note that the connection is lost."""
        with self.lock:
            self.progress.connected = False
            self.progress.lost = reason

    def end(self, failed: Optional[SurmiseError]) -> None:
        """Note that there will be no connection any more."""
        with self.lock:
            self.ended = True
            self.progress.connected = False
            if failed is not None and self.progress.failed is None:
                self.progress.failed = failed
        self.changed()

    def gather(self, bytes_max: int) -> bytes:
        """Give the lines of the next write; they count as written."""
        with self.lock:
            lines, events = self.window.gather(bytes_max)
            self.progress.written += events
            return lines

    def handle(self, reply: Mapping[str, Any]) -> Optional[Refusal]:
        """Handle a reply; gives a refusal that the connection ends with, after which a new one may help.

        Raises `RefusedError` for one after which it would not. Who waits is told by `changed` after all replies that
        came together.
        """
        ack = reply.get("ack")
        if ack is not None:
            self._handle_ack(int(ack), int(reply.get("duplicates", 0)))
        elif reply.get("outcome") is not None:
            self._handle_outcome(reply["outcome"])
        elif reply.get("error") is not None:
            return self._handle_refusal(Refusal.from_json(reply["error"]))
        return None

    def _handle_ack(self, ack: int, duplicates: int) -> None:
        with self.lock:
            self.durable = later(self.window.acknowledge(ack), self.durable)
            self.progress.acked = later(self.progress.acked, ack)
            self.progress.duplicates += duplicates
            self.progress.note_settled(self.window.settled)

    def _handle_outcome(self, outcome: Any) -> None:
        read = self.read_outcome(outcome)
        if self.options.on_outcome is not None:
            _call(self.options.on_outcome, read)
        else:
            # a queue that needs no lock: who waits for it is told by `changed`, which takes that
            self.outcomes.append(read)

    def _handle_refusal(self, refusal: Refusal) -> Optional[Refusal]:
        if refusal.may_pass:
            return refusal
        # an event that nobody can name would be waited for without end
        if refusal.fatal or refusal.seq is None:
            raise RefusedError(refusal.code, refusal.field, refusal.reason)
        with self.lock:
            self.window.refuse(refusal.seq)
            self.progress.note_refusal(refusal)
            self.progress.note_settled(self.window.settled)
        if self.options.on_refusal is not None:
            _call(self.options.on_refusal, refusal)
        return None


def _call(receiver: Callable[[Any], None], what: object) -> None:
    """Call a receiver of the caller, whose faults are its own."""
    try:
        receiver(what)
    except Exception:
        log.exception("a receiver of replies failed")
