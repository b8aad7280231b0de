"""What a first view costs, what it waits for, and what it says when it cannot start."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import Watch
from tests.browser.tab import Tab, Wire
from tests.browser.test_offline import change, version
from tests.browser.test_page import PHONE, fits
from tests.browser.test_rooms import open_rooms
from tests.support.servers import FLASK_RUN, ChatServer

Enter = Callable[..., Tab]

MOST_REQUESTS = 8
MOST_BYTES = 45_000  # as they are sent, with their headers


class Network:
    """The requests of a page and the bytes of their answers, as Chromium counts them."""

    def __init__(self, page: Page) -> None:
        self._sent: dict[str, tuple[str, float]] = {}
        self._bytes: dict[str, int] = {}
        self._welcome = float("inf")
        session = page.context.new_cdp_session(page)
        session.on("Network.requestWillBeSent", self._asked)
        session.on("Network.webSocketCreated", self._dialled)
        session.on("Network.webSocketFrameReceived", self._told)
        session.on("Network.loadingFinished", self._finished)
        session.send("Network.enable")

    def _asked(self, event: dict[str, Any]) -> None:
        self._sent[event["requestId"]] = (event["request"]["url"], event["timestamp"])

    def _dialled(self, event: dict[str, Any]) -> None:
        self._sent[event["requestId"]] = (event["url"], 0)

    def _finished(self, event: dict[str, Any]) -> None:
        self._bytes[event["requestId"]] = event["encodedDataLength"]  # with its headers

    def _told(self, event: dict[str, Any]) -> None:
        self._welcome = min(self._welcome, event["timestamp"])
        size = len(event["response"]["payloadData"].encode())
        self._bytes[event["requestId"]] = self._bytes.get(event["requestId"], 0) + size

    def until_welcome(self) -> dict[str, int]:
        """Give the requests that were made before the room appeared: address → bytes."""
        asked = {key: url for key, (url, at) in self._sent.items() if at < self._welcome}
        return {url: self._bytes.get(key, 0) for key, url in asked.items()}


def test_first_view_is_small_before_and_after_the_join(
    chat_server: ChatServer, open_tab: Enter, enter: Enter
) -> None:
    bob = enter("Bob")
    bob.say(*(f"Message **{i}**, with `code` and a line of ordinary words." for i in range(30)))
    tab = open_tab()
    network = Network(tab.page)
    tab.open()
    expect(tab.nick).to_be_visible()
    tab.page.wait_for_load_state("networkidle")
    first = network.until_welcome()
    assert len(first) < MOST_REQUESTS, first  # entering the room is one more
    assert 10_000 < sum(first.values()) < MOST_BYTES, first
    # Whoever thinks about a nick, perhaps for minutes, takes no place on the server.
    assert not [url for url in first if url.endswith("/ws")]
    tab.enter("Alice")
    expect(tab.log.get_by_role("listitem")).to_have_count(30)
    inside = network.until_welcome()
    assert len(inside) <= MOST_REQUESTS, inside
    assert 20_000 < sum(inside.values()) < MOST_BYTES, inside
    assert [url for url in inside if url.endswith("/ws")]


def test_room_does_not_wait_for_its_markup(open_tab: Enter, enter: Enter) -> None:
    enter("Bob").say("**bold** and `code`")
    tab = open_tab(service_workers="block")
    held: list[Route] = []
    tab.page.route("**/with-text-*.js", lambda route: held.append(route))  # noqa: PLW0108
    tab.open()
    tab.enter("Alice")
    expect(tab.log.get_by_role("listitem")).to_have_text(re.compile(r"\*\*bold\*\* and `code`"))
    tab.say("*mine*")
    tab.shows("**bold** and `code`", "*mine*")
    before = tab.log.get_by_role("listitem").last.bounding_box()
    assert held
    for route in held:
        route.continue_()
    expect(tab.log.get_by_role("emphasis")).to_have_text("mine", use_inner_text=True)
    expect(tab.log.get_by_role("code")).to_have_text("code", use_inner_text=True)
    tab.shows("bold and code", "mine")
    assert tab.log.get_by_role("listitem").last.bounding_box() == before  # nothing jumps
    # A screen reader reads no message again: each one is marked when its text is drawn again.
    quiet = "each => each.map(one => one.closest('[aria-live=off]') !== null)"
    assert tab.log.get_by_role("listitem").evaluate_all(quiet) == [True, True]


# --- scripts that do not arrive, or do not run ---------------------------------------

_MAIN = "**/main-*.js"
_SECONDS = 8  # the sheet's --patience
_FASTER = 30


def _missing(page: Page) -> None:
    page.route(_MAIN, lambda route: route.fulfill(status=404, body="gone"))


def _blocked(page: Page) -> None:
    page.route("**/*.js", lambda route: route.abort())


def _hanging(page: Page) -> None:
    page.route(_MAIN, lambda route: None)


def _half(page: Page) -> None:
    page.route("**/chunk-*.js", lambda route: route.abort())


def _failing(page: Page) -> None:
    page.add_init_script("delete Intl.PluralRules")  # the first module makes one of them


def _unreadable(page: Page) -> None:
    page.route(
        _MAIN, lambda route: route.fulfill(content_type="text/javascript", body="let a = #;")
    )


def _without_modules(page: Page) -> None:
    def old(route: Route) -> None:
        answer = route.fetch()
        body = answer.text().replace('type="module"', 'type="of-tomorrow"')
        route.fulfill(response=answer, body=body)

    page.route(re.compile(r"/$"), old)


def _forbidden(page: Page) -> None:
    def strict(route: Route) -> None:
        answer = route.fetch()
        policy = "default-src 'none'; style-src 'self'"
        route.fulfill(
            response=answer, headers={**answer.headers, "content-security-policy": policy}
        )

    page.route(re.compile(r"/$"), strict)


_BROKEN = [_blocked, _hanging, _half, _unreadable, _without_modules, _forbidden, _failing]


def test_page_that_cannot_begin_says_so(open_tab: Enter, watch: Watch) -> None:
    tab = open_tab(service_workers="block", viewport=PHONE)
    _quickly(tab.page)
    for broken in _BROKEN:
        broken(tab.page)
        _says_that_it_has_not_started(tab)
        tab.page.unroute_all(behavior="ignoreErrors")
        if broken is not _failing:  # the last, because this tab keeps that
            _starts_after_all(tab, reloads=broken is not _hanging)
    watch.complaints.clear()  # the browser's own error, about what this test broke


def test_page_that_cannot_begin_says_so_in_french(open_tab: Enter, watch: Watch) -> None:
    tab = open_tab(service_workers="block", viewport=PHONE, locale="fr-FR")
    _quickly(tab.page)
    _missing(tab.page)
    _says_that_it_has_not_started(tab)
    tab.page.unroute_all(behavior="ignoreErrors")
    _starts_after_all(tab)
    watch.complaints.clear()


def _quickly(page: Page) -> None:
    """Shorten the wait: Playwright's clock does not change the animations of a style sheet."""
    session = page.context.new_cdp_session(page)
    session.send("Animation.enable")
    session.send("Animation.setPlaybackRate", {"playbackRate": _FASTER})


