"""The window of unacknowledged events."""

from __future__ import annotations

import random

from surmise._window import SendWindow


def test_events_leave_when_they_are_settled() -> None:
    window = SendWindow(3, 100)
    for seq in (1, 2, 5):
        window.push(seq, b"x" * 10)
    assert not window.has_room
    assert window.settled == 0
    assert window.gather(20) == (b"x" * 20, 2)
    assert window.refuse(2)
    assert not window.refuse(3)
    assert not window.refuse(2)
    assert window.acknowledge(1) == 1
    assert window.settled == 4
    assert window.gather(100) == (b"x" * 10, 1)
    assert window.gather(100) == (b"", 0)
    assert window.acknowledge(9) == 5
    assert window.acknowledge(9) is None
    assert (len(window), window.settled, window.has_room) == (0, 5, True)


def test_what_was_not_settled_is_written_again() -> None:
    window = SendWindow(10, 1000)
    for seq in range(6):
        window.push(seq, b"%d" % seq)
    window.gather(4)
    window.acknowledge(0)
    window.refuse(2)
    window.rewind()
    assert window.gather(1000) == (b"1345", 4)


def test_a_window_is_a_queue_whatever_comes() -> None:
    """Random calls, held against a dictionary."""
    chance = random.Random(1)
    for _ in range(200):
        window, model, written, seq = SendWindow(8, 60), dict[int, bytes](), set[int](), 0
        for _ in range(100):
            call = chance.randrange(5)
            if call == 0 and window.has_room:
                seq += chance.randrange(1, 3)
                model[seq] = b"%d," % seq
                window.push(seq, model[seq])
            elif call == 1:
                lines, count = window.gather(chance.randrange(1, 20))
                taken = [n for n in model if n not in written][:count]
                assert lines == b"".join(model[n] for n in taken)
                written.update(taken)
            elif call == 2:
                upto = chance.randrange(seq + 2)
                window.acknowledge(upto)
                model = {n: line for n, line in model.items() if n > upto}
            elif call == 3 and seq:
                refused = chance.randrange(seq + 1)
                assert window.refuse(refused) == (refused in model and refused in written)
                if refused in written:
                    model.pop(refused, None)
            else:
                window.rewind()
                written.clear()
            assert len(window) == len(model)
            assert window.settled == (min(model) - 1 if model else seq or None)
