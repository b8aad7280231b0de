"""The bridge to WebKitGTK, whose driver speaks classic WebDriver: HTTP, one command at a time.

Each of Playwright's contexts gets a browser of its own, on a screen of its own, which is as large
as the page has to be. Nothing can be run before a page's own scripts, and no request can be seen.
"""

from __future__ import annotations

import asyncio
import http.client
import itertools
import json
import os
import re
import tempfile
import uuid
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.browsers.bidi import Bridge, Params, Refused, Settings, compiled, expression
from tests.support.servers import free_port

_STARTS_WITHIN_S = 20.0
_ANSWERS_WITHIN_S = 60.0
_AGENT = Path(__file__).with_name("agent.js").read_text()
_RUN = """const done = arguments[1];
if (window.__bridge?.realm !== arguments[0].realm) {
  done(null);
} else {
  window.__bridge.call(() => (%s
  ), arguments[0]).then((answer) => done(JSON.stringify(answer)));
}"""
# What no test needs.
_NOT_NEEDED = (
    "browser.setDownloadBehavior",
    "emulation.setScreenOrientationOverride",
    "emulation.setScreenSettingsOverride",
    "network.addDataCollector",
    "network.addIntercept",
    "session.subscribe",
    "script.disown",
)


Said = Callable[[asyncio.StreamReader], Coroutine[Any, Any, None]]


class Driver:
    """A WebKitGTK on a screen of its own, with its driver."""

    def __init__(self) -> None:
        self._port = free_port(self)
        self._session = ""
        self._window = ""
        self._in_turn = asyncio.Lock()
        self._stack = AsyncExitStack()

    async def start(self, settings: Settings, locales: Path, said: Said) -> str:
        """Start everything, and give the first window; `said` gets what the console has."""
        locale = await _locale(settings.language, locales)
        screen = await self._display(settings)
        environment = {
            **os.environ,
            "DISPLAY": f":{screen}",
            "GDK_BACKEND": "x11",
            "GTK_THEME": "Adwaita:dark" if settings.scheme == "dark" else "Adwaita",
            "LC_ALL": locale,
            "LOCPATH": str(locales),
            "NO_AT_BRIDGE": "1",
            "TZ": settings.time_zone,
        }
        await self._begin("openbox", env=environment)
        driver = await self._begin(
            "WebKitWebDriver",
            f"--port={self._port}",
            env=environment,
            stdout=asyncio.subprocess.PIPE,
        )
        assert driver.stdout is not None
        listener = asyncio.create_task(said(driver.stdout))
        self._stack.callback(listener.cancel)
        options = {
            "binary": _minibrowser(),
            "args": [
                "--automation",
                "--full-screen",
                "--enable-write-console-messages-to-stdout=true",
            ],
        }
        wanted = {"webkitgtk:browserOptions": options, "timeouts": {"script": 60_000}}
        made = await self._made({"alwaysMatch": wanted})
        self._session = f"/session/{made['sessionId']}"
        self._window = str(await self._send("GET", f"{self._session}/window"))
        return self._window

    async def _made(self, capabilities: Params) -> Params:
        deadline = asyncio.get_running_loop().time() + _STARTS_WITHIN_S
        while True:
            try:
                return dict(await self._send("POST", "/session", capabilities=capabilities))
            except ConnectionRefusedError:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(0.02)  # bounded by the deadline: there is no event to wait for

    async def ask(self, window: str, verb: str, path: str, **body: Any) -> Any:
        """Carry out a command of classic WebDriver in a window."""
        async with self._in_turn:
            if window != self._window:
                await self._send("POST", f"{self._session}/window", handle=window)
                self._window = window
            return await self._send(verb, self._session + path, **body)

    async def open(self, beside: str) -> str:
        """Open another window."""
        made = await self.ask(beside, "POST", "/window/new", type="window")
        return str(made["handle"])

    async def close(self, window: str) -> None:
        """Close a window."""
        await self.ask(window, "DELETE", "/window")
        self._window = ""

    async def end(self) -> None:
        """End everything."""
        if self._session:
            try:
                await self._send("DELETE", self._session)
            except (Refused, OSError):
                pass  # it has ended with its last window
        await self._stack.aclose()

    async def _send(self, verb: str, path: str, **body: Any) -> Any:
        return await asyncio.to_thread(self._sent, verb, path, body)

    def _sent(self, verb: str, path: str, body: Params) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_ANSWERS_WITHIN_S)
        try:
            connection.request(verb, path, json.dumps(body) if verb == "POST" else None)
            response = connection.getresponse()
            value = json.loads(response.read())["value"]
        finally:
            connection.close()
        if response.status >= 400:
            raise Refused(value["error"], value["message"])
        return value

    async def _begin(self, *command: str, **options: Any) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(*command, **options)
        self._stack.push_async_callback(_ended, process)
        return process

    async def _display(self, settings: Settings) -> str:
        reading, writing = os.pipe()
        try:
            await self._begin(
                *("Xvfb", "-displayfd", str(writing), "-nolisten", "tcp", "-screen", "0"),
                f"{settings.width}x{settings.height}x24",
                pass_fds=[writing],
                stderr=asyncio.subprocess.DEVNULL,
            )
        finally:
            os.close(writing)
        with os.fdopen(reading) as numbers:
            number = await asyncio.wait_for(asyncio.to_thread(numbers.readline), _STARTS_WITHIN_S)
        return number.strip()


