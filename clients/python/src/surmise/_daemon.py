"""A daemon of one's own: for notebooks, tests and wrappers that need one for a while."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Optional, Union

from ._async_client import AsyncClient
from ._async_producer import AsyncProducer
from ._client import Client
from ._producer import Producer
from ._programs import find_program
from .errors import ProgramError, SurmiseError

#: Seconds that a daemon may take to be ready, and to end.
READY_TIME_MAX = 60.0
END_TIME_MAX = 30.0


class Daemon:
    """A private `surmised` on ports of its own, which ends with the `with` block.

    >>> with Daemon() as daemon, daemon.producer("web") as producer:
    ...     producer.send("up")

    Its data are in a temporary directory, which goes with it, unless `directory` names one. `config` is the text of a
    configuration, as in `surmised --print-config`, without `[listen]` and `[store] dir`.
    """

    def __init__(
        self,
        *,
        config: str = "",
        directory: Union[str, os.PathLike[str], None] = None,
        program: Union[str, os.PathLike[str], None] = None,
        tls: Optional[tuple[str, str]] = None,
    ) -> None:
        self.program = find_program("surmised", program)
        self._temporary = directory is None
        self.directory = Path(tempfile.mkdtemp(prefix="surmised-") if directory is None else directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.http_port, self.tcp_port = _free_ports(2)
        self._tls = tls
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._log = self.directory / "surmised.log"
        self._config = self.directory / "surmised.toml"
        self._config.write_text(self._configuration(config), encoding="utf-8")

    def _configuration(self, config: str) -> str:
        # `[store]` and `[listen]` are written with dots, so that the caller's text may have such tables, too
        text = f'listen.http = "127.0.0.1:{self.http_port}"\nlisten.tcp = "127.0.0.1:{self.tcp_port}"\n'
        text += f'listen.unix = "{self.directory.resolve() / "events.sock"}"\n'
        if self._tls is not None:
            text += f'tls.certificate = "{self._tls[0]}"\ntls.key = "{self._tls[1]}"\n'
        return text + config

    @property
    def url(self) -> str:
        """Where it answers questions."""
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.http_port}"

    @property
    def address(self) -> str:
        """Where it takes events."""
        return f"{'' if self._tls is None else 'tls://'}127.0.0.1:{self.tcp_port}"

    @property
    def unix_address(self) -> str:
        """Where it takes events over a Unix socket."""
        return f"unix:{self.directory.resolve() / 'events.sock'}"

    def start(self) -> Daemon:
        """Start it, and wait until it is ready."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self.program, "--config", str(self._config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # what is meant for another daemon is not for this one
                env={
                    **{name: value for name, value in os.environ.items() if not name.startswith("SURMISE__")},
                    "SURMISE__STORE__DIR": str(self.directory / "data"),
                },
            )
        until = time.monotonic() + READY_TIME_MAX
        trust = None if self._tls is None else self._tls[0]
        while True:
            exit_code = self._process.poll()
            if exit_code is not None:
                raise ProgramError("surmised", exit_code, self.log()[-2000:])
            try:
                with Client(self.url, trust=trust, timeout=5) as client:
                    if client.ready().status == "ok":
                        return self
            except SurmiseError:
                pass
            if time.monotonic() > until:
                self.kill()
                raise ProgramError("surmised", 0, f"not ready after {READY_TIME_MAX:.0f} s: {self.log()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it in order: what was accepted is finished, and a last checkpoint is written."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(END_TIME_MAX)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def kill(self) -> None:
        """End it as a crash would; what was acknowledged is there after the next start."""
        if self._process is not None:
            self._process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """End it, and remove its data if they are temporary."""
        if self._temporary:
            self.kill()
            shutil.rmtree(self.directory, ignore_errors=True)
        else:
            self.stop()

    def log(self) -> str:
        """Give what it has said so far."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    # ---- talking to it

    def client(self, **options: Any) -> Client:
        """Make a client of it."""
        return Client(self.url, **options)

    def async_client(self, **options: Any) -> AsyncClient:
        """Make a client of it for asyncio."""
        return AsyncClient(self.url, **options)

    def producer(self, stream: Optional[str] = None, **options: Any) -> Producer:
        """Make a producer that sends to it."""
        return Producer(stream, self.address, **options)

    def async_producer(self, stream: Optional[str] = None, **options: Any) -> AsyncProducer:
        """Make a producer for asyncio that sends to it."""
        return AsyncProducer(stream, self.address, **options)

    def __enter__(self) -> Daemon:
        try:
            return self if self._process is not None else self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "stopped" if self._process is None else f"events at {self.address}"
        return f"<Daemon {self.url}: {state}>"


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports
