"""What tests share: a daemon that all of them use, and daemons of their own for those that end them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from surmise import Client, Daemon

ROOT = Path(__file__).resolve().parents[3]

#: Small models learn fast, and no test is about what they learn.
CONFIG = """
[model]
network = "off"
memory_mib = 16
[streams."strict-*"]
fields = [{ name = "page", kind = "category", required = true }, { name = "ms", kind = "number" }]
closed = true
[streams."flowers"]
model = { target = "kind" }
fields = [{ name = "petals", kind = "number" }, { name = "kind", kind = "category" }]
[streams."plants"]
model = { target = "kind" }
fields = [{ name = "petals", kind = "number" }, { name = "kind", kind = "category" }]
"""


def pytest_configure() -> None:
    """Name the programs of this checkout, unless others are named."""
    for variable, name in (("SURMISED", "surmised"), ("SURMISE", "surmise")):
        place = os.environ.get(variable, str(ROOT / "target/release" / name))
        os.environ[variable] = str(Path(place).resolve())
    for variable in ("SURMISE_SERVER", "SURMISE_SOCKET", "SURMISE_TOKEN", "SURMISE_CA"):
        os.environ.pop(variable, None)


@pytest.fixture(autouse=True)
def time_limit() -> Iterator[None]:
    """A test that hangs ends, and says where."""

    def end(*_: object) -> None:
        raise TimeoutError("the test hangs")

    signal.signal(signal.SIGALRM, end)
    signal.alarm(240)
    yield
    signal.alarm(0)


@pytest.fixture(scope="session")
def daemon() -> Iterator[Daemon]:
    """A daemon for tests that leave each other's streams alone."""
    with Daemon(config=CONFIG) as running:
        yield running


@pytest.fixture(scope="session")
def client(daemon: Daemon) -> Client:
    """A client of that daemon."""
    return daemon.client()


@pytest.fixture
def stream(request: pytest.FixtureRequest) -> str:
    """A stream that no other test uses."""
    return f"{request.module.__name__}-{request.node.name}".replace("[", "-").replace("]", "")
