"""The program that the crash test kills: it sends the same events every time, as a named producer.

`python sender.py ADDRESS STREAM COUNT sync|async` prints how far it has come now and then.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator

from surmise import AsyncProducer, Event, Producer


def events(count: int) -> Iterator[Event]:
    """Give events with times of their own, so that a run that is broken off learns the same as one that is not."""
    for i in range(count):
        page = ("/home", "/cart", "/pay")[i * i % 7 % 3]
        yield Event({"page": page, "ms": i % 11}, key=f"user-{i % 5}", time=1_700_000_000 + i)


def send(address: str, stream: str, count: int) -> None:
    """Send the events from a thread."""
    with Producer(stream, address, producer="crash", first_connection=30, pause_max=0.2) as producer:
        for i, event in enumerate(events(count)):
            producer.send_event(event)
            if i % 1000 == 0:
                print(producer.progress.acked or 0, flush=True)
        print(producer.flush().acked, flush=True)


async def send_async(address: str, stream: str, count: int) -> None:
    """Send the events from a task."""
    async with AsyncProducer(stream, address, producer="crash", first_connection=30, pause_max=0.2) as producer:
        for i, event in enumerate(events(count)):
            await producer.send_event(event)
            if i % 1000 == 0:
                print(producer.progress.acked or 0, flush=True)
        print((await producer.flush()).acked, flush=True)


if __name__ == "__main__":
    place, name, many, kind = sys.argv[1:]
    if kind == "sync":
        send(place, name, int(many))
    else:
        asyncio.run(send_async(place, name, int(many)))
