"""TLS: both doors, and what is said of a certificate that is not trusted."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from surmise import Client, Daemon, Outcome, Producer, UnreachableError, UntrustedError


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with a certificate of its own."""
    if shutil.which("openssl") is None:
        note = os.environ.get("SURMISE_SKIPPED")
        if note:
            with Path(note).open("a", encoding="utf-8") as file:
                file.write("the Python client over TLS: openssl is not installed\n")
        pytest.skip("openssl makes the certificate")
    directory = tmp_path_factory.mktemp("tls")
    certificate, key = directory / "surmised.crt", directory / "surmised.key"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=surmised",
    ]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    with Daemon(config='[model]\nnetwork = "off"\n', tls=(str(certificate), str(key))) as daemon:
        yield daemon


def test_both_doors_speak_tls(secured: Daemon, tmp_path: Path) -> None:
    authority = secured._tls[0] if secured._tls else ""
    with secured.producer("web", trust=authority, want=("outcome",)) as producer:
        assert all(isinstance(outcome, Outcome) for outcome in producer.exchange("abc" * 1000))
    context = ssl.create_default_context(cafile=authority)
    with secured.client(trust=context) as client:
        assert client.next("web").offset == 3000

    async def main() -> int:
        async with secured.async_producer("web", trust=context) as sender:
            await sender.send("a")
        async with secured.async_client(trust=authority) as asker:
            async for event in asker.watch("web", after=0):
                assert event.raw is not None
                break
            return (await asker.status("web")).offset

    secured_again = asyncio.run(asyncio.wait_for(main(), 60))
    assert secured_again == 3001


def test_a_certificate_that_is_not_trusted(secured: Daemon) -> None:
    with pytest.raises(UntrustedError, match="trust="):
        secured.producer("web")
    with pytest.raises(UntrustedError):
        secured.client().streams()
    with pytest.raises(UntrustedError):
        asyncio.run(secured.async_client().streams())
    # a door that speaks TLS is not one that does not
    with pytest.raises((UnreachableError, ConnectionError)):
        Producer("web", f"127.0.0.1:{secured.tcp_port}")
    with pytest.raises(Exception, match="surmised"):
        Client(f"http://127.0.0.1:{secured.http_port}", timeout=5).streams()
