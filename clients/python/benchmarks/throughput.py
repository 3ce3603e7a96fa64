"""How many events a second one process sends, beside what the daemon itself learns.

`python benchmarks/throughput.py [--events N] [--fields]` starts a daemon of its own, sends from a thread and from
asyncio, and prints the rates until everything is durable. The bound is the daemon's own rate: the same lines, written
as bytes that were made before. The load of the machine is printed, as other work spoils every rate.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import time
from collections.abc import Sequence
from typing import Any

from surmise import Daemon

CONFIG = '[model]\nnetwork = "off"\nmemory_mib = 16\n'


def values(count: int, fields: bool) -> list[Any]:
    """Make events: one category each, or records of a category and a number with a key."""
    pages = ("/home", "/cart", "/pay")
    if fields:
        return [{"page": pages[i * i % 7 % 3], "ms": i % 11} for i in range(count)]
    return [pages[i * i % 7 % 3] for i in range(count)]


def from_a_thread(daemon: Daemon, events: Sequence[Any]) -> float:
    """Send with `Producer`; gives events a second, until all are durable."""
    with daemon.producer("thread") as producer:
        start = time.perf_counter()
        producer.send_many(events)
        progress = producer.flush()
        seconds = time.perf_counter() - start
    assert (progress.settled, progress.refused) == (len(events), 0)
    return len(events) / seconds


def from_asyncio(daemon: Daemon, events: Sequence[Any]) -> float:
    """Send with `AsyncProducer`; gives events a second, until all are durable."""

    async def main() -> float:
        async with daemon.async_producer("asyncio") as producer:
            start = time.perf_counter()
            await producer.send_many(events)
            progress = await producer.flush()
            assert (progress.settled, progress.refused) == (len(events), 0)
            return len(events) / (time.perf_counter() - start)

    return asyncio.run(main())


def of_the_daemon(daemon: Daemon, events: Sequence[Any]) -> float:
    """Write lines that were made before; gives events a second, until the last is acknowledged."""
    lines = "".join(json.dumps({"seq": i + 1, "data": data}) + "\n" for i, data in enumerate(events)).encode()
    hello = {"hello": {"protocol": 1, "producer": "bound", "stream": "bound", "want": ["ack"]}}
    with socket.create_connection(("127.0.0.1", daemon.tcp_port)) as opened, opened.makefile("rb") as replies:
        opened.sendall((json.dumps(hello) + "\n").encode())
        replies.readline()
        start = time.perf_counter()
        opened.sendall(lines)
        while json.loads(replies.readline()).get("ack", 0) < len(events):
            pass
        return len(events) / (time.perf_counter() - start)


def main() -> None:
    """Print the rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000, help="events that each way sends")
    parser.add_argument("--fields", action="store_true", help="records of two fields instead of one category")
    chosen = parser.parse_args()
    events = values(chosen.events, chosen.fields)
    with Daemon(config=CONFIG) as daemon:
        print(f"{len(events):,} events, load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        for name, send in (
            ("Producer", from_a_thread),
            ("AsyncProducer", from_asyncio),
            ("the daemon alone", of_the_daemon),
        ):
            print(f"{name:18}{send(daemon, events):12,.0f} events/s", flush=True)


if __name__ == "__main__":
    main()