def _said(tab: Tab) -> Locator:
    words = re.compile("The page has not started|La page n’a pas démarré")
    return tab.page.get_by_role("alert").filter(has_text=words)


def _says_that_it_has_not_started(tab: Tab) -> None:
    tab.page.goto(tab.path, wait_until="commit")
    expect(_said(tab)).to_be_visible()
    assert fits(tab.page)
    expect(tab.page.locator("button:visible")).to_have_count(0)  # no button that does nothing
    expect(tab.page.get_by_role("textbox")).to_have_count(0)


def _starts_after_all(tab: Tab, *, reloads: bool = True) -> None:
    if reloads:  # a script that only hung arrives now by itself
        _said(tab).get_by_role("link").click()
    expect(tab.nick).to_be_visible()
    expect(_said(tab)).to_have_count(0)


def test_page_on_a_slow_line_does_not_say_so(open_tab: Enter) -> None:
    tab = open_tab()
    session = tab.page.context.new_cdp_session(tab.page)
    # GPRS: 50 kbit/s, and half a second for a round trip.
    line = {"downloadThroughput": 50_000 / 8, "uploadThroughput": 20_000 / 8, "latency": 500}
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", {"offline": False, **line})
    tab.page.goto(tab.path, wait_until="commit")
    said = tab.page.get_by_text("The page has not started")
    # Nothing is painted before the style sheet has arrived.
    is_painted = "performance.getEntriesByType('paint').length > 0"
    seen = 0
    for _ in range(300):
        if tab.page.evaluate(is_painted):
            seen += 1
            assert not said.is_visible()
        if tab.nick.is_visible():
            break
        tab.page.wait_for_timeout(100)
    assert seen > 0  # the page was painted before it started
    expect(tab.nick).to_be_visible()
    expect(said).to_have_count(0)


