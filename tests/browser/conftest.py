"""Real tabs in a real Chromium. A test fails if its page reports an error."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    BrowserType,
    ConsoleMessage,
    Page,
    Playwright,
    Request,
)

from tests.browser.tab import Tab, Visitor
from tests.browsers import bridged
from tests.support.servers import ChatServer
from tests.support.trees import copy_program

_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_CHROMIUM = ("chromium", "chromium-browser")
# The reader, unless a test asks for somebody else.
_READER = {"locale": "en-GB", "timezone_id": "Europe/Paris"}
# What Chromium writes when a server is away, for a service worker's script in words of its own,
# and Playwright where a test wants no service worker; the page has no say in it.
_BESIDE = (
    "WebSocket connection to",
    "Failed to load resource: net::ERR_",
    "An unknown error occurred when fetching the script.",
    "Service Worker registration blocked",
    "Firefox can’t establish a connection to the server at ws:",
    "The connection to ws:",
)


def _with(arguments: dict[str, Any], *names: str) -> dict[str, Any]:
    """Use the first of these programs that the system has; without one, Playwright's own."""
    system = next(filter(None, map(shutil.which, names)), None)
    return {**arguments, "executable_path": system} if system else arguments


@pytest.fixture(scope="session")
def browser_type(playwright: Playwright, browser_name: str) -> BrowserType:
    """Give Playwright's own Chromium, or what can speak WebDriver BiDi (`make browsers`)."""
    return playwright.chromium if browser_name == "chromium" else playwright.firefox


@pytest.fixture(scope="session")
def browser_type_launch_args(
    browser_type_launch_args: dict[str, Any], browser_name: str
) -> dict[str, Any]:
    """Use Chromium without what is around a page, which saves a quarter of the processor time."""
    if browser_name != "chromium":
        return {**browser_type_launch_args, **bridged(browser_name)}
    arguments = {**browser_type_launch_args, "args": list(_QUIET)}
    return _with(arguments, "chromium-headless-shell", *_CHROMIUM)


@pytest.fixture(scope="session")
def whole_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Use all of Chromium: with notifications, installed pages and the icons of tabs."""
    return _with(browser_type_launch_args, *_CHROMIUM)


@pytest.fixture
def browser(
    request: pytest.FixtureRequest,
    browser: Browser,
    browser_type: BrowserType,
    whole_launch_args: dict[str, Any],
) -> Iterator[Browser]:
    """Give the browser of all tests; all of Chromium to a test that is marked `whole_browser`."""
    if request.node.get_closest_marker("whole_browser") is None:
        yield browser
        return
    whole = browser_type.launch(**whole_launch_args)
    yield whole
    whole.close()


class Watch:
    """The errors that pages report, and the requests that they send to other hosts."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.origins: set[str] = set()

    def follow(self, page: Page) -> None:
        """Watch a page from now on."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._complaint(str(error)))
        page.on("request", self._request)
        page.on("websocket", lambda socket: self._origin(socket.url))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._complaint(message.text)

    def _complaint(self, text: str) -> None:
        if not text.startswith(_BESIDE):
            self.complaints.append(text)

    def _request(self, request: Request) -> None:
        self._origin(request.url)

    def _origin(self, url: str) -> None:
        self.origins.add(urlsplit(url).netloc)


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Watch the pages of a test. A violation of the CSP is a console error."""
    watch = Watch()
    yield watch
    assert watch.complaints == []
    assert {origin.rsplit(":", 1)[0] for origin in watch.origins} <= {"127.0.0.1"}
    assert len(watch.origins) <= 1


@pytest.fixture
def home(request: pytest.FixtureRequest, own_room: str) -> str:
    """Name the room in which the people of a test are: one of its own on the shared server, or that
    of the root."""
    return own_room if request.node.get_closest_marker("shared") is not None else "general"


@pytest.fixture
def open_tab(
    new_context: Callable[..., BrowserContext],
    request: pytest.FixtureRequest,
    watch: Watch,
    home: str,
) -> Callable[..., Tab]:
    """Open a tab at `path`, or at home: in a browser of its own, or in `context`. With `base_url`
    it is on another server than the test's.

    A test that routes requests passes `service_workers="block"`, because requests that a worker
    answers or makes itself do not go through the routes of a page.
    """

    def open_tab(path: str = "", context: BrowserContext | None = None, **options: Any) -> Tab:
        is_home = home != "general" and "base_url" not in options
        path = path or (f"/r/{home}" if is_home else "/")
        if context is None:
            if "base_url" not in options:  # a test that has a server of its own needs no other
                options["base_url"] = request.getfixturevalue("chat_server").url
            context = new_context(**{**_READER, **options})
        page = context.new_page()
        page.set_default_timeout(20_000)
        watch.follow(page)
        return Tab(page, path)

    return open_tab


@pytest.fixture
def enter(open_tab: Callable[..., Tab]) -> Callable[..., Tab]:
    """Open a tab and enter its room."""

    def enter(nick: str, **options: Any) -> Tab:
        tab = open_tab(**options)
        tab.open()
        tab.enter(nick)
        return tab

    return enter


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Copy the program, so that a test can change the version of its page."""
    return copy_program(tmp_path / "tree")


@pytest.fixture
def updated(tree: Path, make_server: Callable[..., ChatServer]) -> ChatServer:
    """Run the copy."""
    server = make_server(cwd=tree)
    server.start()
    return server


@pytest.fixture
def meet(request: pytest.FixtureRequest, home: str) -> Iterator[Callable[..., Visitor]]:
    """Let somebody join a room without a page, because a page costs a second of processor time."""
    with ExitStack() as stack:

        def meet(nick: str, room: str = "", server: ChatServer | None = None) -> Visitor:
            room = room or ("general" if server else home)
            server = server or request.getfixturevalue("chat_server")
            visitor = stack.enter_context(Visitor(server.ws_url))
            visitor.join(nick, room)
            return visitor

        yield meet
