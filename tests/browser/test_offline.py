"""The page without a server: it opens with the last messages. And the page's next version."""

from __future__ import annotations

import json
import os
import re
import signal
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser, BrowserType, Page, expect

from tests.browser.conftest import Watch
from tests.browser.tab import Tab, Visitor, Wire
from tests.browser.test_page import PHONE, fits
from tests.browser.test_rooms import open_rooms
from tests.support.servers import ChatServer

Enter = Callable[..., Tab]
Meet = Callable[..., Visitor]

_WAIT_MS = 100
_WAITS = 200  # of them, at most

# The texts kept of a room.
_KEPT = """(room) => new Promise((done) => {
  const opening = indexedDB.open("tchat");
  opening.onsuccess = () => {
    const { result } = opening;
    if (!result.objectStoreNames.contains("rooms")) return done([]);
    const asked = result.transaction("rooms").objectStore("rooms").get(room);
    asked.onsuccess = () => done((asked.result?.messages ?? []).map(({ text }) => text));
  };
  opening.onupgradeneeded = () => opening.transaction.abort();
  opening.onerror = () => done([]);
})"""


def keeps(tab: Tab, *texts: str, room: str = "general") -> None:
    """Wait until the browser keeps the page, and these as the last messages of its room."""
    until(tab.page, "navigator.serviceWorker.controller !== null")
    for _ in range(_WAITS):
        if kept_texts(tab, room)[-len(texts) :] == list(texts):
            return
        tab.page.wait_for_timeout(_WAIT_MS)
    raise AssertionError(f"not kept: {texts}, but {kept_texts(tab, room)}")


def kept_texts(tab: Tab, room: str = "general") -> list[str]:
    """Tell which messages of a room the browser keeps."""
    return list(tab.page.evaluate(_KEPT, room))


# The texts that wait in the database for the next tab.
_LEFT = """() => new Promise((done) => {
  indexedDB.open("tchat").onsuccess = ({ target }) => {
    const asked = target.result.transaction("posts").objectStore("posts").getAll();
    asked.onsuccess = () =>
      done(asked.result.flatMap(({ posts }) => posts.map(({ text }) => text)));
  };
})"""


def leaves(tab: Tab, *texts: str) -> None:
    """Wait until these posts are stored, once each, so that they survive the end of their tab."""
    for _ in range(_WAITS):
        if tab.page.evaluate(_LEFT) == list(texts):
            return
        tab.page.wait_for_timeout(_WAIT_MS)
    raise AssertionError(f"not left: {texts}, but {tab.page.evaluate(_LEFT)}")


def until(page: Page, condition: str) -> None:
    """Wait for a condition; Playwright's wait needs eval, which the page forbids."""
    for _ in range(_WAITS):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(_WAIT_MS)
    raise AssertionError(condition)


def versions(page: Page) -> list[str]:
    """Tell which versions of the page the browser keeps."""
    return list(page.evaluate("caches.keys()"))


def version(page: Page) -> str:
    """Tell which version of the page this one is."""
    return str(page.evaluate("document.body.dataset.version"))


def offer(tab: Tab) -> Any:
    """Find the offer of a new version."""
    words = re.compile("A new version of the page is ready|Une nouvelle version de la page")
    return tab.page.get_by_role("status").filter(has_text=words)


def change(tree: Path, number: int = 2) -> None:
    """Make another version of the page."""
    with (tree / "chat/static/css/page.css").open("a") as sheet:
        sheet.write(f":root {{ --version: {number}; }}\n")
    for name in ("conversation/later/markup.js", "rooms/later/projection.js", "rooms/room-name.js"):
        with (tree / "chat/static/js" / name).open("a") as script:
            script.write(f"globalThis.version = {number};\n")
    subprocess.run(("node", tree / "tools/page/build.mjs"), check=True)


def restart(server: ChatServer) -> None:
    """Restart the server, and let the pages come back by themselves."""
    server.stop()
    server.start()


def at_once(tab: Tab) -> Tab:
    """Remove the random waits of a page, which keep pages from asking all at once."""
    tab.page.add_init_script("Math.random = () => 0")
    return tab


# --- no server --------------------------------------------------------------------


