"""What a message and a person offer: by mouse, by keyboard and by touch."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.states import PHONE
from tests.browser.tab import Tab, Visitor
from tests.browser.test_page import fits

pytestmark = pytest.mark.shared

Enter = Callable[..., Tab]
Meet = Callable[..., Visitor]

_CLOCK = re.compile(r"^\d\d:\d\d:\d\d$")


def test_mouse_shows_what_a_message_offers(enter: Enter, meet: Meet) -> None:
    alice = enter("Alice", permissions=["clipboard-read", "clipboard-write"])
    bob, carl = meet("Bob"), meet("Carl")
    alice.told_of("Carl")
    bob.say("one", "two **bold**")
    carl.say("three")
    alice.say("mine")
    items = alice.log.get_by_role("listitem")
    copy = alice.log.get_by_role("button", name="Copy", exact=True)
    expect(items).to_have_count(4)
    expect(items.nth(1).get_by_role("strong")).to_have_text("bold", use_inner_text=True)
    expect(copy).to_have_count(0)
    alice.point_at(items.nth(1))
    expect(items.nth(1).get_by_text(_CLOCK)).to_be_visible()
    height = items.nth(1).bounding_box()
    copy.click()
    expect(alice.log.get_by_role("button", name="Copied")).to_be_visible()
    assert "two **bold**" in alice.page.evaluate("navigator.clipboard.readText()")
    items.nth(0).hover()
    expect(items.nth(0).get_by_text(_CLOCK)).to_be_visible()
    expect(alice.log.get_by_text(_CLOCK)).to_have_count(1)
    assert items.nth(1).bounding_box() == height
    items.nth(3).hover()
    expect(items.nth(3).get_by_text(_CLOCK)).to_be_visible()
    expect(alice.log.get_by_role("button", name=re.compile("Mute"))).to_have_count(0)

    # Somebody who has left can be muted, and shown again.
    bob.ws.close()
    expect(alice.people).to_have_count(2)
    items.nth(0).hover()
    alice.log.get_by_role("button", name="Mute \u2068Bob\u2069").click()
    expect(alice.log.get_by_text("one")).to_be_hidden()
    alice.log.get_by_role("button", name="Show").click()
    items.nth(1).hover()
    alice.log.get_by_role("button", name="Unmute \u2068Bob\u2069").click()
    alice.shows("one", "two bold", "three", "mine")
    alice.page.mouse.move(0, 0)
    expect(copy).to_have_count(0)


def test_keyboard_goes_through_the_messages(enter: Enter, meet: Meet) -> None:
    alice, bob = enter("Alice"), meet("Bob")
    alice.told_of("Bob")
    bob.say(*(f"message {number}" for number in range(60)))
    keyboard, items = alice.page.keyboard, alice.log.get_by_role("listitem")
    expect(items.last).to_contain_text("message 59")
    expect(alice.page.locator("li[tabindex]")).to_have_count(1)  # the code for it is there

    def is_at(number: int) -> None:
        expect(items.nth(number)).to_be_focused()
        expect(items.nth(number)).to_be_in_viewport(ratio=1)
        name = re.compile(rf"^Bob \d\d:\d\d message {number}$")
        expect(items.nth(number)).to_have_accessible_name(name)
        expect(items.nth(number).get_by_text(_CLOCK)).to_be_visible()

    keyboard.press("Shift+Tab")
    is_at(59)
    keyboard.press("ArrowDown")
    keyboard.press("ArrowUp")
    keyboard.press("ArrowUp")
    is_at(57)
    keyboard.press("Home")
    is_at(0)
    keyboard.press("ArrowDown")
    is_at(1)
    keyboard.press("Tab")
    expect(items.nth(1).get_by_role("button", name="Reply")).to_be_focused()
    items.nth(2).hover()  # the mouse does not take the row away
    for name in ("^Copy$", "^Copy its link$", "^Mute"):
        keyboard.press("Tab")
        expect(items.nth(1).get_by_role("button", name=re.compile(name))).to_be_focused()
    keyboard.press("ArrowDown")
    is_at(2)
    keyboard.press("Escape")
    expect(alice.composer).to_be_focused()
    expect(items.last).to_be_in_viewport()
    # Tab leads to a message in view, wherever the reader is.
    keyboard.press("PageUp")
    expect(items.last).not_to_be_in_viewport()
    place = items.nth(45).bounding_box()
    keyboard.press("Shift+Tab")
    keyboard.press("Shift+Tab")
    expect(alice.page.locator("li:focus")).to_be_in_viewport()
    assert items.nth(45).bounding_box() == place
    keyboard.press("End")
    is_at(59)
    # Messages that are folded away are one stop.
    keyboard.press("ArrowUp")
    for _ in range(4):
        keyboard.press("Tab")
    keyboard.press("Enter")
    expect(alice.composer).to_be_focused()
    alice.say("mine")
    expect(items.last).to_contain_text("mine")
    keyboard.press("Shift+Tab")
    expect(items.last).to_be_focused()
    items.last.get_by_role("button", name="Take back").focus()
    keyboard.press("Enter")
    keyboard.press("Enter")
    expect(items.last).to_contain_text("message removed")
    expect(items.last).to_be_focused()  # its button is gone
    keyboard.press("ArrowUp")
    expect(items.first).to_be_focused()
    expect(items.first).to_have_accessible_name("You muted Bob. Show")


def test_fingers_reach_everything_and_are_told_of_no_keys(enter: Enter, meet: Meet) -> None:
    bob = meet("Bob")
    bob.say("one", "two")
    touch = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
    tab = enter("Zoé", locale="fr-FR", **touch)
    page, items = tab.page, tab.log.get_by_role("listitem")
    copy = tab.log.get_by_role("button", name="Copier", exact=True)
    expect(items).to_have_count(2)
    expect(page.locator("li[tabindex]")).to_have_count(1)  # the code for it is there
    items.nth(1).tap()
    expect(items.nth(1).get_by_text(_CLOCK)).to_be_visible()
    for button in tab.log.get_by_role("button").all():
        box = button.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 44
    assert fits(page)
    items.nth(1).tap(position={"x": 80, "y": 10})
    expect(copy).to_be_hidden()
    items.nth(0).get_by_text("one").tap()
    tab.log.get_by_role("button", name="Plus").tap()  # the row has one line
    page.get_by_role("dialog").get_by_role("button", name="Masquer \u2068Bob\u2069").tap()
    expect(items.nth(0)).to_contain_text("Vous masquez")
    expect(copy).to_be_hidden()
    page.get_by_role("button", name="2 personnes").tap()
    page.get_by_role("dialog").get_by_role("button", name="Réafficher Bob").tap()
    tab_mute = page.get_by_role("dialog").get_by_role("button", name="Masquer Bob")
    expect(tab_mute).to_be_visible()
    assert tab_mute.evaluate("(it) => it.checkVisibility({ opacityProperty: true })")
    page.get_by_role("button", name="Fermer").tap()

    page.get_by_role("button", name="Réglages").tap()
    box = page.get_by_role("dialog", name="Réglages")
    expect(box).to_be_visible()
    expect(box.get_by_role("button", name="Raccourcis clavier")).to_be_hidden()
    box.get_by_role("button", name="Fermer").tap()
    expect(tab.composer).not_to_have_accessible_description(re.compile("Maj"))
    tab.composer.press("Control+/")  # there is a keyboard after all
    expect(page.get_by_role("dialog", name="Raccourcis clavier")).to_be_visible()


def test_mute_is_seen_without_a_mouse_over_it(enter: Enter, meet: Meet) -> None:
    alice = enter("Alice")
    meet("Bob")
    mute = alice.people.get_by_role("button", name="Mute Bob")
    expect(mute).to_be_visible()
    assert mute.evaluate("(it) => it.checkVisibility({ opacityProperty: true })")
