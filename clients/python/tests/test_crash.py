"""Nothing is lost and nothing is learnt twice, whoever is killed: the daemon, the producer, or both."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sender import events
from surmise import Client, Daemon, StateHash

COUNT = 100_000
CONFIG = '[model]\nnetwork = "off"\nmemory_mib = 16\n'


@pytest.fixture(scope="module")
def calm() -> Iterator[StateHash]:
    """What a learner is after the same events when nothing is killed."""
    with Daemon(config=CONFIG) as daemon:
        with daemon.producer("web", producer="crash") as producer:
            assert producer.send_many(events(COUNT)) == COUNT
        yield daemon.client().state_hash("web")


def start(daemon: Daemon, kind: str) -> subprocess.Popen[str]:
    program = [sys.executable, str(Path(__file__).with_name("sender.py")), daemon.address, "web", str(COUNT), kind]
    return subprocess.Popen(program, stdout=subprocess.PIPE, text=True)


def wait_until(sender: subprocess.Popen[str], acked: int) -> int:
    """Wait until so many events are acknowledged, or the sender has ended."""
    assert sender.stdout is not None
    seen = 0
    for line in sender.stdout:
        seen = int(line)
        if seen >= acked:
            break
    return seen


def check(client: Client, calm: StateHash) -> None:
    found = client.state_hash("web")
    assert calm.offset == COUNT
    assert (found.offset, found.state_hash) == (calm.offset, calm.state_hash)


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_the_daemon_is_killed(calm: StateHash, kind: str, tmp_path: Path) -> None:
    with Daemon(config=CONFIG, directory=tmp_path) as daemon:
        sender = start(daemon, kind)
        for acked in (20_000, 60_000):
            assert acked <= wait_until(sender, acked) < COUNT
            daemon.kill()
            daemon.start()
        assert wait_until(sender, COUNT) == COUNT
        assert sender.wait(30) == 0
        check(daemon.client(), calm)


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_the_producer_is_killed(calm: StateHash, kind: str, tmp_path: Path) -> None:
    with Daemon(config=CONFIG, directory=tmp_path) as daemon:
        for acked in (20_000, 60_000):
            sender = start(daemon, kind)
            assert acked <= wait_until(sender, acked) < COUNT
            sender.kill()
            sender.wait(30)
        sender = start(daemon, kind)
        assert wait_until(sender, COUNT) == COUNT
        assert sender.wait(30) == 0
        check(daemon.client(), calm)


def test_both_are_killed(calm: StateHash, tmp_path: Path) -> None:
    with Daemon(config=CONFIG, directory=tmp_path) as daemon:
        sender = start(daemon, "sync")
        assert 40_000 <= wait_until(sender, 40_000) < COUNT
        daemon.kill()
        sender.kill()
        sender.wait(30)
        daemon.start()
        sender = start(daemon, "sync")
        assert wait_until(sender, COUNT) == COUNT
        assert sender.wait(30) == 0
        check(daemon.client(), calm)