def test_page_opens_without_a_server_and_everything_resumes(
    chat_server: ChatServer, enter: Enter
) -> None:
    alice, bob = enter("Alice"), enter("Bob")
    alice.say("one", "*two*")
    expect(alice.log.get_by_role("emphasis")).to_have_text("two", use_inner_text=True)
    bob.say("three")
    alice.shows("one", "two", "three")
    keeps(alice, "one", "*two*", "three")
    bob.say("four")
    keeps(alice, "four")
    chat_server.kill()
    alice.page.reload()
    expect(alice.log.get_by_role("emphasis")).to_have_text("two", use_inner_text=True)
    alice.shows("one", "two", "three", "four")
    expect(alice.page.get_by_role("heading", name="general")).to_be_visible()
    expect(alice.page.get_by_text(re.compile("Trying again in"))).to_be_visible()
    alice.say("five", "six")
    alice.composer.fill("half a sen")
    expect(alice.waiting).to_have_count(2)
    alice.page.reload()
    expect(alice.log.get_by_role("emphasis")).to_have_text("two", use_inner_text=True)
    alice.shows("one", "two", "three", "four")
    expect(alice.waiting).to_have_count(2)
    expect(alice.composer).to_have_value("half a sen")
    chat_server.start()
    bob.wake()
    bob.say("meanwhile")
    expect(bob.waiting).to_have_count(0)
    alice.wake()
    expect(alice.waiting).to_have_count(0)
    for tab in (alice, bob):
        expect(tab.log.get_by_role("listitem")).to_have_count(7)
        expect(tab.log.get_by_role("emphasis")).to_have_text("two", use_inner_text=True)
    said = alice.texts()  # either of the two may come back first
    assert said[:4] == ["one", "two", "three", "four"]
    assert [text for text in said[4:] if text != "meanwhile"] == ["five", "six"]
    assert bob.texts() == said
    expect(alice.composer).to_have_value("half a sen")


def test_app_that_is_started_without_a_server_shows_what_it_has(
    chat_server: ChatServer, enter: Enter, open_tab: Enter
) -> None:
    alice = enter("Alice")
    alice.say("one")
    keeps(alice, "one")
    chat_server.kill()
    alice.page.close()
    again = open_tab(context=alice.page.context)
    again.open()
    again.shows("one")
    expect(again.nick).to_be_hidden()
    again.say("two")
    expect(again.waiting).to_have_count(1)
    chat_server.start()
    again.wake()
    again.shows("one", "two")
    expect(again.waiting).to_have_count(0)
    expect(again.people.filter(has_text="Alice")).to_have_count(1)


def test_posts_outlive_the_app_that_was_closed(
    chat_server: ChatServer, enter: Enter, open_tab: Enter
) -> None:
    alice = enter("Alice")
    alice.say("one")
    keeps(alice, "one")
    chat_server.kill()
    alice.say("two", "three")
    leaves(alice, "two", "three")
    alice.page.close()
    again = open_tab(context=alice.page.context)
    again.open()
    expect(again.waiting).to_have_count(2)
    leaves(again, "two", "three")
    again.page.close()
    again.page.context.new_page()  # a context may end with its last page
    third = open_tab(context=alice.page.context)
    third.open()
    expect(third.waiting).to_have_count(2)
    fourth = open_tab(context=alice.page.context)
    fourth.open()
    fourth.shows("one")
    chat_server.start()
    third.wake()
    third.shows("one", "two", "three")
    fourth.wake()
    fourth.shows("one", "two", "three")
    expect(fourth.waiting).to_have_count(0)


def test_posts_left_by_another_nick_are_its_writers_to_send(
    chat_server: ChatServer, enter: Enter, open_tab: Enter
) -> None:
    alice = enter("Alice")
    alice.say("one")
    keeps(alice, "one")
    bob = open_tab(context=alice.page.context)
    bob.open()
    bob.enter("Bob")
    chat_server.kill()
    alice.say("two")
    leaves(alice, "two")
    alice.page.close()
    bob.page.reload()
    expect(bob.waiting).to_contain_text("Written under another nick")
    chat_server.start()
    bob.wake()
    bob.say("three")
    bob.shows("one", "three")
    expect(bob.waiting).to_contain_text("two")


