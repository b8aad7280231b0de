"""Measure what a long history costs a page: `make smooth`.

A room of 10,000 messages is measured beside one of 50, in one browser and in turns, so that other
work of the machine affects both. Figures are medians, with the least and the most. What must be
true on every machine is in tests/browser/test_scrolling.py.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.client import Client
from tests.support.logs import Past, fill
from tests.support.servers import ChatServer

LONG, SHORT = 10_000, 50
TURNS, VISITS = 15, 7
_FLOOD_S, _FLOOD_PER_S = 4, 100
_numbers = itertools.count(1)
_ROOMS = {"long": LONG, "short": SHORT, "empty": 0}
_TEXTS = (
    "Yes.",
    "We have moved the table to the window, and nobody minded.",
    "See **page 12** of https://example.org/minutes, `chapter 3`.",
    "Who has the key of the cellar? " * 8,
    "```js\nconst key = cellar.find(Boolean);\nopen(key);\n```",
    "Merci, c'est parfait 🙂",
)

# Runs in every page. Notes the time from a message's arrival to the frame that shows it, long tasks
# and frames.
_WATCH = """
  window.painted = [];
  window.long = [];
  const Socket = window.WebSocket;
  window.WebSocket = class extends Socket {
    constructor(...how) {
      super(...how);
      this.addEventListener("message", ({ data }) => {
        if (!data.startsWith('{"type":"message"')) return;
        const came = performance.now();
        requestAnimationFrame(() => setTimeout(() => painted.push(performance.now() - came)));
      });
    }
  };
  new PerformanceObserver((list) => long.push(...list.getEntries().map((each) => each.duration)))
    .observe({ type: "longtask", buffered: true });
  window.frames_ = [];
  window.watchFrames = () => {
    frames_ = [];
    let last;
    const next = (now) => {
      if (last) frames_.push(now - last);
      last = now;
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  };
"""
# Waits for two frames, and measures them.
_FRAMES = """() => new Promise((done) => {
  const from = performance.now();
  requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - from)));
})"""


def past(count: int) -> Iterator[Past]:
    """Make a history of several people that ends now."""
    now_ms = int(time.time() * 1000)
    for number in range(1, count + 1):
        text = f"{number} {_TEXTS[number % len(_TEXTS)]}"
        nick = ("Bob", "Chloé", "Dimitri")[number // 3 % 3]
        yield Past(nick, text, now_ms - (count - number) * 45_000)


class Seat:
    """A page in a room, seen from inside the browser."""

    def __init__(self, browser: Browser, server: ChatServer, room: str) -> None:
        self._context = browser.new_context(
            base_url=server.url, viewport={"width": 1280, "height": 800}
        )
        self.page: Page = self._context.new_page()
        self.page.add_init_script(_WATCH)
        self._devtools = self._context.new_cdp_session(self.page)
        self._devtools.send("Performance.enable")
        self.room = room
        self.page.goto(f"/r/{room}")
        self.page.get_by_role("textbox", name="Your nick").fill(f"Zoe {next(_numbers)}")
        self.page.keyboard.press("Enter")
        self.page.get_by_role("textbox", name="Message").wait_for()
        self.show_end()

    def show_end(self) -> None:
        """Wait until the room's last message is there."""
        if _ROOMS[self.room]:
            self.page.locator("#messages > li").first.wait_for()

    def close(self) -> None:
        """Leave."""
        self._context.close()

    def metrics(self) -> dict[str, float]:
        """Give what Chromium counts about the page."""
        listed = self._devtools.send("Performance.getMetrics")["metrics"]
        return {each["name"]: each["value"] for each in listed}

    def memory(self) -> tuple[float, float, int]:
        """Collect garbage; give the heap in MB, Chromium's nodes and the page's elements."""
        self._devtools.send("HeapProfiler.collectGarbage")
        found = self.metrics()
        elements = int(self.page.evaluate("document.querySelectorAll('*').length"))
        return found["JSHeapUsedSize"] / 1e6, found["Nodes"], elements

    def drawing_ms(self, act: Callable[[], object]) -> float:
        """Give the style and layout time that an act costs."""
        before = self.metrics()
        act()
        after = self.metrics()
        parts = ("RecalcStyleDuration", "LayoutDuration")
        return sum(after[part] - before[part] for part in parts) * 1000

    def frames(self, act: Callable[[], object]) -> list[float]:
        """Give the milliseconds of each frame while something is done."""
        self.page.evaluate("watchFrames()")
        act()
        return [float(each) for each in self.page.evaluate("frames_")]

    def travel(self, step: int) -> list[float]:
        """Turn the wheel to the beginning or the end; give each frame's milliseconds."""
        self.page.get_by_role("region", name="Conversation").hover()

        def turn() -> None:
            words = "This is where the conversation begins."
            up = "document.getElementById('start').textContent === words"
            down = "document.getElementById('to-end').hidden"
            there = f"(words) => {up if step < 0 else down}"
            while not self.page.evaluate(there, words):
                for _ in range(5):
                    self.page.mouse.wheel(0, step)

        return self.frames(turn)


def posts(server: ChatServer, room: str) -> Client:
    """Give a member who talks in a room."""
    client = Client(server.ws_url)
    client.join(nick="Talker", room=room)
    return client


