"""What a producer does with a peer that is slow, broken, or no daemon at all."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from typing import Any

import pytest

from peer import Conversation, Peer
from surmise import Address, ForgottenError, Producer, ProtocolError, RefusedError, UnreachableError, _connection
from surmise._connection import LineProtocol
from surmise._link import Link
from surmise._options import ProducerOptions


def acknowledge(talk: Conversation) -> None:
    """Do what a daemon does: acknowledge everything."""
    while True:
        event = talk.line()
        if event is None:
            return
        talk.say({"ack": event["seq"], "duplicates": 0})


def test_send_waits_at_the_bound_of_the_window() -> None:
    may_go_on, sent = threading.Event(), list[int]()

    def script(talk: Conversation) -> None:
        talk.welcome()
        may_go_on.wait(30)
        acknowledge(talk)

    with Peer(script) as peer, Producer("web", peer.address, window_events=100) as producer:
        thread = threading.Thread(target=lambda: sent.extend(producer.send(i) for i in range(250)))
        thread.start()
        until = time.monotonic() + 30
        while producer.progress.written < 100 and time.monotonic() < until:
            time.sleep(0.01)
        assert len(producer._link.window) == 100
        assert len(sent) == 100
        with pytest.raises(TimeoutError):
            producer.flush(0.05)
        may_go_on.set()
        thread.join(30)
        assert sent == list(range(1, 251))
        assert producer.flush().settled == 250


def test_bytes_bound_the_window_too() -> None:
    def script(talk: Conversation) -> None:
        talk.welcome()
        acknowledge(talk)

    with Peer(script) as peer, Producer("web", peer.address, window_bytes=10_000) as producer:
        for _ in range(50):
            producer.send("x" * 5000)
            assert producer._link.window._bytes < 20_000
        assert producer.flush().settled == 50


def test_a_peer_that_reads_nothing_holds_nothing_up_for_ever() -> None:
    """A daemon may wait for its replies to be read before it reads on; a producer reads while it writes."""

    def script(talk: Conversation) -> None:
        talk.welcome()
        outcome = {"outcome": {"seq": 1, "stream": "web", "offset": 0, "surprise_bits": 1.0, "x": "y" * 1000}}
        for _ in range(5000):
            talk.say(outcome)
        acknowledge(talk)

    with Peer(script) as peer, Producer("web", peer.address, want=("outcome",)) as producer:
        producer.send_many("x" * 1000 for _ in range(5000))
        assert producer.flush().settled == 5000


def answer(talk: Conversation) -> None:
    """Do what a daemon does for a producer that wants outcomes."""
    talk.welcome()
    while True:
        event = talk.line()
        if event is None:
            return
        seq = event["seq"]
        outcome = {"seq": seq, "stream": "web", "offset": seq - 1, "surprise_bits": 1.0}
        talk.say({"outcome": outcome}, {"ack": seq, "duplicates": 0})


@pytest.mark.parametrize("readers", [1, 3])
@pytest.mark.parametrize("replies_max", [1, 2])
def test_few_outcomes_may_wait_and_none_is_left_unread(replies_max: int, readers: int) -> None:
    """Whoever takes the outcome that was one too many has the connection read on."""
    seen = list[int]()
    with Peer(answer) as peer:
        producer = Producer("web", peer.address, want=("outcome",), replies_max=replies_max)
        threads = [
            threading.Thread(target=lambda: seen.extend(outcome.offset for outcome in producer.outcomes()), daemon=True)
            for _ in range(readers)
        ]
        try:
            for thread in threads:
                thread.start()
            until = time.monotonic() + 30
            while producer._reader is None and time.monotonic() < until:
                time.sleep(0.001)
            for i in range(200):
                producer.send(i)
            assert producer.close(30).settled == 200
            for thread in threads:
                thread.join(30)
            assert sorted(seen) == list(range(200))
        finally:
            producer.abort()


def test_an_outcome_that_is_taken_while_reading_pauses_counts() -> None:
    """The reader looks before the connection says that it has paused, so the connection has to look again."""
    link = Link(ProducerOptions(want=("outcome",), replies_max=1), lambda: None)

    class Paused(asyncio.Transport):
        reads = True

        def pause_reading(self) -> None:
            self.reads = False
            link.outcomes.popleft()
            assert not link.reading_paused

        def resume_reading(self) -> None:
            self.reads = True

        def is_closing(self) -> bool:
            return False

    async def main() -> None:
        task, wire, transport = _connection.ConnectionTask(Address.parse("box:1"), link), LineProtocol(), Paused()
        wire.connection_made(transport)
        task._receive(wire, [b'{"outcome":{"seq":1,"stream":"web","offset":0,"surprise_bits":1.0}}'])
        assert transport.reads
        assert not link.reading_paused

    asyncio.run(main())


def test_a_connection_that_breaks_is_made_again_and_resumes() -> None:
    """Each connection acknowledges a few events, has made more durable than it says, and breaks."""
    chance, learnt = random.Random(3), list[int]()

    def script(talk: Conversation) -> None:
        talk.welcome(learnt[-1] if learnt else None)
        for _ in range(chance.randrange(1, 400)):
            event = talk.line()
            if event is None:
                return
            # the daemon recognises what it has
            if not learnt or event["seq"] > learnt[-1]:
                learnt.append(event["seq"])
            if chance.random() < 0.05:
                talk.say({"ack": learnt[-1], "duplicates": 0})
        if talk.number > 20:
            talk.say({"ack": learnt[-1], "duplicates": 0})
            acknowledge_new(talk, learnt)

    def acknowledge_new(talk: Conversation, learnt: list[int]) -> None:
        while True:
            event = talk.line()
            if event is None:
                return
            if event["seq"] > learnt[-1]:
                learnt.append(event["seq"])
            talk.say({"ack": learnt[-1], "duplicates": 0})

    with Peer(script) as peer, Producer("web", peer.address, window_events=300) as producer:
        producer.send_many(range(5000))
        progress = producer.flush()
        assert progress.settled == 5000
        assert progress.reconnects > 5
        assert progress.lost
    assert learnt == list(range(1, 5001))


def test_a_store_that_was_replaced_is_noticed() -> None:
    def script(talk: Conversation) -> None:
        talk.welcome(None if talk.number == 1 else 3)
        for _ in range(5):
            talk.say({"ack": talk.line()["seq"], "duplicates": 0})

    with Peer(script) as peer:
        producer = Producer("web", peer.address)
        with pytest.raises(ForgottenError, match="replaced"):
            for i in range(1000):
                producer.send(i)
                producer.flush(5)
        producer.abort()


def test_a_stream_of_its_own_makes_no_such_promise() -> None:
    def script(talk: Conversation) -> None:
        talk.welcome(None)
        for _ in range(5 if talk.number == 1 else 1000):
            event = talk.line()
            if event is None:
                return
            talk.say({"ack": event["seq"], "duplicates": 0})

    with Peer(script) as peer, Producer("web", peer.address) as producer:
        for i in range(20):
            producer.send(i, stream="other")
            producer.flush()
        assert producer.progress.reconnects == 1


HOSTILE: list[Any] = [
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"\x16\x03\x01\x00\x00\n",
    b"\n",
    b"{}\n",
    b"null\n",
    b'{"ack":"many"}\n',
    b'{"ack":{"a":1}}\n',
    b'{"outcome":7}\n',
    b'{"outcome":{"fields":7}}\n',
    b'{"outcome":{"next":{"fields":{"a":{"top":[1,2]}}}}}\n',
    b'{"error":{"code":"x"}}\n',
    b'{"error":7}\n',
    b'{"ack":1e999}\n',
    b"[" * 200_000 + b"\n",
    b"\xff\xfe\n",
]


@pytest.mark.parametrize("said", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_reply_ends_the_producer_with_the_reason(said: bytes) -> None:
    def script(talk: Conversation) -> None:
        talk.welcome()
        talk.line()
        talk.say(said)
        acknowledge(talk)

    with Peer(script) as peer:
        producer = Producer("web", peer.address, want=("outcome",))
        producer.send("a")
        with pytest.raises(ProtocolError):
            producer.flush(30)
        with pytest.raises(ProtocolError):
            producer.send("b")
        producer.abort()
        assert peer.connections == 1


@pytest.mark.parametrize("said", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_welcome_is_no_daemon(said: bytes) -> None:
    def script(talk: Conversation) -> None:
        talk.line()
        talk.say(said)
        talk.line()

    with Peer(script) as peer, pytest.raises((ProtocolError, UnreachableError)):
        Producer("web", peer.address)


def test_a_line_without_an_end_is_bounded() -> None:
    def script(talk: Conversation) -> None:
        talk.welcome()
        talk.line()
        for _ in range(40):
            talk.say(b"x" * (1 << 20))

    with Peer(script) as peer:
        producer = Producer("web", peer.address, give_up_after=0.2)
        producer.send("a")
        until = time.monotonic() + 30
        while producer.progress.lost is None and time.monotonic() < until:
            time.sleep(0.01)
        assert "longer" in (producer.progress.lost or "")
        producer.abort()


def test_a_fatal_refusal_is_final_and_a_passing_one_is_not() -> None:
    def script(talk: Conversation) -> None:
        refusal = {"code": "unavailable", "field": "store", "reason": "stopping", "fatal": True}
        if talk.number == 1:
            talk.line()
            talk.say({"error": refusal})
            return
        talk.welcome()
        if talk.number == 2:
            talk.line()
            talk.say({"error": refusal})
            return
        talk.line()
        talk.say({"error": {**refusal, "code": "fenced"}})

    with Peer(script) as peer:
        with pytest.raises(RefusedError):
            Producer("web", peer.address)
        with Peer(script) as again:
            producer = Producer("web", again.address, first_connection=5)
            producer.send("a")
            with pytest.raises(RefusedError) as caught:
                producer.flush(30)
            assert caught.value.code == "fenced"
            assert again.connections == 3
            producer.abort()


def test_a_refusal_that_names_no_event_ends_the_producer() -> None:
    """Nobody could tell which event it is about, and that one would be waited for without end."""

    def script(talk: Conversation) -> None:
        talk.welcome()
        talk.line()
        talk.say({"error": {"code": "not_finite", "field": "data", "reason": "too large", "fatal": False}})
        talk.line()

    with Peer(script) as peer:
        producer = Producer("web", peer.address)
        producer.send("a")
        with pytest.raises(RefusedError) as caught:
            producer.flush(30)
        assert caught.value.code == "not_finite"
        producer.abort()


def test_a_hello_that_comes_late_fences_its_own_producer_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow daemon meets the hello of an attempt that was given up after that of the next one."""
    monkeypatch.setattr(_connection, "WELCOME_TIME_MAX", 0.2)
    fenced = {"code": "fenced", "field": "producer", "reason": "a newer connection has taken over", "fatal": True}

    def script(talk: Conversation) -> None:
        if talk.number == 1:
            talk.file.read()
            return
        talk.welcome(1 if talk.number > 3 else None)
        if talk.number in (2, 4):
            talk.line()
            talk.say({"error": fenced})
            return
        talk.say({"ack": talk.line()["seq"], "duplicates": 0})

    with Peer(script) as peer:
        producer = Producer("web", peer.address, first_connection=30)
        producer.send("a")
        assert producer.flush(30).settled == 1
        # the next time it is another producer that has taken over
        until = time.monotonic() + 30
        while peer.connections < 4 and time.monotonic() < until:
            time.sleep(0.01)
        producer.send("b")
        with pytest.raises(RefusedError):
            producer.flush(30)
        producer.abort()
        assert peer.connections == 4


def test_a_producer_gives_up_when_it_was_told_to() -> None:
    peer = Peer(lambda talk: talk.welcome())
    with peer:
        producer = Producer("web", peer.address, give_up_after=0.3)
    producer.send("a")
    with pytest.raises(UnreachableError):
        producer.flush(30)
    assert not producer.progress.connected
    producer.abort()
