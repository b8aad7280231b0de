"""A tab of the chat as its reader sees it: by roles and names."""

from __future__ import annotations

import json
import re

from playwright.sync_api import Locator, Page, WebSocketRoute, expect

from tests.support.client import Client
from tests.support.waiting import wait_until

expect.set_options(timeout=20_000)


class Tab:
    """One person's tab."""

    def __init__(self, page: Page, path: str = "/") -> None:
        self.page = page
        self.path = path

    def open(self) -> None:
        """Load the page."""
        self.page.goto(self.path)

    @property
    def nick(self) -> Locator:
        """Find the field for the nick."""
        return self.page.get_by_role("textbox", name=re.compile("^(Your nick|Votre pseudo)$"))

    @property
    def composer(self) -> Locator:
        """Find the field where messages are written."""
        return self.page.get_by_role("textbox", name="Message")

    @property
    def log(self) -> Locator:
        """Find the log."""
        return self.page.get_by_role("log")

    @property
    def people(self) -> Locator:
        """Find the list of people who are here, in the column of a wide window."""
        return self.page.get_by_role("complementary", name="People").get_by_role("listitem")

    @property
    def waiting(self) -> Locator:
        """Find the posts that are not in the log yet."""
        name = re.compile("^(Not sent yet|Pas encore envoyés)$")
        return self.page.get_by_role("list", name=name).get_by_role("listitem")

    @property
    def state(self) -> Locator:
        """Find what a screen reader is told about the connection."""
        return self.page.get_by_role("status").first

    def enter(self, nick: str) -> None:
        """Enter the room and wait until the tab is in it."""
        self.nick.fill(nick)
        self.nick.press("Enter")
        expect(self.composer).to_be_visible()

    def told_of(self, *nicks: str) -> None:
        """Wait until the page has said who came: later, that line would move messages."""
        came = self.page.get_by_role("status").filter(has_text="joined")
        for nick in nicks:
            expect(came).to_contain_text(nick)

    def point_at(self, item: Locator) -> None:
        """Move the mouse to a message, once the code for what it offers is there."""
        expect(self.page.locator("li[tabindex]")).to_have_count(1)
        item.hover()

    def say(self, *texts: str) -> None:
        """Write messages and send them with Enter."""
        for text in texts:
            self.composer.fill(text)
            self.composer.press("Enter")
            expect(self.composer).to_have_value("")

    def wake(self) -> None:
        """Let the browser report that there is a network, so that pages try again at once."""
        self.page.evaluate("dispatchEvent(new Event('online'))")

    def shows(self, *texts: str) -> None:
        """Wait until the log shows exactly these messages, each once, in this order."""
        expect(self.log.get_by_role("listitem")).to_have_count(len(texts))
        wait_until(lambda: self.texts() == list(texts), lambda: str(self.texts()))

    def texts(self) -> list[str]:
        """Give the texts in the log, without their writers and times.

        No message ends with a line break; WebKit's innerText adds one after a hidden mark.
        """
        items = self.log.get_by_role("listitem").all()
        return [
            item.get_by_role("paragraph").last.inner_text().removesuffix("\n") for item in items
        ]


class Visitor(Client):
    """A member without a page, for the reader of another page to meet."""

    def say(self, *texts: str) -> None:
        """Post messages one by one; each waits until the one before is in the log."""
        for text in texts:
            self.post(text)


class Wire:
    """A proxy between page and server, which can cut connections and drop the server's events."""

    def __init__(self, page: Page) -> None:
        self.cut = False  # refuse connections
        self.deaf = False  # drop what the server says
        self.refusals: dict[str, dict[str, object]] = {}  # how each type of command is refused
        self.asked: list[str] = []  # every command, as JSON
        self._routes: list[WebSocketRoute] = []
        page.route_web_socket(re.compile(r"/ws$"), self._opened)

    def _opened(self, route: WebSocketRoute) -> None:
        if self.cut:
            route.close(code=1013)
            return
        self._routes.append(route)
        server = route.connect_to_server()

        def from_page(command: str | bytes) -> None:
            self.asked.append(str(command))
            asked = json.loads(command)
            if refusal := self.refusals.get(asked["type"]):
                error = {"type": "error", "detail": "", "command": asked["type"], **refusal}
                route.send(json.dumps({**error, "id": asked["id"]} if "id" in asked else error))
            else:
                server.send(command)

        def from_server(event: str | bytes) -> None:
            if not self.deaf:
                route.send(event)

        route.on_message(from_page)
        server.on_message(from_server)

    def close(self, code: int) -> None:
        """End the last connection with a close code."""
        self._routes[-1].close(code=code)

    def tell(self, **event: object) -> None:
        """Send an event to the page as if the server had sent it."""
        self._routes[-1].send(json.dumps(event))
