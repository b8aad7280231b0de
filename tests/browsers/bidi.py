"""A bridge's end at Playwright, and what both browsers must be helped with."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

Params = dict[str, Any]

_CALL = "(utilityScript, ...args) => utilityScript.evaluate(...args)"
_COMPILED = """(utilityScript, ...args) => {
  const own = window.eval;
  window.eval = (text) => {
    %s
    throw new Error(`not compiled: ${text}`);
  };
  try {
    return utilityScript.evaluate(...args);
  } finally {
    window.eval = own;
  }
}"""
# What Playwright makes of some of its arguments before it evaluates them.
_FORMS = {
    "callbackText": "{}",
    "functionText": "({})",
    "source": """
    (() => {{
      const module = {{}};
      {}
      return module.exports.default();
    }})()""",
}


class Refused(Exception):
    """A command that the browser cannot carry out, with BiDi's name of the error."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error


@dataclass
class Settings:
    """What a test wants of a browser, known before the browser starts."""

    language: str = "en-GB"
    time_zone: str = "UTC"
    scheme: str = "light"
    width: int = 1280
    height: int = 720

    def take(self, method: str, params: Params) -> bool:
        """Take in a command, if it is one about settings."""
        match method:
            case "emulation.setLocaleOverride":
                self.language = params["locale"]
            case "emulation.setTimezoneOverride":
                self.time_zone = params["timezone"]
            case "emulation.setMediaFeaturesOverride":
                self.scheme = params["features"].get("prefers-color-scheme") or "light"
            case "browsingContext.setViewport":
                self.width = params["viewport"]["width"]
                self.height = params["viewport"]["height"]
            case _:
                return False
        return True


@dataclass
class Bridge:
    """Playwright's connection to a bridge."""

    _playwright: ServerConnection | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def do(self, number: int, method: str, params: Params) -> Params | None:
        """Carry out a command; None: its answer is sent elsewhere."""
        raise NotImplementedError

    async def end(self) -> None:
        """End the browsers."""
        raise NotImplementedError

    async def send(self, text: str) -> None:
        """Send an answer or an event as it is."""
        if self._playwright is not None:
            try:
                await self._playwright.send(text)
            except ConnectionClosed:
                pass  # Playwright has gone: nobody wants to know

    async def tell(self, event: str, /, **params: Any) -> None:
        """Tell of an event."""
        await self.send(json.dumps({"type": "event", "method": event, "params": params}))

    async def run(self) -> None:
        """Serve Playwright until it goes."""
        gone = asyncio.Event()

        async def connected(playwright: ServerConnection) -> None:
            self._playwright = playwright
            try:
                async for text in playwright:
                    message = json.loads(text)
                    task = asyncio.create_task(self._answer(**message))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
                    if message["method"] == "browser.close":
                        break
            finally:
                gone.set()

        async with serve(connected, "127.0.0.1", 0, max_size=None, compression=None) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            # Playwright waits for these words.
            print(f"WebDriver BiDi listening on ws://127.0.0.1:{port}", file=sys.stderr, flush=True)
            await gone.wait()
            await self.end()

    async def _answer(self, id: int, method: str, params: Params) -> None:
        answer: Params
        try:
            if method == "browser.close":
                return
            result = await self.do(id, method, params)
            if result is None:
                return
            answer = {"type": "success", "id": id, "result": result}
        except Refused as refused:
            answer = {"type": "error", "id": id, "error": refused.error, "message": str(refused)}
        except OSError as error:  # a connection to a browser that has ended
            answer = {"type": "error", "id": id, "error": "unknown error", "message": repr(error)}
        await self.send(json.dumps(answer))


def compiled(params: Params) -> Params:
    """Write out what `script.callFunction` would give to `eval`, which the page's CSP forbids."""
    if params["functionDeclaration"] != _CALL:
        return params
    given = params["arguments"]
    sources = [given[3]["value"], *_evaluated(given[5:])]
    cases = [
        f"if (text.trim() === {json.dumps(source.strip())}) return ({expression(source)}\n);"
        for source in sources
    ]
    return {**params, "functionDeclaration": _COMPILED % "\n    ".join(cases)}


def _evaluated(value: Any) -> Iterator[str]:
    """Find the arguments that Playwright's functions evaluate."""
    match value:
        case {"type": "object", "value": [[_, {"value": name}], [_, {"value": str(text)}]]} if (
            name in _FORMS and (name != "source" or "module.exports" in text)
        ):
            yield _FORMS[name].format(text)
        case {"value": list(inner)} | list(inner):
            for each in inner:
                yield from _evaluated(each)


def expression(source: str) -> str:
    """Make a script of one statement something that can stand in brackets."""
    return source.strip().rstrip(";")