def test_reload_keeps_more_than_it_shows(
    make_server: Callable[..., ChatServer], open_tab: Enter, meet: Meet
) -> None:
    server = make_server(settings={"CHAT_LIMITS": "off"})
    server.start()
    tab = open_tab(base_url=server.url)
    tab.open()
    tab.enter("Alice")
    texts = [f"message {number}" for number in range(1, 71)]
    meet("Bob", server=server).say(*texts)
    keeps(tab, *texts)
    tab.page.reload()
    expect(tab.log.get_by_role("listitem").last).to_contain_text("message 70")
    tab.say("more")
    keeps(tab, *texts[-60:], "more")
    server.kill()
    tab.page.reload()
    tab.shows(*texts, "more")
    expect(tab.log.get_by_role("listitem").last).to_be_in_viewport()


def test_rooms_are_kept_each_by_itself(
    chat_server: ChatServer, enter: Enter, open_tab: Enter
) -> None:
    garden = enter("Alice", path="/r/été")
    garden.say("in the garden")
    keeps(garden, "in the garden", room="été")
    home = open_tab(context=garden.page.context)
    home.open()
    home.enter("Alice")
    home.say("at home")
    keeps(home, "at home")
    chat_server.kill()
    garden.page.reload()
    garden.shows("in the garden")
    expect(garden.page.get_by_role("heading", name="été")).to_be_visible()
    expect(garden.page).to_have_title("été · Tchat")
    open_rooms(garden, "été")
    expect(garden.page.get_by_role("dialog").get_by_role("heading", name="été")).to_be_visible()
    garden.page.get_by_role("link", name="general").click()
    expect(garden.page).to_have_title("general · Tchat")
    garden.shows("at home")


def test_room_never_visited_opens_without_a_server(
    chat_server: ChatServer, enter: Enter, open_tab: Enter
) -> None:
    alice = enter("Alice")
    alice.say("one")
    keeps(alice, "one")
    chat_server.kill()
    other = open_tab(path="/r/Salle%203%20B", context=alice.page.context)
    other.open()
    expect(other.page.get_by_role("heading", name="salle-3-b")).to_be_visible()
    expect(other.page).to_have_url(re.compile("/r/salle-3-b$"))
    expect(other.nick).to_have_value("Alice")
    other.shows()
    other.nick.press("Enter")
    expect(other.state).to_have_text("The server does not answer.")
    chat_server.start()
    other.wake()
    other.say("here")
    other.shows("here")


@pytest.mark.embedded
def test_log_that_was_replaced_takes_the_place_of_what_was_kept(
    chat_server: ChatServer, enter: Enter
) -> None:
    tab = enter("Alice")
    tab.say("one", "two")
    keeps(tab, "one", "two")
    chat_server.kill()
    tab.page.reload()
    tab.shows("one", "two")
    for file in chat_server.database.parent.glob(f"{chat_server.database.name}*"):
        file.unlink()
    chat_server.start()
    tab.wake()
    expect(tab.page.get_by_text("The server has lost messages that you had seen.")).to_be_visible()
    tab.shows()
    tab.say("new")
    tab.shows("new")
    keeps(tab, "new")
    assert kept_texts(tab) == ["new"]


@pytest.mark.chromium
def test_server_that_fails_is_no_server(open_tab: Enter, enter: Enter) -> None:
    tab = enter("Alice")
    tab.say("one")
    keeps(tab, "one")
    broken = open_tab(context=tab.page.context)
    broken.page.context.route(
        re.compile(r"/$"), lambda route: route.fulfill(status=502, body="Bad gateway")
    )
    broken.open()
    broken.shows("one")


def test_server_that_does_not_answer_in_time_is_no_server(
    chat_server: ChatServer, enter: Enter
) -> None:
    tab = enter("Alice")
    tab.say("one")
    keeps(tab, "one")
    assert chat_server.process is not None
    os.killpg(chat_server.process.pid, signal.SIGSTOP)
    tab.page.reload()
    tab.shows("one")
    tab.say("two")
    expect(tab.waiting).to_have_count(1)
    os.killpg(chat_server.process.pid, signal.SIGCONT)
    tab.wake()
    tab.shows("one", "two")
    expect(tab.waiting).to_have_count(0)