def test_time_that_scripts_are_given_is_that_of_a_slow_line(open_tab: Enter) -> None:
    tab = open_tab(service_workers="block")
    _hanging(tab.page)
    tab.page.goto(tab.path, wait_until="commit")
    expect(tab.page.locator("#stalled")).to_be_hidden()  # the style sheet has arrived
    expect(tab.page.get_by_role("banner")).to_be_visible()
    # From the beginning there is no button that does nothing.
    assert tab.page.locator("button:visible").count() == 0
    delay = "parseFloat(getComputedStyle(document.querySelector('#stalled')).animationDelay)"
    assert tab.page.evaluate(delay) == _SECONDS
    tab.page.unroute_all(behavior="ignoreErrors")


def test_page_without_javascript_says_only_that(open_tab: Enter) -> None:
    tab = open_tab(java_script_enabled=False)
    tab.open()
    # Playwright's other ways to find a text skip the content of <noscript>.
    words = tab.page.locator("noscript p")
    expect(words).to_be_visible()
    expect(words).to_contain_text("Tchat needs JavaScript")
    expect(tab.page.locator("#stalled")).to_be_hidden()
    assert tab.page.get_by_role("button").count() == 0


# --- the sources, without a build -----------------------------------------------------


def test_page_runs_unbuilt_for_whoever_changes_it(
    make_server: Callable[..., ChatServer], open_tab: Enter
) -> None:
    server = make_server((*FLASK_RUN, "--debug", "--no-reload"))
    server.start()
    tab = open_tab(base_url=server.url)
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url))
    tab.open()
    tab.enter("Alice")
    tab.say("**bold**")
    expect(tab.log.get_by_role("strong")).to_have_text("bold", use_inner_text=True)
    assert f"{server.url}/static/js/main.js" in asked
    assert not [url for url in asked if "/dist/" in url or re.search(r"-[0-9A-Z]{8}\.", url)]
    workers = "navigator.serviceWorker.getRegistrations().then(all => all.length)"
    assert tab.page.evaluate(workers) == 0


# --- a part that is gone --------------------------------------------------------------


def test_part_that_is_gone_from_the_server_is_said_and_nothing_is_lost(
    tree: Path, updated: ChatServer, open_tab: Enter, watch: Watch
) -> None:
    """Here no worker keeps the page, as on plain http in a local network."""
    tab = open_tab(base_url=updated.url, viewport=PHONE)
    tab.page.add_init_script("delete Navigator.prototype.serviceWorker")
    wire = Wire(tab.page)
    tab.open()
    tab.enter("Alice")
    tab.say("*one*")
    expect(tab.log.get_by_role("emphasis")).to_have_text("one", use_inner_text=True)
    old = version(tab.page)
    updated.stop()
    change(tree)
    wire.cut = True
    updated.start()
    tab.say("waits")
    tab.composer.fill("half a sen")
    tab.page.get_by_role("heading", level=1).get_by_role("button").click()
    said = tab.page.get_by_role("status").filter(has_text="no longer this part of the old one")
    expect(said).to_be_visible()
    expect(tab.page.get_by_role("alert").filter(has_text="could not be loaded")).to_have_count(0)
    assert fits(tab.page)
    said.get_by_role("button", name="Later").click()
    expect(said).to_have_count(0)
    tab.page.get_by_role("heading", level=1).get_by_role("button").click()
    said.get_by_role("button", name="Reload").click()
    expect(tab.page.locator("body")).not_to_have_attribute("data-version", old)
    expect(tab.composer).to_have_value("half a sen")
    expect(tab.waiting).to_have_count(1)
    wire.cut = False
    tab.wake()
    tab.shows("one", "waits")
    open_rooms(tab)
    watch.complaints = [each for each in watch.complaints if "404" not in each]


@pytest.mark.parametrize("part", ["rooms-box-*.js", "later/*/en", "later-*.css"])
def test_part_that_cannot_be_had_now_is_no_reason_to_reload(open_tab: Enter, part: str) -> None:
    tab = open_tab(service_workers="block")
    tab.page.route(f"**/{part}", lambda route: route.abort())
    tab.open()
    tab.enter("Alice")
    tab.page.get_by_role("heading", level=1).get_by_role("button").click()
    said = tab.page.get_by_role("alert").filter(has_text="could not be loaded")
    expect(said).to_be_visible()
    expect(tab.page.get_by_role("button", name="Reload")).to_have_count(0)
    tab.page.unroute(f"**/{part}")
    if part.startswith("later/"):  # a hotel's page instead of ours
        tab.page.route(f"**/{part}", lambda route: route.fulfill(body="<p>Log in</p>"))
        said.get_by_role("button", name="Close").click()
        tab.page.get_by_role("heading", level=1).get_by_role("button").click()
        expect(said).to_be_visible()
        expect(tab.page.get_by_text("Log in")).to_have_count(0)
        tab.page.unroute(f"**/{part}")
    open_rooms(tab)