def line(name: str, long: list[float], short: list[float], unit: str = "ms") -> None:
    """Print one comparison."""

    def said(values: list[float]) -> str:
        return f"{median(values):7.1f} ({min(values):.1f}–{max(values):.1f})"

    ratio = median(long) / median(short) if median(short) else float("nan")
    print(f"{name:44} {said(long):26} {said(short):26} {unit:4} x {ratio:.2f}", flush=True)


def arrivals(seats: list[Seat], talkers: list[Client]) -> list[list[float]]:
    """Give the milliseconds from arrival to paint, in turns."""
    took: list[list[float]] = [[], []]
    for _ in range(TURNS):
        for seat, talker, times in zip(seats, talkers, took, strict=True):
            seat.page.bring_to_front()
            seat.page.evaluate("painted.length = 0")
            talker.post("One more.")
            while not seat.page.evaluate("painted.length"):
                pass  # bounded: the page always has a next frame
            times.append(float(seat.page.evaluate("painted[0]")))
    return took


def flood(seat: Seat, talker: Client) -> tuple[list[float], float]:
    """Post a hundred a second; give the frames and the drawing time of a second."""

    def act() -> None:
        def talk() -> None:
            begun = time.monotonic()
            for number in range(_FLOOD_S * _FLOOD_PER_S):
                talker.post("A message among many others, of one line or two.")
                time.sleep(max(0.0, begun + number / _FLOOD_PER_S - time.monotonic()))

        seat.page.bring_to_front()
        talking = threading.Thread(target=talk)
        talking.start()
        while talking.is_alive():
            seat.page.wait_for_timeout(100)

    frames: list[float] = []
    drawing = seat.drawing_ms(lambda: frames.extend(seat.frames(act)))
    return frames, drawing / _FLOOD_S


def resizes(seat: Seat, sizes: list[tuple[int, int]]) -> list[float]:
    """Give the style and layout time of each change of the window."""
    took = []
    for width, height in sizes:

        def act(width: int = width, height: int = height) -> None:
            seat.page.set_viewport_size({"width": width, "height": height})
            for _ in range(3):
                seat.page.evaluate(_FRAMES)

        took.append(seat.drawing_ms(act))
    return took


def visits(browser: Browser, server: ChatServer) -> dict[str, list[float]]:
    """Give the milliseconds from entering the nick to the complete room."""
    took: dict[str, list[float]] = {room: [] for room in _ROOMS}
    for room in list(took) * VISITS:
        begun = time.monotonic()
        seat = Seat(browser, server, room)
        took[room].append((time.monotonic() - begun) * 1000)
        seat.close()
    return {room: times[1:] for room, times in took.items()}  # the first visits warm up


def measure(browser: Browser, server: ChatServer) -> None:
    """Print all comparisons."""
    found = visits(browser, server)
    print(f"{'':44} {f'{LONG} messages':26} {f'{SHORT} messages':26}")
    line("first visit, from the address to the room", found["long"], found["short"])
    line("  the same, beside an empty room", found["long"], found["empty"])
    long, _ = seats = [Seat(browser, server, room) for room in ("long", "short")]
    long.page.bring_to_front()
    before = long.metrics()["TaskDuration"]
    for name, step in (("up", -400), ("down", 400)):
        long.page.evaluate("long.length = 0")
        frames = long.travel(step)
        tasks = [float(each) for each in long.page.evaluate("long")]
        share = sum(each > 25 for each in frames) / len(frames)
        print(
            f"wheel {name} through all of it: {len(frames)} frames, longest {max(frames):.0f} ms, "
            f"{share:.1%} over 25 ms; {len(tasks)} long tasks, "
            f"longest {max(tasks, default=0):.0f} ms"
        )
    busy = long.metrics()["TaskDuration"] - before
    print(f"main thread for both ways: {busy / (2 * LONG) * 1000:.2f} ms a message")
    talkers = [posts(server, seat.room) for seat in seats]
    line("arrival to paint, at the end", *arrivals(seats, talkers))
    for seat in seats:
        seat.page.evaluate("document.getElementById('scroller').scrollTop -= 300")
    line("arrival to paint, scrolled up", *arrivals(seats, talkers))
    for where in ("scrolled up", "at the end"):
        if where == "at the end":
            for seat in seats:
                seat.page.evaluate("document.getElementById('to-end').click()")
        floods = [flood(*pair) for pair in zip(seats, talkers, strict=True)]
        line(f"100 a second, {where}: frames", *(frames for frames, _ in floods))
        line(f"100 a second, {where}: drawing, a second", *([drawn] for _, drawn in floods))
    keyboard = [(1280, 480), (1280, 800)] * 4
    line("keyboard opens and closes: drawing", *(resizes(seat, keyboard) for seat in seats))
    turned = [(600, 800), (400, 800)] * 4
    line("column narrows and widens: drawing", *(resizes(seat, turned) for seat in seats))
    memory = [seat.memory() for seat in seats]
    for name, index in (("heap, MB", 0), ("nodes", 1), ("elements", 2)):
        line(name, *([float(each[index])] for each in memory), unit="")
    for talker in talkers:
        talker.ws.close()


def main() -> None:
    """Measure and print."""
    argparse.ArgumentParser(description="Measure what a long past costs a page.").parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = ChatServer(Path(folder), settings={"CHAT_LIMITS": "off"})
        for room, count in _ROOMS.items():
            fill(server.database, room, past(count))
        server.start()
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            measure(browser, server)
        finally:
            browser.close()
            server.end()


if __name__ == "__main__":
    main()
