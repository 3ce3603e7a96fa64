"""Producers: what is sent, what comes back, and what they do when something is wrong."""

from __future__ import annotations

import gc
import threading
import time
from typing import Any

import pytest

from surmise import (
    Client,
    ClosedError,
    Daemon,
    Event,
    Outcome,
    ProblemError,
    Producer,
    RecordError,
    Refusal,
    RefusedError,
    RepliesUnreadError,
    SeqNotRisingError,
    UnreachableError,
)


def test_what_is_flushed_is_durable(daemon: Daemon, client: Client, stream: str) -> None:
    with daemon.producer(stream) as producer:
        assert [producer.send("a"), producer.send({"value": "b"}), producer.end("k")] == [1, 2, 3]
        progress = producer.flush()
        assert (progress.acked, progress.settled, progress.refused, progress.connected) == (3, 3, 0, True)
        assert "connected" in repr(producer)
    assert "closed" in repr(producer)
    events = client.events(stream)
    assert events.end == len(events) == 3
    with pytest.raises(ClosedError):
        producer.send("c")


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_both_kinds_of_socket(daemon: Daemon, client: Client, stream: str, kind: str) -> None:
    address = daemon.address if kind == "tcp" else daemon.unix_address
    with Producer(stream, address) as producer:
        assert producer.send_many(["a", Event("b", key="k")]) == 2
    assert client.status(stream).offset == 2


def test_outcomes_and_predictions_come_back(daemon: Daemon, stream: str) -> None:
    with daemon.producer(stream, want=("outcome", "next")) as producer:
        outcomes = list(producer.exchange(Event("ab"[i % 2], key="k") for i in range(200)))
    assert [outcome.seq for outcome in outcomes] == list(range(1, 201))
    assert [outcome.offset for outcome in outcomes] == list(range(200))
    last = outcomes[-1]
    assert (last.stream, last.key) == (stream, "k")
    assert last.surprise_bits < 0.5 < outcomes[0].surprise_bits
    assert last.next is not None
    assert last.next["value"].best == "a"
    assert last.next.offset == 200


def test_outcomes_are_called_back(daemon: Daemon, stream: str) -> None:
    seen: list[Outcome] = []

    def note(outcome: Outcome) -> None:
        seen.append(outcome)
        raise RuntimeError("a fault of the receiver is its own")

    with daemon.producer(stream, want=("outcome",), on_outcome=note) as producer:
        producer.send_many("abc")
        producer.flush()
        with pytest.raises(ValueError, match="on_outcome"):
            producer.outcomes()
    assert [outcome.offset for outcome in seen] == [0, 1, 2]


def test_a_receiver_cannot_wait_for_its_own_producer(daemon: Daemon, stream: str) -> None:
    caught: list[BaseException] = []

    def flush(outcome: Outcome) -> None:
        try:
            producer.send("b")
            producer.flush()
        except RuntimeError as error:
            caught.append(error)

    with daemon.producer(stream, want=("outcome",), on_outcome=flush) as producer:
        producer.send("a")
        until = time.monotonic() + 30
        while not caught and time.monotonic() < until:
            time.sleep(0.01)
    assert caught


def test_outcomes_are_read_by_another_thread(daemon: Daemon, stream: str) -> None:
    producer = daemon.producer(stream, want=("outcome",), replies_max=10, window_events=20)
    seen: list[int] = []
    reader = threading.Thread(target=lambda: seen.extend(outcome.offset for outcome in producer.outcomes()))
    reader.start()
    producer.send_many(str(i % 3) for i in range(500))
    producer.close()
    reader.join(10)
    assert seen == list(range(500))


def test_a_refused_event_is_counted_and_harms_no_other(daemon: Daemon, client: Client) -> None:
    told: list[Refusal] = []
    with daemon.producer("strict-a", on_refusal=told.append) as producer:
        producer.send({"page": "/", "ms": 1})
        for wrong in ({"page": "/", "ms": "fast"}, {"ms": 1}, {"page": "/", "other": 1}):
            producer.send(wrong)
        producer.send({"page": "/", "ms": 2})
        progress = producer.flush()
    assert (progress.settled, progress.refused) == (5, 3)
    assert [(r.code, r.seq, r.field) for r in progress.refusals] == [
        ("wrong_type", 2, "ms"),
        ("missing_field", 3, "page"),
        ("unknown_field", 4, "other"),
    ]
    assert told == progress.refusals
    assert client.status("strict-a").offset == 2


def test_many_refusals_are_counted_and_the_first_are_kept(daemon: Daemon) -> None:
    with daemon.producer("strict-b") as producer:
        producer.send_many({"ms": i} for i in range(20_000))
        progress = producer.flush()
    assert progress.refused == 20_000
    assert len(progress.refusals) == 20