def test_unread_rule_stands_in_what_was_kept(
    chat_server: ChatServer, enter: Enter, open_tab: Enter, meet: Meet
) -> None:
    alice, bob = enter("Alice"), meet("Bob")
    bob.say("read")
    alice.shows("read")
    keeps(alice, "read")
    context = alice.page.context
    alice.page.close()
    bob.say("missed")
    chat_server.kill()
    again = open_tab(context=context)
    again.open()
    again.shows("read")
    chat_server.start()
    again.wake()
    again.shows("read", "missed")
    item = again.log.get_by_role("listitem").nth(1)
    expect(item.get_by_text("New", exact=True)).to_be_visible()


@pytest.fixture
def launch(
    browser_type: BrowserType, browser_type_launch_args: dict[str, Any]
) -> Iterator[Callable[..., Browser]]:
    """Start browsers with further arguments."""
    with ExitStack() as stack:

        def launch(*arguments: str) -> Browser:
            options = {**browser_type_launch_args}
            options["args"] = [*options["args"], *arguments]
            return stack.enter_context(browser_type.launch(**options))

        yield launch


def test_kept_page_speaks_french(
    launch: Callable[..., Browser], chat_server: ChatServer, watch: Watch
) -> None:
    # Playwright's own locale works for pages, but not for service workers.
    browser = launch("--accept-lang=fr-CA,fr")
    page = browser.new_page(base_url=chat_server.url, viewport=PHONE, locale="fr-CA")
    page.set_default_timeout(20_000)
    watch.follow(page)
    tab = Tab(page, "/r/cuisine")
    tab.open()
    tab.enter("Zoé")
    tab.say("Bonjour")
    keeps(tab, "Bonjour", room="cuisine")
    chat_server.kill()
    page.reload()
    tab.shows("Bonjour")
    expect(page.get_by_role("button", name="Envoyer")).to_be_visible()
    expect(page.get_by_text(re.compile("Nouvel essai dans"))).to_be_visible()
    assert fits(page)


# --- without a service worker -----------------------------------------------------


@pytest.mark.not_webkit
def test_everything_else_works_without_a_service_worker(
    chat_server: ChatServer, open_tab: Enter
) -> None:
    tab = open_tab()
    tab.page.add_init_script("delete Navigator.prototype.serviceWorker")
    tab.open()
    tab.enter("Alice")
    tab.say("*one*")
    expect(tab.log.get_by_role("emphasis")).to_be_visible()
    restart(chat_server)
    tab.wake()
    tab.say("two")
    tab.shows("one", "two")
    tab.page.reload()
    tab.shows("one", "two")


@pytest.mark.chromium
def test_plain_http_in_a_network_is_no_reason_to_complain(
    launch: Callable[..., Browser], chat_server: ChatServer, watch: Watch
) -> None:
    # Without https only the name localhost counts as secure, and no other name for this machine.
    page = launch("--host-resolver-rules=MAP tchat.lan 127.0.0.1").new_page(locale="en-GB")
    watch.follow(page)
    tab = Tab(page, f"http://tchat.lan:{chat_server.port}/")
    tab.open()
    assert not page.evaluate("isSecureContext")
    tab.enter("Alice")
    tab.say("*one*")
    expect(tab.log.get_by_role("emphasis")).to_be_visible()
    page.wait_for_timeout(4_000)
    assert watch.origins == {f"tchat.lan:{chat_server.port}"}
    watch.origins.clear()
    # Chromium says this about every page without https that asks for it.
    watch.complaints = [each for each in watch.complaints if "Opener-Policy" not in each]


# --- a new version ----------------------------------------------------------------


@pytest.mark.not_webkit
def test_new_version_is_offered_and_not_forced(
    tree: Path, updated: ChatServer, open_tab: Enter
) -> None:
    tab = at_once(open_tab(base_url=updated.url))
    wire = Wire(tab.page)
    tab.open()
    tab.enter("Alice")
    tab.say("one")
    keeps(tab, "one")
    old = version(tab.page)
    expect(offer(tab)).to_have_count(0)
    change(tree)
    restart(updated)
    tab.wake()
    expect(offer(tab)).to_be_visible()
    assert version(tab.page) == old
    tab.say("*two*")
    tab.shows("one", "two")
    tab.page.get_by_role("button", name="Later").click()
    expect(offer(tab)).to_have_count(0)
    wire.cut = True
    wire.close(1012)
    tab.say("waits")
    tab.composer.fill("half a sen")
    tab.page.reload()
    expect(tab.waiting).to_have_count(1)
    expect(tab.composer).to_have_value("half a sen")
    wire.cut = False
    tab.wake()
    tab.shows("one", "two", "waits")
    assert version(tab.page) != old


