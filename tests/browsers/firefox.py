"""The bridge to Debian's Firefox, which speaks WebDriver BiDi itself, but not all of it.

This version takes its language, time zone and colours only when it starts. So there is a Firefox
for each set of them, with a user context for each of Playwright's contexts.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import tempfile
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.browsers.bidi import Bridge, Params, Refused, Settings, compiled

_STARTS_WITHIN_S = 30.0
_OWN = 1_000_000_000  # the first number of the bridge's own commands
# What no test needs, and this version does not know.
_NOT_NEEDED = (
    "browser.setDownloadBehavior",
    "emulation.setScreenOrientationOverride",
    "emulation.setScreenSettingsOverride",
    "network.addDataCollector",
)
_EVENTS = ["browsingContext", "network", "log", "script", "input"]


Heard = Callable[["Firefox", str], Awaitable[None]]


class Firefox:
    """A Firefox process and the connection to it."""

    def __init__(self, process: asyncio.subprocess.Process, profile: Any, output: Any) -> None:
        self.capabilities: Params = {}
        self._process = process
        self._profile = profile
        self._output = output
        self._connection: ClientConnection | None = None
        self._answers: dict[int, asyncio.Future[Params]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def start(cls, settings: Settings, heard: Heard) -> Firefox:
        """Start a Firefox with these settings; `heard` gets what it says."""
        profile = tempfile.TemporaryDirectory(prefix="tchat-firefox-", ignore_cleanup_errors=True)
        preferences = {
            "intl.accept_languages": settings.language,
            "intl.locale.requested": settings.language,
            "javascript.use_us_english_locale": False,
            "ui.systemUsesDarkTheme": int(settings.scheme == "dark"),
        }
        lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in preferences.items()]
        Path(profile.name, "user.js").write_text("".join(lines))
        process = await asyncio.create_subprocess_exec(
            *("firefox-esr", "--headless", "--no-remote", "--profile", profile.name),
            "--remote-debugging-port=0",
            env={**os.environ, "TZ": settings.time_zone},
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stderr is not None
        firefox = cls(process, profile, process.stderr)
        address = await asyncio.wait_for(firefox._address(), _STARTS_WITHIN_S)
        firefox._connection = await connect(f"{address}/session", max_size=None, compression=None)
        firefox._tasks = [
            asyncio.create_task(firefox._listen(heard)),
            asyncio.create_task(firefox._drain()),
        ]
        session = await firefox.ask("session.new", capabilities={})
        firefox.capabilities = session["capabilities"]
        await firefox.ask("session.subscribe", events=_EVENTS)
        return firefox

    async def forward(self, number: int, method: str, params: Params) -> None:
        """Send a command of Playwright's; its answer goes to Playwright."""
        assert self._connection is not None
        await self._connection.send(json.dumps({"id": number, "method": method, "params": params}))

    async def ask(self, method: str, **params: Any) -> Params:
        """Send a command of the bridge's own, and give its result."""
        number = _OWN + len(self._answers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self.forward(number, method, params)
        answer = await self._answers[number]
        if answer["type"] == "error":
            raise Refused(answer["error"], answer["message"])
        return dict(answer["result"])

    async def end(self) -> None:
        """End the process."""
        if self._process.returncode is None:
            self._process.terminate()
        await self._process.wait()
        for task in self._tasks:
            task.cancel()
        self._profile.cleanup()

    async def _address(self) -> str:
        async for line in self._output:
            if found := re.search(rb"WebDriver BiDi listening on (ws://\S+)", line):
                return found[1].decode()
        raise AssertionError("Firefox ended at its start")

    async def _drain(self) -> None:
        async for _ in self._output:
            pass  # a full pipe would stop Firefox

    async def _listen(self, heard: Heard) -> None:
        assert self._connection is not None
        async for text in self._connection:
            message = json.loads(text)
            if message.get("id", 0) >= _OWN:
                self._answers[message["id"]].set_result(message)
            else:
                await heard(self, str(text))


@dataclass
class Context:
    """One of Playwright's contexts, with its Firefox as soon as it needs one."""

    settings: Settings = field(default_factory=Settings)
    firefox: Firefox | None = None
    name: str = ""  # of the user context in Firefox


class FirefoxBridge(Bridge):
    """Finds, for each command, the Firefox that has to carry it out."""

    def __init__(self) -> None:
        super().__init__()
        self._firefoxes: dict[object, Firefox] = {}
        self._contexts: dict[str, Context] = {}
        self._owners: dict[str, Firefox] = {}  # of pages and realms
        self._in_turn = asyncio.Lock()  # no command overtakes one that waits for its Firefox

    async def do(self, number: int, method: str, params: Params) -> Params | None:
        """Carry out a command, or hand it to its Firefox."""
        async with self._in_turn:
            if method == "session.new":
                first = await self._firefox(Settings(time_zone="Europe/Paris"))
                return {"sessionId": "bridge", "capabilities": first.capabilities}
            if method in ("session.subscribe", *_NOT_NEEDED):
                return {}
            if method == "network.addIntercept" and params["phases"] == ["authRequired"]:
                return {"intercept": "none"}
            if method == "browser.createUserContext":
                name = str(uuid.uuid4())
                self._contexts[name] = Context()
                return {"userContext": name}
            names = [params.get("userContext"), *params.get("userContexts", ())]
            context = next((self._contexts[name] for name in names if name), None)
            if context is None:
                await self._owner(params).forward(number, method, self._in_firefox(params))
                return None
            if context.firefox is None:
                if context.settings.take(method, params):
                    return {}
                await self._begin(context)
            assert context.firefox is not None
            await context.firefox.forward(number, method, self._in_firefox(params))
            return None

    async def heard(self, firefox: Firefox, text: str) -> None:
        """Hand on what a Firefox says."""
        for name, context in self._contexts.items():
            if context.firefox is firefox:
                text = text.replace(context.name, name)
        message = json.loads(text)
        if message.get("method") == "browsingContext.contextCreated":
            self._owners[message["params"]["context"]] = firefox
        elif message.get("method") == "script.realmCreated":
            self._owners[message["params"]["realm"]] = firefox
        await self.send(text)

    async def end(self) -> None:
        """End all Firefoxes."""
        for firefox in self._firefoxes.values():
            await firefox.end()

    async def _firefox(self, settings: Settings) -> Firefox:
        key = (settings.language, settings.time_zone, settings.scheme)
        if key not in self._firefoxes:
            self._firefoxes[key] = await Firefox.start(settings, self.heard)
        return self._firefoxes[key]

    async def _begin(self, context: Context) -> None:
        firefox = await self._firefox(context.settings)
        made = await firefox.ask("browser.createUserContext")
        context.name, context.firefox = made["userContext"], firefox
        await firefox.ask(
            "browsingContext.setViewport",
            userContexts=[context.name],
            viewport={"width": context.settings.width, "height": context.settings.height},
        )

    def _owner(self, params: Params) -> Firefox:
        target = params.get("target", params)
        names = (target.get("context"), target.get("realm"), *target.get("contexts", ()))
        owner = next((self._owners[name] for name in names if name in self._owners), None)
        if owner is None:
            raise Refused("unsupported operation", "for no page and no context")
        return owner

    def _in_firefox(self, params: Params) -> Params:
        names = {name: context.name for name, context in self._contexts.items()}
        if "userContexts" in params:
            params["userContexts"] = [names[name] for name in params["userContexts"]]
        if "userContext" in params:
            params["userContext"] = names[params["userContext"]]
        return compiled(params) if "functionDeclaration" in params else params


if __name__ == "__main__":
    asyncio.run(FirefoxBridge().run())
