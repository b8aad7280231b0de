"""Answers: the line above them and where it leads, how one writes them, and links to messages."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import CDPSession, Locator, expect

from tests.browser.states import PHONE
from tests.browser.tab import Tab, Visitor, Wire
from tests.browser.test_page import fits

pytestmark = pytest.mark.shared

Enter = Callable[..., Tab]
Meet = Callable[..., Visitor]


def quote(tab: Tab) -> Locator:
    """Find the lines above answers."""
    return tab.log.locator(".quote")


def aim(tab: Tab) -> Locator:
    """Find what is said above the composer."""
    return tab.page.locator("#aim")


def choose(tab: Tab, item: Locator, name: str) -> None:
    """Press a button of what a message offers."""
    tab.point_at(item)
    item.get_by_role("button", name=name, exact=True).click()


def message(tab: Tab, text: str) -> Locator:
    """Find a message by its text."""
    words = tab.page.get_by_role("paragraph").get_by_text(text, exact=True)
    return tab.log.get_by_role("listitem").filter(has=words)


def test_answer_leads_to_its_message_and_back(enter: Enter, meet: Meet) -> None:
    bob = meet("Bob")
    first = bob.post("who comes?")["seq"]
    for nick in ("Carl", "Dora", "Emil"):
        meet(nick).say(*(f"message {number}" for number in range(45)))
    bob.post("I do", reply=first)
    alice = enter("Alice")
    items = alice.log.get_by_role("listitem")
    expect(items).to_have_count(50)
    expect(quote(alice)).to_have_text("Bob who comes?")
    quote(alice).click()
    asked = message(alice, "who comes?")
    expect(asked).to_be_in_viewport()
    expect(asked).to_be_focused()
    expect(message(alice, "I do")).to_have_count(0)  # far from there
    bob.say("meanwhile")
    alice.page.get_by_role("button", name="1 new message").click()
    expect(message(alice, "meanwhile")).to_be_in_viewport()
    expect(message(alice, "I do")).to_be_in_viewport()
    # The keyboard leads there too, and to what is shown already.
    bob.post("me too", reply=bob.post("and now?")["seq"])
    expect(message(alice, "me too")).to_be_visible()
    quote(alice).last.press("Enter")
    expect(message(alice, "and now?")).to_be_focused()


def test_answer_is_written_by_menu_and_by_key(enter: Enter, meet: Meet) -> None:
    alice, bob = enter("Alice"), meet("Bob")
    alice.told_of("Bob")
    bob.say("one", "**two**", "three")
    items = alice.log.get_by_role("listitem")
    expect(items).to_have_count(3)
    choose(alice, items.nth(1), "Reply")
    expect(aim(alice)).to_contain_text("Bob **two**")
    expect(alice.composer).to_be_focused()
    alice.composer.fill("half")
    alice.page.reload()
    expect(alice.composer).to_have_value("half")
    expect(aim(alice)).to_contain_text("Bob **two**")
    alice.say("an answer")
    assert bob.expect("message", text="an answer")["reply"]["text"] == "**two**"
    expect(aim(alice)).to_be_hidden()
    expect(quote(alice)).to_have_text("Bob **two**")
    # By key, from the message that has the focus. Escape takes it back, and the text stays.
    alice.composer.fill("text")
    alice.page.keyboard.press("Shift+Tab")
    alice.page.keyboard.press("ArrowUp")
    expect(items.nth(2)).to_be_focused()
    alice.page.keyboard.press("r")
    expect(aim(alice)).to_contain_text("Bob three")
    alice.composer.press("Escape")
    expect(aim(alice)).to_be_hidden()
    expect(alice.composer).to_have_value("text")
    # The line follows its message: another text, then none.
    bob.edit(bob.messages[1]["seq"], "changed")
    expect(quote(alice)).to_have_text("Bob changed")
    bob.remove(bob.messages[1]["seq"])
    expect(quote(alice)).to_have_text("message removed")
    expect(alice.page.get_by_text("changed")).to_have_count(0)


def test_link_to_a_message_opens_the_room_there(enter: Enter, meet: Meet, open_tab: Enter) -> None:
    bob = meet("Bob")
    bob.say("who comes?", *(f"message {number}" for number in range(60)))
    alice = enter("Alice", permissions=["clipboard-read", "clipboard-write"])
    item = message(alice, "message 55")
    choose(alice, item, "Copy its link")
    link = alice.page.evaluate("navigator.clipboard.readText()")
    room, fragment = link.split("#")
    assert room == alice.page.url

    # In the page that is open already, and in one that has to load what is around it.
    first = re.sub(r"m\d+", "m1", fragment).split(".")[0]
    alice.page.evaluate(f"location.hash = '{first}'")
    expect(message(alice, "who comes?")).to_be_in_viewport()
    expect(alice.page).to_have_url(room)  # a reload begins at the end again
    said = alice.page.get_by_role("alert").filter(has_text="no longer there")
    for gone in ("m5000", re.sub(r"m\d+", "m1", fragment)):  # another message's time
        alice.page.evaluate(f"location.hash = '{gone}'")
        expect(said).to_be_visible()
        said.get_by_role("button").click()
    carl = open_tab(f"{alice.path}#{first}")
    carl.open()
    carl.enter("Carl")
    expect(message(carl, "who comes?")).to_be_in_viewport()


# --- by finger ----------------------------------------------------------------------------


class Finger:
    """A finger on the screen."""

    def __init__(self, tab: Tab) -> None:
        self._page = tab.page
        self._session: CDPSession = tab.page.context.new_cdp_session(tab.page)

    def _touch(self, kind: str, *point: float) -> None:
        points = [{"x": point[0], "y": point[1]}] if point else []
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def hold(self, item: Locator) -> None:
        """Touch for a long time."""
        self._touch("touchStart", *self._middle(item))
        self._page.wait_for_timeout(700)
        self._touch("touchEnd")

    def swipe(self, item: Locator, right: float, down: float = 0) -> None:
        """Move in a straight line."""
        x, y = self._middle(item)
        self._touch("touchStart", x, y)
        for step in range(1, 9):
            self._touch("touchMove", x + right * step / 8, y + down * step / 8)
        self._touch("touchEnd")
        self._page.wait_for_timeout(300)  # a second touch that comes sooner is a double tap

    @staticmethod
    def _middle(item: Locator) -> tuple[float, float]:
        box = item.bounding_box()
        assert box is not None
        return box["x"] + 100, box["y"] + box["height"] / 2


def test_fingers_answer_by_a_swipe_and_find_all_in_a_sheet(enter: Enter, meet: Meet) -> None:
    bob = meet("Bob")
    bob.say("one", "two")
    tab = enter("Zoé", locale="fr-FR", viewport=PHONE, has_touch=True, is_mobile=True)
    items = tab.log.get_by_role("listitem")
    expect(items).to_have_count(2)
    expect(tab.page.locator("#message-sheet")).to_be_attached()
    finger = Finger(tab)
    finger.swipe(items.nth(1), right=20)  # too little
    finger.swipe(items.nth(1), right=60, down=70)  # scrolls
    expect(aim(tab)).to_be_hidden()
    finger.swipe(items.nth(1), right=90)
    expect(aim(tab)).to_contain_text("Bob two")
    aim(tab).get_by_role("button", name="Annuler").click()
    expect(aim(tab)).to_be_hidden()

    finger.hold(items.nth(0))
    sheet = tab.page.get_by_role("dialog")
    expect(sheet).to_have_accessible_name(re.compile("^Bob "))
    names = ["Répondre", "Copier", "Copier son lien", "Masquer \u2068Bob\u2069"]
    for name in (*names, "Sélectionner le texte", "Fermer"):
        box = sheet.get_by_role("button", name=name, exact=True).bounding_box()
        assert box is not None
        assert box["height"] >= 44
    assert fits(tab.page)
    sheet.get_by_role("button", name="Répondre", exact=True).tap()
    expect(sheet).to_be_hidden()
    expect(aim(tab)).to_contain_text("Bob one")


@pytest.mark.long
def test_answer_that_waits_is_sent_as_one(enter: Enter, meet: Meet, open_tab: Enter) -> None:
    bob = meet("Bob")
    bob.say("one")
    tab = open_tab()
    wire = Wire(tab.page)
    tab.open()
    tab.enter("Alice")
    items = tab.log.get_by_role("listitem")
    expect(items).to_have_count(1)
    choose(tab, items.nth(0), "Reply")
    wire.cut = True
    wire.close(1012)
    tab.say("an answer")
    expect(tab.waiting.locator(".quote")).to_have_text("Bob one")
    tab.page.reload()
    wire.cut = False
    tab.wake()
    expect(quote(tab)).to_have_text("Bob one")
    assert bob.expect("message", text="an answer")["reply"]["seq"] == bob.messages[0]["seq"]