@pytest.mark.not_webkit
def test_offer_is_taken_by_the_tab_that_takes_it(
    tree: Path, updated: ChatServer, open_tab: Enter
) -> None:
    first = at_once(open_tab(base_url=updated.url))
    first.open()
    first.enter("Alice")
    first.say("one")
    keeps(first, "one")
    second = at_once(open_tab(context=first.page.context))
    second.open()
    second.enter("Alice")
    old = version(first.page)
    second.page.evaluate("window.same = true")
    change(tree)
    restart(updated)
    for tab in (first, second):
        tab.wake()
        expect(offer(tab)).to_be_visible()
    first.composer.fill("half a sen")
    first.page.get_by_role("button", name="Reload").click()
    expect(first.page.locator("body")).not_to_have_attribute("data-version", old)
    expect(first.composer).to_have_value("half a sen")
    expect(offer(first)).to_have_count(0)
    new = version(first.page)
    assert set(versions(first.page)) == {f"tchat:{old}", f"tchat:{new}"}
    # The other tab goes on with its own modules, including those that it has not fetched yet.
    second.say("still here")
    first.shows("one", "still here")
    open_rooms(second).get_by_role("button", name="Show QR code").click()
    expect(second.page.get_by_role("img", name="QR code of this room’s link")).to_be_visible()
    second.page.keyboard.press("Escape")
    assert second.page.evaluate("window.same")
    keeps(second, "still here")
    updated.kill()
    first.page.reload()
    first.shows("one", "still here")
    assert version(first.page) == new


@pytest.mark.not_webkit
@pytest.mark.long
def test_old_versions_are_not_kept_for_ever(
    tree: Path, updated: ChatServer, open_tab: Enter
) -> None:
    tab = at_once(open_tab(base_url=updated.url))
    tab.open()
    tab.enter("Alice")
    tab.say("one")
    keeps(tab, "one")
    for number in range(3):
        before = version(tab.page)
        change(tree, number)
        restart(updated)
        tab.page.reload()
        tab.shows("one")
        assert version(tab.page) != before
        until(tab.page, f"caches.has('tchat:{version(tab.page)}')")
        expect(offer(tab)).to_have_count(0)
        for _ in range(_WAITS):
            if len(versions(tab.page)) <= 2:
                break
            tab.page.wait_for_timeout(_WAIT_MS)
        assert len(versions(tab.page)) <= 2
    updated.kill()
    last = version(tab.page)
    tab.page.reload()
    tab.shows("one")
    assert version(tab.page) == last


@pytest.mark.long
@pytest.mark.not_webkit
def test_version_is_offered_without_a_service_worker_too(
    tree: Path, updated: ChatServer, open_tab: Enter
) -> None:
    tab = at_once(open_tab(base_url=updated.url, locale="fr-FR", viewport=PHONE))
    tab.page.add_init_script("delete Navigator.prototype.serviceWorker")
    tab.open()
    tab.enter("Zoé")
    expect(tab.page.get_by_role("button", name="Insérer un émoji")).to_be_visible()
    tab.page.wait_for_timeout(3_000)
    old = version(tab.page)
    change(tree)
    restart(updated)
    tab.wake()
    expect(offer(tab)).to_be_visible()
    assert fits(tab.page)
    tab.page.get_by_role("button", name="Recharger").click()
    expect(tab.page.locator("body")).not_to_have_attribute("data-version", old)


# --- installed --------------------------------------------------------------------


@pytest.mark.whole_browser
def test_page_can_be_installed(chat_server: ChatServer, open_tab: Enter) -> None:
    tab = open_tab(locale="fr-FR")
    tab.open()
    page = tab.page
    address = page.evaluate("document.querySelector('link[rel=manifest]').href")
    manifest = json.loads(chat_server.get(address.removeprefix(chat_server.url)))
    for icon in manifest["icons"]:
        answer = page.request.get(urljoin(address, icon["src"]))
        assert answer.headers["content-type"].startswith(icon["type"])
        if icon["type"] == "image/png":
            width, height = struct.unpack(">II", answer.body()[16:24])
            assert icon["sizes"] == f"{width}x{height}"
    session = page.context.new_cdp_session(page)
    seen = session.send("Page.getAppManifest")
    assert seen["errors"] == []
    assert seen["url"] == address
    errors = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert [error["errorId"] for error in errors] == ["in-incognito"]  # as every test's browser is


