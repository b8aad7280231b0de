"""Muting somebody, for this reader and on this device only."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.tab import Tab, Visitor

pytestmark = pytest.mark.shared

Enter = Callable[..., Tab]
Meet = Callable[..., Visitor]


def mute(tab: Tab, nick: str) -> None:
    tab.people.filter(has_text=nick).get_by_role("button", name=f"Mute {nick}").press("Enter")


def folds(tab: Tab) -> Locator:
    return tab.log.get_by_text(re.compile("You muted"))


def test_muted_persons_messages_are_folded_behind_one_line(enter: Enter, meet: Meet) -> None:
    alice, bob, carl = enter("Alice"), meet("Bob"), meet("Carl")
    came = alice.page.get_by_role("status").filter(has_text="joined")
    expect(came).to_contain_text("Carl")  # otherwise that line may come between two messages
    bob.say("one", "two")
    carl.say("three")
    expect(alice.log.get_by_role("listitem")).to_have_count(3)
    mute(alice, "Bob")
    expect(folds(alice)).to_have_count(1)
    for text in ("one", "two"):
        expect(alice.log.get_by_text(text)).to_be_hidden()
    bob.say("four", "five")
    carl.say("six")
    expect(alice.log.get_by_text("six")).to_be_visible()
    expect(folds(alice).filter(visible=True)).to_have_count(2)
    for text in ("four", "five"):
        expect(alice.log.get_by_text(text)).to_be_hidden()
    said = ["one", "two", "three", "four", "five", "six"]
    assert carl.texts() == said  # muted for this reader only

    alice.log.get_by_role("button", name="Show").last.press("Enter")
    expect(alice.log.get_by_text("five")).to_be_visible()
    expect(alice.log.get_by_text("two")).to_be_hidden()
    alice.log.get_by_role("button", name="Hide").press("Enter")
    expect(alice.log.get_by_text("five")).to_be_hidden()

    alice.people.get_by_role("button", name="Unmute Bob").click()
    alice.shows("one", "two", "three", "four", "five", "six")


def test_muting_survives_a_reload_and_another_nick(enter: Enter, meet: Meet) -> None:
    alice, bob = enter("Alice"), meet("Bob")
    expect(alice.people).to_have_count(2)
    mute(alice, "Bob")
    bob.send(type="rename", nick="Robert")
    bob.say("Hello")
    expect(folds(alice)).to_have_text("You muted Robert.")
    alice.page.reload()
    expect(folds(alice)).to_be_visible()
    expect(alice.log.get_by_text("Hello")).to_be_hidden()


def test_muted_person_is_quiet(enter: Enter, meet: Meet) -> None:
    alice, bob = enter("Alice"), meet("Bob")
    expect(alice.people).to_have_count(2)
    mute(alice, "Bob")
    bob.send(type="typing")
    bob.say("Hello")
    expect(folds(alice)).to_be_visible()
    expect(alice.page.get_by_text("is writing…")).to_be_hidden()


def test_who_left_can_be_unmuted_in_the_settings(enter: Enter, meet: Meet) -> None:
    alice, bob = enter("Alice"), meet("Bob")
    bob.say("Hello")
    expect(alice.people).to_have_count(2)
    mute(alice, "Bob")
    bob.ws.close()
    alice.page.reload()
    alice.page.get_by_role("button", name="Settings").click()
    box = alice.page.get_by_role("dialog", name="Settings")
    box.get_by_role("region", name="Muted people").get_by_role("button", name="Unmute Bob").click()
    expect(box.get_by_role("region", name="Muted people")).to_be_hidden()
    alice.page.keyboard.press("Escape")
    alice.shows("Hello")
