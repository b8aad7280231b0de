"""The search: words are found, the keyboard leads to a message, and what is gone is not shown."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.states import PHONE
from tests.browser.tab import Tab, Visitor, Wire

pytestmark = pytest.mark.shared

Enter = Callable[..., Tab]
Meet = Callable[..., Visitor]


def whole(tab: Tab) -> None:
    """Wait for the scripts that the first view does not need: the search comes with them."""
    expect(tab.page.get_by_role("button", name="Insert an emoji")).to_be_visible()


def search(tab: Tab, words: str) -> Locator:
    """Open the search by its key and look for words; give the panel."""
    whole(tab)
    tab.page.keyboard.press("Control+k")
    panel = tab.page.get_by_role("search")
    field = panel.get_by_role("searchbox", name="Words to look for")
    expect(field).to_be_focused()
    field.fill(words)
    return panel


def results(panel: Locator) -> Locator:
    return panel.get_by_role("listitem")


def said(panel: Locator) -> Locator:
    return panel.get_by_role("status")


def test_keyboard_leads_to_a_message_that_is_not_loaded_and_back(enter: Enter, meet: Meet) -> None:
    bob = meet("Bob")
    bob.say("La réunion de mardi", *(f"message {number}" for number in range(60)), "REUNION ?")
    tab = enter("Zoé")
    tab.composer.fill("half a sentence")
    panel = search(tab, "reunion")
    expect(said(panel)).to_have_text("2 messages found")
    expect(panel.get_by_role("heading", name="Today")).to_be_visible()
    expect(panel.get_by_role("mark")).to_have_text(["REUNION", "réunion"])
    keys = tab.page.keyboard
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "ArrowUp", "ArrowDown", "ArrowDown"):
        keys.press(key)
    expect(results(panel).nth(1).get_by_role("link")).to_be_focused()
    keys.press("Enter")
    there = tab.log.get_by_role("listitem").filter(has_text="La réunion de mardi")
    expect(there).to_be_focused()
    expect(there).to_be_in_viewport()
    expect(results(panel)).to_have_count(2)  # beside it
    panel.get_by_role("button", name="Close").press("Escape")
    expect(panel).to_be_hidden()
    expect(tab.composer).to_be_focused()
    expect(tab.composer).to_have_value("half a sentence")


def test_what_is_removed_or_edited_leaves_the_results_at_once(enter: Enter, meet: Meet) -> None:
    bob = meet("Bob")
    bob.say("apples and pears", "pears", "apples")
    tab = enter("Zoé")
    panel = search(tab, "apples")
    expect(results(panel)).to_have_count(2)
    bob.send(type="remove", id="r1", target=3)
    expect(results(panel)).to_have_count(1)
    expect(said(panel)).to_have_text("1 message found")
    bob.send(type="edit", id="e1", target=1, text="only pears")
    expect(results(panel)).to_have_count(0)
    expect(said(panel)).to_have_text("No message has these words.")


def test_older_results_come_on_demand(enter: Enter, meet: Meet) -> None:
    meet("Bob").say(*(f"word {number}" for number in range(25)))
    tab = enter("Zoé")
    panel = search(tab, "word")
    expect(said(panel)).to_have_text("The 20 newest messages of those found")
    panel.get_by_role("button", name="Show older ones").click()
    expect(results(panel)).to_have_count(25)
    expect(said(panel)).to_have_text("25 messages found")
    expect(panel.get_by_role("button", name="Show older ones")).to_be_hidden()


def test_on_a_phone_the_search_covers_the_page_and_makes_room(enter: Enter, meet: Meet) -> None:
    meet("Bob").say("first", *(f"message {number}" for number in range(30)))
    tab = enter("Zoé", viewport=PHONE, has_touch=True)
    whole(tab)
    tab.page.get_by_role("heading", level=1).get_by_role("button").click()
    tab.page.get_by_role("dialog", name="Rooms").get_by_role("button", name="Search").click()
    panel = tab.page.get_by_role("search")
    panel.get_by_role("searchbox").fill("first")
    expect(results(panel)).to_have_count(1)
    tab.composer.focus()
    expect(tab.composer).not_to_be_focused()  # nobody gets to what is covered
    results(panel).get_by_role("link").tap()
    expect(panel).to_be_hidden()
    expect(tab.log.get_by_role("listitem").filter(has_text="first")).to_be_in_viewport()
    tab.page.keyboard.press("Control+k")
    expect(results(panel)).to_have_count(1)  # as it was left


def test_without_a_connection_the_search_waits(enter: Enter, open_tab: Enter, meet: Meet) -> None:
    meet("Bob").say("here")
    tab = open_tab()
    wire = Wire(tab.page)
    tab.open()
    tab.enter("Zoé")
    whole(tab)
    wire.cut = True
    wire.close(1012)
    panel = search(tab, "here")
    expect(said(panel)).to_have_text(re.compile("^You are not connected"))
    wire.cut = False
    tab.wake()
    expect(results(panel)).to_have_count(1)
    wire.refusals["find"] = {"code": "rate_limited", "retry_after": 0.5}
    panel.get_by_role("searchbox").fill("her")
    expect(said(panel)).to_have_text(re.compile("asks for a pause"))
    wire.refusals.clear()
    expect(said(panel)).to_have_text("1 message found")


def test_a_slash_searches_only_where_nobody_writes(enter: Enter, meet: Meet) -> None:
    meet("Bob").say("here")
    tab = enter("Zoé")
    whole(tab)
    tab.composer.press_sequentially("/")
    expect(tab.composer).to_have_value("/")
    tab.page.get_by_role("region", name="Conversation").focus()
    tab.page.keyboard.press("/")
    expect(tab.page.get_by_role("search").get_by_role("searchbox")).to_be_focused()
    tab.page.keyboard.press("Escape")
    expect(tab.page.get_by_role("search")).to_be_hidden()
    expect(tab.page.get_by_role("region", name="Conversation")).to_be_focused()
