"""Measure how long a page takes on a slow line: `make arrival`.

The line is slow 4G: 150 ms for a round trip and 1.6 Mb/s each way, for everything that the browser
does, including the WebSocket (tests/support/line.py). The browser's processor is not slowed. The
time is measured from the navigation's start to the frame that shows

- the nick's field, on a first visit, with nothing kept;
- the room with its messages, for a reader who comes back with a nick: with nothing else kept
  ("cold"), and with everything that the browser has kept of the visit before ("warm").

With BESIDE=folder, the page of another checkout is measured too, in turns, so that other work of
the machine affects both. Figures are medians, with the least and the most.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.support.client import Client
from tests.support.line import SlowLine
from tests.support.servers import GUNICORN, ROOT, ChatServer

THERE_AND_BACK_S, BYTES_PER_S = 0.150, 1_600_000 / 8
MESSAGES = 50
TURNS = 7
_TRIES = 400  # of 50 ms

# Notes the time when an element is first shown: the frame after the change that showed it.
_WATCH = """
  window.shown = {};
  const LOOKED_FOR = { field: "#entry:not([hidden]) #nick", room: "#messages > li" };
  const look = () => {
    for (const [name, selector] of Object.entries(LOOKED_FOR)) {
      if (name in shown || !document.querySelector(selector)?.checkVisibility()) continue;
      shown[name] = 0;
      requestAnimationFrame(() => setTimeout(() => (shown[name] = performance.now())));
    }
  };
  const all = { childList: true, subtree: true, attributes: true };
  new MutationObserver(look).observe(document, all);
"""
_KEPT = json.dumps({"nick": "Alice", "key": "a-key-made-for-arrival"})
_RETURN = f"sessionStorage.setItem('tchat:me', {json.dumps(_KEPT)});"


def until(page: Page, condition: str) -> None:
    """Wait for a condition; Playwright's wait needs eval, which the page forbids."""
    for _ in range(_TRIES):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(condition)


def measure(page: Page, url: str, what: str) -> float:
    """Load the page, and give the milliseconds until it shows something."""
    page.goto(url)
    until(page, f"shown.{what} > 0")
    return float(page.evaluate(f"shown.{what}"))


@contextmanager
def browser_of_its_own(browser: Browser, *, returning: bool) -> Iterator[BrowserContext]:
    """Open a browser that keeps nothing yet."""
    context = browser.new_context(locale="en-GB", viewport={"width": 412, "height": 823})
    context.add_init_script(_WATCH + (_RETURN if returning else ""))
    yield context
    context.close()


def visits(browser: Browser, url: str) -> Iterator[tuple[str, float]]:
    """Make one visit of each kind."""
    with browser_of_its_own(browser, returning=False) as context:
        yield "first visit, field", measure(context.new_page(), url, "field")
    with browser_of_its_own(browser, returning=True) as context:
        page = context.new_page()
        yield "coming back, cold, room", measure(page, url, "room")
        until(page, "navigator.serviceWorker.controller !== null")  # it keeps the page
        page.wait_for_load_state("networkidle")
        page.goto("about:blank")
        yield "coming back, warm, room", measure(page, url, "room")


def report(figures: dict[str, dict[str, list[float]]]) -> None:
    """Say what was measured."""
    for kind, trees in figures.items():
        for tree, values in trees.items():
            spread = f"{min(values):.0f}-{max(values):.0f}"
            print(f"{kind:26} {tree:12} {median(values):6.0f} ms ({spread}, n={len(values)})")
        if len(trees) > 1:
            here, beside = (median(values) for values in trees.values())
            print(f"{'':26} ratio        {here / beside:6.2f}")


def main() -> None:
    """Measure in turns."""
    options = argparse.ArgumentParser()
    options.add_argument("--beside", type=Path, help="another checkout, measured in turns")
    options.add_argument("--turns", type=int, default=TURNS)
    chosen = options.parse_args()
    trees = {"here": ROOT, **({"beside": chosen.beside.resolve()} if chosen.beside else {})}
    figures: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    system = shutil.which("chromium") or shutil.which("chromium-browser")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        urls = {}
        for name, tree in trees.items():
            (folder / name).mkdir()
            settings = {"CHAT_LIMITS": "off"}
            server = ChatServer(folder / name, GUNICORN, settings, cwd=tree)
            stack.callback(server.end)
            server.start()
            with Client(server.ws_url) as bob:
                bob.join("Bob")
                for i in range(MESSAGES):
                    bob.post(f"Message **{i}** of somebody, with `code` and some ordinary words.")
            line = SlowLine(server.port, there_and_back_s=THERE_AND_BACK_S, bytes_per_s=BYTES_PER_S)
            stack.enter_context(line)
            urls[name] = f"http://127.0.0.1:{line.port}/"
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=system, args=["--no-sandbox"])
        stack.callback(browser.close)
        for _ in range(chosen.turns):
            for name, url in urls.items():
                for kind, value in visits(browser, url):
                    figures[kind][name].append(value)
    report(figures)


if __name__ == "__main__":
    main()