async def _ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    await process.wait()


async def _locale(language: str, folder: Path) -> str:
    """Make a locale, which is how WebKitGTK is told its language."""
    name = language.replace("-", "_")
    if not (folder / name).exists():
        compiling = await asyncio.create_subprocess_exec(
            *("localedef", "--no-warnings=ascii", "-f", "UTF-8", "-i", name, folder / name)
        )
        await compiling.wait()
    return name


def _minibrowser() -> str:
    return str(next(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser")))


@dataclass
class Context:
    """One of Playwright's contexts, with its browser as soon as it needs one."""

    name: str
    settings: Settings = field(default_factory=Settings)
    driver: Driver | None = None
    pages: list[Page] = field(default_factory=list)
    spare: str = ""  # a window without a page


@dataclass
class Page:
    """A window, and the document that is in it."""

    context: Context
    driver: Driver
    window: str
    realm: str = ""
    url: str = "about:blank"
    navigation: str = ""  # that is under way
    documents: itertools.count[int] = field(default_factory=itertools.count)
    turned: Counter[str] = field(default_factory=Counter)  # the sum of its wheel's turns


class WebKitBridge(Bridge):
    """Carries out WebDriver BiDi's commands with those of classic WebDriver."""

    def __init__(self) -> None:
        super().__init__()
        self._contexts: dict[str, Context] = {}
        self._pages: dict[str, Page] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="tchat-webkit-")

    async def do(self, number: int, method: str, params: Params) -> Params | None:
        """Carry out a command."""
        if method == "session.new":
            return {"sessionId": "bridge", "capabilities": {"browserVersion": "WebKitGTK"}}
        if method in _NOT_NEEDED:
            return {"intercept": "none"}
        if method == "browser.createUserContext":
            context = Context(str(uuid.uuid4()))
            self._contexts[context.name] = context
            return {"userContext": context.name}
        name = params.get("userContext") or next(iter(params.get("userContexts", ())), None)
        if name is not None:
            return await self._in_context(self._contexts[name], method, params)
        page = self._pages[params.get("target", params)["context"]]
        return await self._in_page(page, method, params)

    async def end(self) -> None:
        """End all browsers."""
        for context in self._contexts.values():
            if context.driver is not None:
                await context.driver.end()
        self._folder.cleanup()

    async def _in_context(self, context: Context, method: str, params: Params) -> Params:
        if context.settings.take(method, params):
            return {}
        if method == "browsingContext.create":
            return {"context": await self._open(context)}
        if method == "browser.removeUserContext":
            del self._contexts[context.name]
            for page in list(context.pages):
                await self._closed(page)
            if context.driver is not None:
                await context.driver.end()
            return {}
        raise Refused("unsupported operation", method)

    async def _open(self, context: Context) -> str:
        if context.driver is None:
            context.driver = Driver()
            window = await context.driver.start(
                context.settings, Path(self._folder.name), self._console(context)
            )
        else:
            window = context.spare or await context.driver.open(context.pages[0].window)
            context.spare = ""
        page = Page(context, context.driver, window)
        self._pages[window] = page
        context.pages.append(page)
        await self.tell("browsingContext.contextCreated", **self._about(page))
        await self._arrive(page)
        return window

    async def _close(self, page: Page) -> None:
        if len(page.context.pages) > 1:
            await page.driver.close(page.window)
        else:  # with its last window the browser would end, and forget what it has stored
            await page.driver.ask(page.window, "POST", "/url", url="about:blank")
            page.context.spare = page.window
        await self._closed(page)

    async def _closed(self, page: Page) -> None:
        del self._pages[page.window]
        page.context.pages.remove(page)
        await self.tell("browsingContext.contextDestroyed", **self._about(page))

    def _about(self, page: Page) -> Params:
        return {
            "context": page.window,
            "url": page.url,
            "userContext": page.context.name,
            "parent": None,
            "children": None,
            "originalOpener": None,
        }

    async def _in_page(self, page: Page, method: str, params: Params) -> Params:
        match method:
            case "browsingContext.navigate":
                return await self._go(page, "/url", url=params["url"])
            case "browsingContext.reload":
                return await self._go(page, "/refresh")
            case "browsingContext.close":
                await self._close(page)
            case "browsingContext.activate":
                pass  # all windows are in view
            case "browsingContext.captureScreenshot":
                return {"data": await page.driver.ask(page.window, "GET", "/screenshot")}
            case "input.performActions":
                await self._act(page, params["actions"])
            case "script.evaluate":
                params["functionDeclaration"] = f"() => ({expression(params['expression'])}\n)"
                return await self._call(page, params)
            case "script.callFunction":
                return await self._call(page, compiled(params))
            case _:
                raise Refused("unsupported operation", method)
        return {}

    async def _go(self, page: Page, path: str, **body: str) -> Params:
        navigation = str(uuid.uuid4())
        about = {"context": page.window, "navigation": navigation}
        page.navigation = navigation
        await self.tell("browsingContext.navigationStarted", **about, url=page.url)
        try:
            await page.driver.ask(page.window, "POST", path, **body)
        except Refused:
            await self.tell("browsingContext.navigationFailed", **about, url=page.url)
            raise
        await self._arrive(page)
        return {"navigation": navigation, "url": page.url}

    async def _arrive(self, page: Page) -> None:
        """Put the agent into the document that is there, and tell of it if it is another one."""
        realm = f"{page.window}/{next(page.documents)}"
        found = await page.driver.ask(
            page.window, "POST", "/execute/sync", script=_AGENT, args=[realm]
        )
        page.url = found["url"]
        if found["realm"] == page.realm:
            return
        before, page.realm = page.realm, found["realm"]
        navigation, page.navigation = page.navigation or realm, ""
        about = {"context": page.window, "navigation": navigation, "url": page.url}
        if before:
            await self.tell("script.realmDestroyed", realm=before)
            await self.tell("browsingContext.navigationCommitted", **about)
        window = {"realm": page.realm, "context": page.window, "type": "window"}
        await self.tell("script.realmCreated", **window, origin=page.url)
        await self.tell("browsingContext.domContentLoaded", **about)
        await self.tell("browsingContext.load", **about)

    async def _call(self, page: Page, params: Params) -> Params:
        options = params.get("serializationOptions", {})
        meta = {
            "realm": page.realm,
            "given": params.get("arguments", []),
            "owned": params.get("resultOwnership") == "root",
            "depth": options.get("maxObjectDepth", 100),
        }
        script = _RUN % params["functionDeclaration"]
        try:
            answer = await page.driver.ask(
                page.window, "POST", "/execute/async", script=script, args=[meta]
            )
        except Refused as refused:
            if refused.error not in ("javascript error", "unknown error"):
                raise
            answer = None
            failed = str(refused)
        else:
            failed = "the page has gone"
        if answer is None:
            await self._arrive(page)
            raise Refused("no such script", failed)
        sandbox = params["target"].get("sandbox", "")
        return {**json.loads(answer), "realm": page.realm + sandbox}

    async def _act(self, page: Page, sources: list[Params]) -> None:
        for source in sources:
            for action in source["actions"]:
                for axis in ("x", "y"):
                    if axis in action:
                        action[axis] = round(action[axis])
                # The driver turns a wheel by what differs from its last turn.
                for direction in ("deltaX", "deltaY"):
                    if direction in action:
                        page.turned[direction] += action[direction]
                        action[direction] = page.turned[direction]
        await page.driver.ask(page.window, "POST", "/actions", actions=sources)

    def _console(self, context: Context) -> Said:
        async def said(output: asyncio.StreamReader) -> None:
            async for line in output:
                found = re.match(r"CONSOLE \S+ (ERROR|WARN)\S* (.*)", line.decode().strip())
                if not found or not context.pages:
                    continue
                page = context.pages[-1]
                method = "error" if found[1] == "ERROR" else "warn"
                await self.tell(
                    "log.entryAdded",
                    type="console",
                    level=method,
                    method=method,
                    text=found[2],
                    args=[{"type": "string", "value": found[2]}],
                    source={"realm": page.realm, "context": page.window},
                    timestamp=0,
                )

        return said


if __name__ == "__main__":
    asyncio.run(WebKitBridge().run())