def test_a_record_that_cannot_be_sent_uses_its_number(daemon: Daemon, client: Client, stream: str) -> None:
    wrong_numbers: list[Any] = [-1, 1 << 64, 1.5, True]
    with daemon.producer(stream) as producer:
        assert producer.send("a") == 1
        with pytest.raises(RecordError):
            producer.send(float("nan"))
        with pytest.raises(RecordError, match="limit"):
            producer.send("x" * producer.welcome.line_bytes_max)
        assert producer.send("b") == 4
        for last in (4, 3):
            with pytest.raises(SeqNotRisingError):
                producer.send("c", seq=last)
        for wrong in wrong_numbers:
            with pytest.raises(RecordError):
                producer.send("c", seq=wrong)
        assert producer.send("d", seq=10) == 10
        assert producer.flush().refused == 0
    assert client.status(stream).offset == 3


def test_a_named_producer_resumes_by_sending_again(daemon: Daemon, client: Client, stream: str) -> None:
    for upto in (10, 25):
        with daemon.producer(stream, producer="again") as producer:
            producer.send_many(str(i) for i in range(upto))
            assert producer.skipped == (producer.committed_at_start or 0) == (0 if upto == 10 else 10)
            assert producer.flush().settled == upto
    assert client.status(stream).offset == 25


def test_a_higher_epoch_fences_the_lower_one(daemon: Daemon, stream: str) -> None:
    old = daemon.producer(stream, producer="fenced", epoch=1)
    old.send("a")
    old.flush()
    with daemon.producer(stream, producer="fenced", epoch=2) as new:
        new.send("b")
        new.flush()

        def send_on() -> None:
            for _ in range(500):
                old.send("c")
                old.flush(5)
                time.sleep(0.01)

        with pytest.raises(RefusedError) as caught:
            send_on()
        assert caught.value.code == "fenced"
    with pytest.raises(RefusedError):
        old.send("d")
    old.abort()


def test_a_number_that_no_daemon_reads_is_refused_by_its_event(daemon: Daemon, client: Client, stream: str) -> None:
    with daemon.producer(stream) as producer:
        producer.send(1.0)
        number = producer.send({"a": 10**400})
        producer.send(2.0)
        last = producer.send(10**400)
        progress = producer.flush(30)
    assert [refusal.seq for refusal in progress.refusals] == [number, last]
    assert {refusal.code for refusal in progress.refusals} == {"not_finite"}
    assert client.status(stream).offset == 2


def test_what_cannot_be_wanted_is_refused(daemon: Daemon, stream: str) -> None:
    for wrong in (("acks",), "ack"):
        with pytest.raises(ValueError, match="want"):
            daemon.producer(stream, want=wrong)
    with pytest.raises(ValueError, match="epoch"):
        daemon.producer(stream, epoch=-1)
    with daemon.producer(stream) as producer, pytest.raises(ValueError, match="want"):
        producer.outcomes()


def test_nobody_listens() -> None:
    with pytest.raises(UnreachableError, match="cannot reach surmised"):
        Producer("web", "127.0.0.1:1", first_connection=0.3)
    with pytest.raises(UnreachableError):
        Producer("web", "unix:/nowhere/events.sock")


def test_a_block_that_fails_tells_its_own_fault(daemon: Daemon, client: Client, stream: str) -> None:
    with pytest.raises(KeyError), daemon.producer(stream) as producer:
        producer.send("a")
        raise KeyError("fault")
    assert client.status(stream).offset == 1
    assert not producer.progress.connected


def test_a_producer_that_is_dropped_ends(daemon: Daemon, stream: str) -> None:
    producer = daemon.producer(stream)
    thread = producer._background._thread
    with pytest.warns(ResourceWarning):
        del producer
        gc.collect()
    thread.join(5)
    assert not thread.is_alive()


def test_threads_may_share_a_producer(daemon: Daemon, client: Client, stream: str) -> None:
    with daemon.producer(stream, window_events=50) as producer:
        threads = [
            threading.Thread(target=lambda: producer.send_many(Event("a", key="k") for _ in range(500)))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert producer.flush().settled == 2000
    assert client.status(stream).offset == 2000


def test_unread_outcomes_are_an_error_and_no_deadlock(daemon: Daemon, stream: str) -> None:
    producer = daemon.producer(stream, want=("outcome",), window_events=10, replies_max=20)
    with pytest.raises(RepliesUnreadError, match="exchange"):
        producer.send_many("ab" * 50_000)
    producer.abort()


def test_tokens() -> None:
    token = "a-token-of-a-test-1234"
    with Daemon(config=f'[model]\nnetwork = "off"\n[auth]\ntoken = "{token}"\n') as daemon:
        with daemon.producer("web", token=token) as producer:
            producer.send("a")
            assert token not in repr(producer.options)
        client = daemon.client(token=token)
        assert client.status("web").offset == 1
        assert token not in repr(client.door)
        for wrong in ("wrong", None):
            with pytest.raises(RefusedError) as refused:
                daemon.producer("web", token=wrong)
            assert refused.value.code == "unauthorized"
            with pytest.raises(ProblemError) as problem:
                daemon.client(token=wrong).streams()
            assert problem.value.status == 401