# --- the conversation as text -----------------------------------------------------


@pytest.fixture
def talked(enter: Enter, meet: Meet) -> Tab:
    """Give the tab of one of two who have talked."""
    alice = enter("Alice", permissions=["clipboard-read", "clipboard-write"])
    bob = meet("Bob")
    alice.say("*one*")
    bob.expect("message")  # on another worker, a post right after it could be before it
    bob.say("two\nlines")
    expect(alice.log.get_by_role("listitem")).to_have_count(2)
    return alice


def copied(tab: Tab) -> str:
    """Copy the conversation, and give it without its times."""
    dialog = open_rooms(tab)
    dialog.get_by_role("button", name="Copy the conversation").click()
    expect(dialog.get_by_role("button", name="Conversation copied")).to_be_visible()
    expect(dialog.get_by_role("status")).to_have_text("Conversation copied")
    tab.page.keyboard.press("Escape")
    text = str(tab.page.evaluate("navigator.clipboard.readText()"))
    return re.sub(r"^\[\d{4}-\d\d-\d\d \d\d:\d\d\]", "[]", text, flags=re.MULTILINE)


@pytest.mark.not_webkit
def test_conversation_is_copied_as_text(chat_server: ChatServer, talked: Tab) -> None:
    assert copied(talked) == f"{chat_server.url}/\n\n[] Alice: *one*\n[] Bob: two\n    lines"


@pytest.mark.not_webkit
def test_copy_leaves_out_who_is_muted_and_says_so(talked: Tab) -> None:
    talked.page.get_by_role("button", name="Mute Bob").click()
    text = copied(talked)
    assert "Bob" not in text
    assert "Messages of people that I muted are not in this copy." in text


@pytest.mark.not_webkit
def test_conversation_is_copied_without_a_clipboard(talked: Tab) -> None:
    talked.page.evaluate(
        "() => { navigator.clipboard.writeText = () => Promise.reject(new Error()); }"
    )
    text = copied(talked)
    assert text.endswith("[] Alice: *one*\n[] Bob: two\n    lines")


def test_nothing_to_copy_is_not_offered(enter: Enter) -> None:
    dialog = open_rooms(enter("Alice"))
    expect(dialog.get_by_role("button", name="Copy link")).to_be_visible()
    expect(dialog.get_by_role("button", name="Copy the conversation")).to_be_hidden()


# --- Android ----------------------------------------------------------------------


@pytest.mark.whole_browser
def test_notification_goes_through_the_service_worker_where_it_must(
    meet: Meet, open_tab: Enter
) -> None:
    bob = meet("Bob", "garden")
    alice = open_tab(path="/r/garden", permissions=["notifications"])
    alice.page.add_init_script(
        """
        const { requestPermission } = Notification;
        window.Notification = class {
          static permission = "granted";
          constructor() { throw new TypeError("Illegal constructor"); }
        };
        document.hasFocus = () => false;
        localStorage.setItem("tchat:settings", JSON.stringify({ notify: "all" }));
        """
    )
    alice.open()
    alice.enter("Alice")
    bob.say("one")
    keeps(alice, "one", room="garden")
    bob.say("two")
    titles = """navigator.serviceWorker.ready
      .then((worker) => worker.getNotifications())
      .then((shown) => shown.map(({ title, body }) => `${title}: ${body}`).join())"""
    for _ in range(_WAITS):
        if alice.page.evaluate(titles):
            break
        alice.page.wait_for_timeout(_WAIT_MS)
    assert alice.page.evaluate(titles) == "Bob in garden: two"
    alice.page.evaluate("dispatchEvent(new Event('focus'))")
    for _ in range(_WAITS):
        if not alice.page.evaluate(titles):
            return
        alice.page.wait_for_timeout(_WAIT_MS)
    raise AssertionError("it stays")
