"""Another text for a message, and a message that is taken back: what everybody sees of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.tab import Tab, Visitor, Wire
from tests.browser.test_replies import aim, choose, message

pytestmark = pytest.mark.shared

Enter = Callable[..., Tab]
Meet = Callable[..., Visitor]

_KEPT = """async () => {
  const known = await indexedDB.databases();
  if (!known.some(({ name }) => name === "tchat")) return "";
  const open = indexedDB.open("tchat");
  const database = await new Promise((done) => (open.onsuccess = () => done(open.result)));
  const all = database.transaction("rooms").objectStore("rooms").getAll();
  const records = await new Promise((done) => (all.onsuccess = () => done(all.result)));
  database.close();
  return JSON.stringify(records);
}"""


def with_wire(open_tab: Enter, nick: str) -> tuple[Tab, Wire]:
    """Enter, through a wire."""
    tab = open_tab()
    wire = Wire(tab.page)
    tab.open()
    tab.enter(nick)
    return tab, wire


def commands(wire: Wire, kind: str) -> list[dict[str, Any]]:
    """Give the commands of a kind that the page has sent."""
    return [each for each in map(json.loads, wire.asked) if each["type"] == kind]


def test_edit_is_seen_by_all_and_gives_the_draft_back(enter: Enter, meet: Meet) -> None:
    bob, alice = meet("Bob"), enter("Alice")
    alice.say("frist", "second")
    alice.shows("frist", "second")
    bob.say("not hers")
    expect(alice.log.get_by_role("listitem")).to_have_count(3)
    # ArrowUp in an empty composer edits the own last message; Escape gives up.
    alice.composer.press("ArrowUp")
    expect(alice.composer).to_have_value("second")
    expect(aim(alice)).to_contain_text("You are editing")
    alice.composer.press("Escape")
    expect(alice.composer).to_have_value("")
    alice.composer.fill("a draft")
    alice.composer.press("ArrowUp")
    expect(alice.composer).to_have_value("a draft")
    choose(alice, message(alice, "frist"), "Edit")
    expect(alice.composer).to_have_value("frist")
    alice.page.reload()  # what is being written survives
    expect(alice.composer).to_have_value("frist")
    expect(aim(alice)).to_be_visible()
    alice.composer.fill("*first*")
    alice.page.get_by_role("button", name="Save").click()
    assert bob.expect("edited")["text"] == "*first*"
    expect(alice.composer).to_have_value("a draft")
    item = alice.log.get_by_role("listitem").first
    expect(item.get_by_role("emphasis")).to_have_text("first", use_inner_text=True)
    expect(item.locator("time.edited")).to_have_text(re.compile(r"^edited at \d\d:\d\d$"))
    expect(item.locator("time.edited")).to_have_attribute("title", re.compile(r"\d\d:\d\d:\d\d"))
    expect(item.locator(".fate")).to_be_hidden()
    # What others change is no new message: nothing is counted.
    before = alice.page.title()
    bob.edit(bob.messages[-1]["seq"], "@Alice changed")
    expect(alice.log.locator("mark")).to_have_text("@Alice")
    assert alice.page.title() == before
    expect(alice.log.get_by_role("listitem")).to_have_count(3)
    # By key.
    alice.composer.fill("")
    alice.page.keyboard.press("Shift+Tab")
    alice.page.keyboard.press("Home")
    alice.page.keyboard.press("e")
    expect(alice.composer).to_have_value("*first*")


def test_message_that_is_taken_back_is_gone_everywhere(enter: Enter, meet: Meet) -> None:
    bob, alice = meet("Bob"), enter("Alice")
    alice.say("stays", "a xylophone", "after")
    secret = bob.expect("message", text="a xylophone")
    bob.post("about it", reply=secret["seq"])
    expect(alice.log.get_by_role("listitem")).to_have_count(4)
    alice.page.wait_for_function(f"({_KEPT})().then((kept) => kept.includes('xylophone'))")
    item = message(alice, "a xylophone")
    choose(alice, item, "Take back")
    expect(item.get_by_role("button", name="Yes, take it back")).to_be_visible()
    bob.post("in between")  # it only asks: nothing was removed before this
    item.get_by_role("button", name="Yes, take it back").click()
    bob.expect("removed", target=secret["seq"])
    shown = ("stays", "message removed", "after", "about it", "in between")
    alice.shows(*shown)
    assert "xylophone" not in alice.page.content()
    alice.page.wait_for_function(f"({_KEPT})().then((kept) => !kept.includes('xylophone'))")
    gone = alice.log.get_by_role("listitem").nth(1)
    gone.hover()
    expect(gone.get_by_role("button").filter(visible=True)).to_have_count(0)
    alice.page.reload()
    alice.shows(*shown)


def test_changes_wait_without_a_server_and_are_done_once(open_tab: Enter, meet: Meet) -> None:
    bob = meet("Bob")
    tab, wire = with_wire(open_tab, "Alice")
    tab.say("one", "two", "three")
    tab.shows("one", "two", "three")
    wire.deaf = True
    tab.composer.press("ArrowUp")
    tab.composer.fill("third")
    tab.composer.press("Enter")
    tab.shows("one", "two", "third")  # at once
    last = tab.log.get_by_role("listitem").last
    expect(last.get_by_text("The change waits")).to_be_visible()
    choose(tab, message(tab, "one"), "Take back")
    message(tab, "one").get_by_role("button", name="Yes, take it back").click()
    expect(tab.log.get_by_text("Being taken back")).to_be_visible()
    tab.page.reload()  # nobody answered it: both are sent again, with the same ids
    wire.deaf = False
    wire.close(1012)
    tab.wake()
    tab.shows("message removed", "two", "third")
    expect(last.locator(".fate")).to_be_hidden()
    assert bob.expect("edited")["text"] == "third"
    bob.expect("removed")
    for kind in ("edit", "remove"):
        assert len({each["id"] for each in commands(wire, kind)}) == 1


def test_refused_change_comes_back_with_its_reason(open_tab: Enter) -> None:
    tab, wire = with_wire(open_tab, "Alice")
    tab.say("one")
    tab.shows("one")
    wire.refusals["edit"] = {"code": "too_late"}
    tab.composer.press("ArrowUp")
    tab.composer.fill("another text")
    tab.composer.press("Enter")
    item = tab.log.get_by_role("listitem")
    expect(item.get_by_text("too late")).to_be_visible()
    tab.shows("one")
    item.get_by_role("button", name="Take the text").click()
    expect(tab.composer).to_have_value("another text")
    expect(item.locator(".fate")).to_be_hidden()
    wire.refusals["remove"] = {"code": "target_unknown"}
    choose(tab, item, "Take back")
    item.get_by_role("button", name="Yes, take it back").click()
    expect(item.get_by_text("no longer there")).to_be_visible()
    item.get_by_role("button", name="Close").click()
    expect(item.locator(".fate")).to_be_hidden()
    tab.shows("one")


def test_post_is_dropped_if_it_never_left_and_removed_by_its_id_if_it_may_have(
    open_tab: Enter, meet: Meet
) -> None:
    bob = meet("Bob")
    tab, wire = with_wire(open_tab, "Alice")
    wire.deaf = True
    tab.say("has left")
    expect(tab.waiting).to_have_text(re.compile("Waiting to be sent"))
    wire.cut = True
    wire.close(1012)
    tab.say("never left", "is changed")
    waiting = tab.waiting
    waiting.nth(1).get_by_role("button", name="Delete").click()
    expect(waiting).to_have_count(2)
    waiting.nth(1).get_by_role("button", name="Edit").click()
    tab.composer.fill("was changed")
    tab.composer.press("Enter")
    expect(waiting.nth(1)).to_contain_text("was changed")
    waiting.nth(0).get_by_role("button", name="Delete").click()
    expect(waiting.nth(0)).to_contain_text("Being taken back")
    expect(waiting.nth(0)).to_contain_text("has left")  # not gone before the server says so
    wire.cut = wire.deaf = False
    tab.wake()
    tab.shows("message removed", "was changed")
    expect(waiting).to_have_count(0)
    bob.expect("removed")
    bob.expect("message", text="was changed")


def test_composer_says_that_one_cannot_write(open_tab: Enter) -> None:
    tab, wire = with_wire(open_tab, "Alice")
    tab.say("one")
    tab.shows("one")
    line = tab.page.locator("#cannot-write")
    expect(line).to_be_attached()
    wire.refusals["post"] = {"code": "too_soon", "retry_after": 30}
    tab.composer.fill("too soon")
    tab.composer.press("Enter")
    expect(line).to_have_text(re.compile(r"pause between messages: \d\d\ss to go"))
    expect(tab.composer).to_have_value("too soon")
    expect(tab.waiting).to_have_count(0)
    tab.composer.press("Enter")  # it is not even asked
    assert len(commands(wire, "post")) == 2
    wire.refusals.clear()
    wire.tell(type="muted", until="2099-01-01T00:00:00.000Z")
    expect(line).to_have_text(re.compile("may read here, but not write"))
    wire.tell(type="muted", until=None)
    tab.page.reload()
    expect(tab.composer).to_have_value("too soon")
    tab.composer.press("Enter")
    tab.shows("one", "too soon")
