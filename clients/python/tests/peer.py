"""A peer that speaks the event socket badly, or slowly: what no daemon does, and a producer has to survive."""

from __future__ import annotations

import json
import socket
import threading
from types import TracebackType
from typing import Any, Callable, Optional

#: What a peer does with one connection: it gets the socket as a file of lines.
Script = Callable[["Conversation"], object]


class Conversation:
    """One connection of a peer."""

    def __init__(self, opened: socket.socket, number: int) -> None:
        self.socket = opened
        self.number = number
        self.file = opened.makefile("rb")

    def line(self) -> Any:
        """Read a line; `None` at the end."""
        text = self.file.readline()
        return json.loads(text) if text else None

    def say(self, *replies: Any) -> None:
        """Write replies, each as bytes or as an object."""
        for reply in replies:
            self.socket.sendall(reply if isinstance(reply, bytes) else (json.dumps(reply) + "\n").encode())

    def welcome(self, committed: Optional[int] = None, line_bytes_max: int = 1 << 20) -> Any:
        """Answer the hello, and give it."""
        hello = self.line()
        said = {"protocol": 1, "server": "peer", "committed_seq": committed, "line_bytes_max": line_bytes_max}
        self.say({"welcome": said})
        return hello["hello"]


class Peer:
    """A listener that runs a script for every connection."""

    def __init__(self, script: Script) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._script = script
        self.connections = 0
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                opened, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            conversation = Conversation(opened, self.connections)
            threading.Thread(target=self._talk, args=(conversation,), daemon=True).start()

    def _talk(self, conversation: Conversation) -> None:
        try:
            self._script(conversation)
        except (OSError, ValueError, TypeError):
            pass
        finally:
            conversation.file.close()
            conversation.socket.close()

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        # a listener whose accept waits is not closed by closing alone
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
