"""What makes a device the reader's own: its language, going on with another one, forgetting it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, expect

from tests.browser.tab import Tab, Visitor, Wire
from tests.browser.test_offline import keeps, leaves
from tests.browser.test_prefix import qr_path
from tests.support.servers import ChatServer

Enter = Callable[..., Tab]
Meet = Callable[..., Visitor]

# All that a browser keeps of a site.
_KEPT = """async () => ({
  local: { ...localStorage }, session: { ...sessionStorage }, cookies: document.cookie,
  databases: (await indexedDB.databases()).map(({ name }) => name), caches: await caches.keys(),
  workers: (await navigator.serviceWorker.getRegistrations()).length,
})"""


def settings(tab: Tab) -> Locator:
    """Open the settings."""
    tab.page.get_by_role("button", name=re.compile("^(Settings|Réglages)$")).click()
    dialog = tab.page.get_by_role("dialog", name=re.compile("^(Settings|Réglages)$"))
    expect(
        dialog.get_by_role("region", name=re.compile("This device|Cet appareil"))
    ).to_be_visible()
    return dialog


def language(tab: Tab) -> Locator:
    """Find where the language is chosen."""
    return settings(tab).get_by_role("combobox", name=re.compile("^(Language|Langue)$"))


def test_language_is_chosen_for_the_page_and_for_the_kept_one(
    chat_server: ChatServer, enter: Enter
) -> None:
    alice = enter("Alice", path="/r/garden")
    context = alice.page.context
    alice.say("one")
    alice.composer.fill("half a sentence")
    assert context.cookies() == []
    language(alice).select_option(label="Français")
    expect(alice.page.get_by_role("button", name="Envoyer")).to_be_visible()
    expect(alice.composer).to_have_value("half a sentence")
    expect(alice.page.get_by_role("heading", name="garden")).to_be_visible()
    (cookie,) = context.cookies()
    assert (cookie["name"], cookie["value"], cookie["path"]) == ("language", "fr", "/")
    keeps(alice, "one", room="garden")
    chat_server.kill()
    alice.page.reload()
    expect(alice.page.get_by_role("button", name="Envoyer")).to_be_visible()
    alice.shows("one")
    chosen = language(alice)
    expect(chosen).to_have_value("fr")
    chosen.select_option(label="Celle du navigateur")
    expect(alice.page.get_by_role("button", name="Send")).to_be_visible()
    assert context.cookies() == []
    chat_server.start()
    alice.page.reload()
    expect(alice.page.get_by_role("button", name="Send")).to_be_visible()
    assert context.cookies() == []


def test_language_that_cannot_be_shown_now_loses_nothing(
    chat_server: ChatServer, enter: Enter
) -> None:
    alice = enter("Alice", service_workers="block")
    alice.composer.fill("half a sentence")
    chosen = language(alice)
    chat_server.kill()
    chosen.select_option(label="Français")
    said = alice.page.get_by_role("dialog").get_by_text("The server does not answer.")
    expect(said).to_be_visible()
    expect(alice.composer).to_have_value("half a sentence")


# --- continuing on another device -----------------------------------------------------


def test_phone_goes_on_as_the_same_person(enter: Enter, open_tab: Enter) -> None:
    permissions = ["clipboard-read", "clipboard-write"]
    laptop = enter("Ada", path="/r/garden", permissions=permissions)
    laptop.say("from the laptop")
    settings(laptop).get_by_role("button", name="Continue on another device").click()
    sheet = laptop.page.get_by_role("dialog", name="Continue on another device")
    code = sheet.get_by_role("img")
    expect(code).to_be_hidden()
    sheet.get_by_role("button", name="Show the code").click()
    expect(code).to_be_visible()
    sheet.get_by_role("button", name="Copy this link").click()
    expect(sheet.get_by_role("status")).to_have_text("Link copied")
    link = str(laptop.page.evaluate("navigator.clipboard.readText()"))
    assert re.fullmatch(r"http://[^/]+/r/garden#key=[\w-]{32}&nick=Ada", link)
    assert code.locator("path").get_attribute("d") == qr_path(link).strip()
    key = re.findall("key=([^&]+)", link)[0]
    assert key not in laptop.page.content()
    laptop.page.keyboard.press("Escape")
    assert code.locator("path").count() == 0

    phone = open_tab(path=link)
    asked: list[str] = []
    phone.page.on("request", lambda request: asked.append(str(request.url)))
    phone.open()
    question = phone.page.get_by_role("dialog", name=re.compile("^Continue here as .*Ada.*\\?$"))
    expect(question).to_be_visible()
    expect(phone.page).to_have_url(link.partition("#")[0])
    assert key not in str(phone.page.evaluate(_KEPT))  # nothing before the press
    question.get_by_role("button", name=re.compile("^Enter as .*Ada")).click()
    phone.shows("from the laptop")
    assert asked
    assert not [url for url in asked if key in url]
    phone.say("from the phone")
    laptop.page.keyboard.press("Escape")
    laptop.shows("from the laptop", "from the phone")
    for tab in (laptop, phone):
        expect(tab.people).to_have_count(1)
        expect(tab.log.locator(".mine")).to_have_count(2)
    assert phone.page.evaluate("history.length") <= 3

    # Somebody else's link: nothing happens before the press, and none if it is not believed.
    for wrong in ("#key=short&nick=Eve", f"#key={key}", f"#key={'e' * 32}&nick={'e' * 33}"):
        phone.page.evaluate("(hash) => { location.hash = hash }", wrong)
        expect(phone.page).to_have_url(re.compile("/r/garden$"))
    expect(phone.page.get_by_role("dialog")).to_have_count(0)
    phone.page.evaluate("location.hash = `#key=${'e'.repeat(32)}&nick=Eve+B`")
    question = phone.page.get_by_role("dialog", name=re.compile("Eve B"))
    question.get_by_role("button", name="Cancel").click()
    expect(phone.page).to_have_url(re.compile("/r/garden$"))
    expect(question).to_be_hidden()
    assert "eeee" not in str(phone.page.evaluate(_KEPT))


# --- forgetting -------------------------------------------------------------------------


def test_device_that_is_forgotten_is_as_on_a_first_visit(
    enter: Enter, open_tab: Enter, meet: Meet
) -> None:
    path = "/r/garden"
    first = open_tab(path=path)
    first.open()
    expect(first.nick).to_be_visible()
    nothing: dict[str, Any] = first.page.evaluate(_KEPT)
    assert nothing == {**nothing, "local": {}, "databases": [], "caches": [], "workers": 0}

    meet("Bob", "garden").say("hello")
    alice = enter("Alice", path=path)
    alice.page.get_by_role("button", name="Mute Bob").click()
    keeps(alice, "hello", room="garden")
    language(alice).select_option(label="Français")
    expect(alice.page.get_by_role("button", name="Envoyer")).to_be_visible()
    other = open_tab(path="/", context=alice.page.context)
    other.open()
    other.enter("Alice")
    other.composer.fill("a draft")
    waiting = open_tab(path=path, context=alice.page.context)
    wire = Wire(waiting.page)
    waiting.open()
    waiting.enter("Alice")
    wire.deaf = True
    waiting.say("waits")
    expect(waiting.waiting).to_have_count(1)
    leaves(waiting, "waits")

    button = settings(alice).get_by_role("button", name="Oublier cet appareil")
    button.click()
    sure = alice.page.get_by_role("button", name="Tout oublier")
    expect(sure).to_have_accessible_description(re.compile("1 message en attente"))
    alice.page.keyboard.press("Escape")
    settings(alice)  # the question is taken back
    expect(button).to_be_visible()
    button.click()
    sure.click()
    for tab in (alice, other, waiting):
        expect(tab.page.get_by_role("button", name="Enter", exact=True)).to_be_visible()
        expect(tab.nick).to_have_value("")
        now: dict[str, Any] = tab.page.evaluate(_KEPT)
        names = {name.replace("general", "garden") for name in now["session"]}
        assert names <= {"tchat:tab", *nothing["session"]}  # a tab has an id of its own
        assert {**now, "session": {}} == {**nothing, "session": {}}
        assert "a draft" not in str(now)
    assert alice.page.context.cookies() == []
    # The key is gone too: to the server this is somebody else.
    alice.nick.fill("Alice")
    alice.nick.press("Enter")
    expect(alice.page.get_by_text("Somebody has this nick already.")).to_be_visible()
