"""Measure what one client that never reads costs the others: `make overload`.

The same room is measured with and without that client, in turns, so that other work of the machine
affects both. A ratio of latencies is not a unit test; test_costs.py counts what can be counted.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

from tests.support.crowd import Page, Transcript, run
from tests.support.processes import figures, worker_pid
from tests.support.raw import RawPeer
from tests.support.servers import ChatServer

LISTENERS, TURNS, POSTS = 50, 7, 300
_PAUSE_S = 0.005
_TEXT = "x" * 1000
_ALLOWED_RATIO = 1.2


class Measurement:
    """A room of pages; one posts. In every second turn, a client that never reads is there too."""

    def __init__(self, server: ChatServer) -> None:
        self._server = server
        transcript = Transcript()
        self._pages = [Page(server.port, n, transcript) for n in range(LISTENERS)]

    async def go(self) -> tuple[list[float], list[float]]:
        """Give the p99 of each turn, in seconds, without and with the client that never reads."""
        for page in self._pages:
            await page.enter()
        following = [asyncio.create_task(page.follow()) for page in self._pages]
        await self._p99_s()  # warm up
        without, beside = [], []
        for _ in range(TURNS):
            without.append(await self._p99_s())
            with RawPeer(self._server, receive_buffer=4096) as slow:
                await asyncio.to_thread(self._never_read, slow)
                await self._fill()
                beside.append(await self._p99_s())
        for task, page in zip(following, self._pages, strict=True):
            task.cancel()
            await page.end()
        return without, beside

    @staticmethod
    def _never_read(slow: RawPeer) -> None:
        slow.open()
        slow.command(type="join")
        slow.event("welcome")

    async def _fill(self) -> None:
        """Post until the kernel takes no more bytes for the client that never reads."""
        for _ in range(40):
            for _ in range(100):
                self._pages[0].post(_TEXT)
            await self._pages[0].until_acknowledged()

    async def _p99_s(self) -> float:
        """Post one by one, and measure from the post until the last page has it."""
        took_s = []
        for _ in range(POSTS):
            posted_at = time.monotonic()
            self._pages[0].post(_TEXT)
            await self._pages[0].until_acknowledged()
            seq = self._pages[0].seq
            while any(page.seq < seq for page in self._pages):
                await asyncio.sleep(0)  # bounded: the server has already sent it
            took_s.append(time.monotonic() - posted_at)
            await asyncio.sleep(_PAUSE_S)
        return quantiles(took_s, n=100)[98]


def main() -> int:
    """Print the figures, and return 0 if the ratio is within the promise."""
    with tempfile.TemporaryDirectory() as folder:
        # The outbox is so large that the client is not closed before the turn ends.
        settings = {"CHAT_LIMITS": "off", "CHAT_OUTBOX_BYTES": str(64 * 1024 * 1024)}
        server = ChatServer(Path(folder), settings=settings)
        server.start()
        try:
            print(f"before: {figures(worker_pid(server))}")
            without, beside = run(Measurement(server).go)
            print(f"after:  {figures(worker_pid(server))}")
        finally:
            server.end()
    ratio = median(beside) / median(without)
    for name, turns in (("without", without), ("with", beside)):
        print(f"p99 {name:8}" + " ".join(f"{seconds * 1000:6.2f}" for seconds in turns) + " ms")
    print(f"medians: x {ratio:.2f} (allowed: {_ALLOWED_RATIO})")
    return ratio > _ALLOWED_RATIO


if __name__ == "__main__":
    sys.exit(main())
