"""Hours of ordinary use: pages join, talk, leave and lose their connection.

Nothing may grow, and no message may be lost. `make soak` takes 10 minutes, `make soak HOURS=8`
longer. It prints one line a minute, and then the result.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.support.crowd import NotAdmitted, Page, Transcript, run
from tests.support.processes import Figures, figures, worker_pid
from tests.support.servers import ChatServer

PAGES, ROOMS = 300, 10
_POST_EVERY_S = 8.0  # for each page, on average
_STAY_S = 40.0  # on average, until a page loses its connection, leaves or goes silent
_AWAY_S = 3.0  # at most: meanwhile a room gets fewer messages than a resume may give
_LINE_EVERY_S = 60.0
_WARM_UP_S = 60.0  # or a quarter of a short run, or a tenth of a long one
_SETTLES_WITHIN_S = 30.0
# How much a number may vary and still count as not growing.
_THREADS, _FILES, _MEMORY_BYTES = 3, 6, 8 * 1024 * 1024


class Soak:
    """A crowd of pages, and counts of what happens to them."""

    def __init__(self, server: ChatServer, duration_s: float, seed: int) -> None:
        self._server = server
        self._pid = worker_pid(server)
        self._ends_at = time.monotonic() + duration_s
        self._duration_s = duration_s
        self._random = random.Random(seed)
        self._transcript = Transcript()
        self._counts: Counter[str] = Counter()
        self._numbers = iter(range(10**9))
        self._pages: set[Page] = set()

    @property
    def _over(self) -> bool:
        return time.monotonic() >= self._ends_at

    async def go(self) -> list[str]:
        """Run to the end, and give the problems."""
        everything_ended = asyncio.gather(*(self._seat() for _ in range(PAGES)))
        warm: Figures | None = None
        warm_up_s = max(min(_WARM_UP_S, self._duration_s / 4), self._duration_s / 10)
        warm_at = time.monotonic() + warm_up_s
        line_every_s = min(_LINE_EVERY_S, self._duration_s / 4)
        try:
            while not self._over and not everything_ended.done():
                await asyncio.wait({everything_ended}, timeout=line_every_s)
                now = figures(self._pid)
                print(f"{time.strftime('%H:%M:%S')}  {now}  {self._counted()}", flush=True)
                if warm is None and time.monotonic() >= warm_at:
                    warm = now
            await everything_ended
            assert warm is not None
            return [*await self._grown(warm), *self._missing()]
        finally:
            everything_ended.cancel()
            for page in self._pages:
                await page.end()

    def _counted(self) -> str:
        return "  ".join(f"{name} {count}" for name, count in sorted(self._counts.items()))

    async def _seat(self) -> None:
        """Fill one place: a page comes, stays a while, leaves, and the next one comes."""
        page: Page | None = None
        while not self._over or (page is not None and page.waiting):
            if page is None:
                number = next(self._numbers)
                page = Page(self._server.port, number, self._transcript, room=f"r{number % ROOMS}")
            self._pages.add(page)
            await self._enter(page)
            following = asyncio.create_task(page.follow())
            try:
                await self._talk(page, following)
                how = self._random.choice(("drops", "leaves", "leaves for good"))
                if self._over:
                    await page.until_acknowledged()
                    return
                if following.done():  # the server ended it
                    self._counts[f"closed {following.result()}"] += 1
                    continue
                self._counts[how] += 1
                if how == "drops":
                    page.drop()
                else:
                    await page.until_acknowledged()
                    page.leave()
                await following
            finally:
                following.cancel()
            if how == "leaves for good":
                self._counts["acknowledged"] += len(page.acknowledged)
                self._pages.discard(page)
                await page.end()
                page = None
            await asyncio.sleep(self._random.uniform(0, _AWAY_S))

    async def _enter(self, page: Page) -> None:
        came_before = bool(page.epoch)
        try:
            await page.enter()
        except NotAdmitted as refusal:
            raise AssertionError(f"refused with {refusal}, although there is room") from None
        self._counts["resumes" if came_before else "joins"] += 1
        assert page.welcome["resumed"] or not came_before, "a reset, although little was missed"

    async def _talk(self, page: Page, following: asyncio.Task[int]) -> None:
        stays_until = time.monotonic() + self._random.expovariate(1 / _STAY_S)
        while not self._over and time.monotonic() < stays_until and not following.done():
            pause_s = min(
                self._random.expovariate(1 / _POST_EVERY_S), stays_until - time.monotonic()
            )
            await asyncio.wait({following}, timeout=max(0.0, pause_s))
            if following.done():
                following.result()  # a gap or a duplicate ends the run here
            else:
                page.post(f"at {time.monotonic():.3f}")
                self._counts["posts"] += 1

    async def _grown(self, warm: Figures) -> list[str]:
        """Compare the server with its state after the warm-up; freeing memory may take a moment."""
        deadline = time.monotonic() + _SETTLES_WITHIN_S
        while True:
            now = figures(self._pid)
            wrong = [
                f"{name}: {after} after {before}"
                for name, before, after, may in (
                    ("threads", warm.threads, now.threads, _THREADS),
                    ("files", warm.files, now.files, _FILES),
                    ("memory", warm.memory_bytes, now.memory_bytes, _MEMORY_BYTES),
                )
                if after > before + may
            ]
            if not wrong or time.monotonic() > deadline:
                return wrong
            await asyncio.sleep(0.5)  # bounded by the deadline

    def _missing(self) -> list[str]:
        wrong = [f"page {page.key}: {page.errors[:3]}" for page in self._pages if page.errors]
        wrong += [
            f"page {page.key}: not acknowledged {page.waiting}"
            for page in self._pages
            if page.waiting
        ]
        if "Traceback" in self._server.log():
            wrong.append(f"a traceback in the server's output: {self._server.log()[-2000:]}")
        return wrong


def main() -> int:
    """Run a soak, and return 0 if nothing grew and no message was lost or repeated."""
    parser = argparse.ArgumentParser(description="Soak the server.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4)))
    options = parser.parse_args()
    print(f"{PAGES} pages, {ROOMS} rooms, {options.minutes:g} minutes, seed {options.seed}")
    with tempfile.TemporaryDirectory() as folder:
        server = ChatServer(Path(folder))
        server.start()
        try:
            soak = Soak(server, options.minutes * 60, options.seed)
            wrong = run(soak.go)
            stop_s = server.stop()
        finally:
            server.end()
    for sentence in wrong:
        print(f"WRONG {sentence}")
    verdict = "FAILED" if wrong else "passed: nothing grew, nothing missing, nothing twice"
    print(f"soak {verdict}; stopped in {stop_s:.1f} s")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
