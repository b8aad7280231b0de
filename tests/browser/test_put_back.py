"""The log under a page is put back from an older copy: the page says so, and loses nothing written.

The copy is shorter than what the page has seen ("lost"), has another epoch ("lost"), or has grown
past it with other messages ("changed").
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from chat.protocol import rfc3339
from tests.browser.tab import Tab, Visitor, Wire
from tests.browser.test_knowing import look, with_senses
from tests.browser.test_offline import keeps, kept_texts
from tests.support.logs import Past, copy_log, put_back
from tests.support.servers import ChatServer

pytestmark = pytest.mark.embedded
Enter = Callable[..., Tab]
Meet = Callable[..., Visitor]

LOST = "The server has lost messages that you had seen. Here is what it has now."
CHANGED = (
    "The conversation goes on from an older copy. Messages that you had seen are no longer in it."
)
_ALL = (LOST, CHANGED, "Part of the conversation is no longer available.", "Much was said while")


def says(tab: Tab, sentence: str) -> None:
    """Wait until the page says a sentence, and no other one about the log."""
    expect(tab.page.get_by_text(sentence)).to_be_visible()
    for other in _ALL:
        if other != sentence:
            expect(tab.page.get_by_text(other)).to_be_hidden()


def rule(tab: Tab) -> Locator:
    """Find the rule at the place where the reader left."""
    return tab.log.get_by_text("New", exact=True).filter(visible=True)


def joins(wire: Wire) -> list[dict[str, Any]]:
    """Give the joins that a page has sent."""
    commands = [json.loads(command) for command in wire.asked]
    return [command for command in commands if command["type"] == "join"]


def posts(wire: Wire) -> list[tuple[str, str]]:
    """Give the id and the text of each post that a page has sent."""
    commands = [json.loads(command) for command in wire.asked]
    return [(each["id"], each["text"]) for each in commands if each["type"] == "post"]


def copied(server: ChatServer) -> Path:
    """Copy a server's log."""
    return copy_log(server.database, server.database.with_name("copy.db"))


def restore(server: ChatServer, copy: Path, **how: Any) -> None:
    """Stop a server, put the copy in its log's place, and start the server again."""
    server.stop()
    put_back(copy, server.database, **how)
    server.start()


@pytest.fixture
def wired(open_tab: Enter) -> Callable[[str], tuple[Tab, Wire]]:
    """Enter through a wire that can be cut."""

    def wired(nick: str) -> tuple[Tab, Wire]:
        tab = open_tab()
        wire = Wire(tab.page)
        tab.open()
        tab.enter(nick)
        return tab, wire

    return wired


def back(tab: Tab, wire: Wire) -> None:
    """Let a page that was cut off come back."""
    wire.cut = False
    tab.wake()


# That another epoch is noticed, tests/rooms/test_delivery.py and test_offline.py say each time.
@pytest.mark.parametrize("epoch", [None, pytest.param("another", marks=pytest.mark.long)])
def test_shorter_copy_and_another_epoch_are_said(
    chat_server: ChatServer, wired: Callable[[str], tuple[Tab, Wire]], epoch: str | None
) -> None:
    alice, wire = wired("Alice")
    alice.say("one", "two")
    alice.shows("one", "two")
    copy = copied(chat_server)
    alice.say("three")
    alice.shows("one", "two", "three")
    keeps(alice, "one", "two", "three")
    wire.cut = True
    chat_server.stop()
    alice.say("waits")
    alice.composer.fill("half a sen")
    put_back(copy, chat_server.database, epoch=epoch)
    chat_server.start()
    back(alice, wire)
    says(alice, LOST)
    alice.shows("one", "two", "waits")
    expect(alice.waiting).to_have_count(0)
    expect(alice.composer).to_have_value("half a sen")
    keeps(alice, "one", "two", "waits")
    assert kept_texts(alice) == ["one", "two", "waits"]
    # What was acknowledged in the old log is not posted again by itself.
    assert [text for _, text in posts(wire)].count("three") == 1
    alice.page.get_by_role("alert").get_by_role("button", name="Close").click()
    alice.say("four")
    alice.shows("one", "two", "waits", "four")


def test_log_that_grew_past_what_was_seen_is_said_to_have_changed(
    chat_server: ChatServer, wired: Callable[[str], tuple[Tab, Wire]], meet: Meet
) -> None:
    alice, wire = wired("Alice")
    alice.say("one")
    alice.shows("one")
    copy = copied(chat_server)
    alice.say("two", "three")
    alice.shows("one", "two", "three")
    keeps(alice, "one", "two", "three")
    wire.deaf = True
    alice.say("unsure")  # it is stored, but nobody tells the page
    expect(alice.waiting).to_have_count(1)
    wire.cut = True
    restore(chat_server, copy)
    meet("Bob").say("other two", "other three", "other four", "other five")
    expect(alice.page.get_by_text("Trying again in")).to_be_visible()
    wire.deaf = False  # not before the page is cut off: its acknowledgement may be on the way
    back(alice, wire)
    says(alice, CHANGED)
    alice.shows("one", "other two", "other three", "other four", "other five", "unsure")
    expect(alice.waiting).to_have_count(0)
    ids = {post_id for post_id, text in posts(wire) if text == "unsure"}
    assert len(ids) == 1
    # The place where the reader left was one of the old log.
    expect(rule(alice)).to_have_count(0)
    keeps(alice, "one", "other two", "other three", "other four", "other five", "unsure")
    assert "two" not in kept_texts(alice)
    said = [post for post in posts(wire) if post[1] in ("two", "three")]
    assert len(said) == 2
    after = joins(wire)[-1]["after"]
    assert after["seq"] == 3


@pytest.mark.long
def test_older_messages_of_the_log_that_changed_come_from_the_new_one(
    make_server: Callable[..., ChatServer], open_tab: Enter, meet: Meet
) -> None:
    server = make_server(settings={"CHAT_LIMITS": "off"})
    server.start()
    bob = meet("Bob", server=server)
    bob.say("one")
    copy = copied(server)
    bob.say(*(f"old {number}" for number in range(2, 102)))
    tab = open_tab(base_url=server.url)
    wire = Wire(tab.page)
    tab.open()
    tab.enter("Alice")
    expect(tab.log.get_by_text("old 101")).to_be_visible()
    tab.page.get_by_role("region", name="Conversation").evaluate("(it) => { it.scrollTop = 0 }")
    expect(tab.log.get_by_text("old 30")).to_be_attached()
    wire.cut = True
    restore(server, copy)
    meet("Carl", server=server).say(*(f"new {number}" for number in range(2, 132)))
    back(tab, wire)
    says(tab, CHANGED)
    expect(tab.log.get_by_text("new 131")).to_be_in_viewport()
    region = tab.page.get_by_role("region", name="Conversation")
    for _ in range(4):
        region.evaluate("(it) => { it.scrollTop = 0 }")
        tab.page.wait_for_timeout(50)
    expect(tab.log.get_by_text("one", exact=True)).to_be_attached()
    tab.shows("one", *(f"new {number}" for number in range(2, 132)))


@pytest.mark.parametrize("grows", [pytest.param(False, marks=pytest.mark.long), True])
def test_messages_kept_without_a_server_give_way_to_the_log_that_was_put_back(
    chat_server: ChatServer, enter: Enter, meet: Meet, grows: bool
) -> None:
    alice = enter("Alice")
    alice.say("one")
    alice.shows("one")
    copy = copied(chat_server)
    alice.say("two")
    keeps(alice, "one", "two")
    chat_server.stop()
    alice.page.reload()
    alice.shows("one", "two")
    alice.say("waits")
    put_back(copy, chat_server.database)
    alice.page.context.set_offline(True)
    chat_server.start()
    if grows:
        meet("Bob").say("other two", "other three")
    alice.page.context.set_offline(False)
    alice.wake()
    says(alice, CHANGED if grows else LOST)
    now = ["one", "other two", "other three", "waits"] if grows else ["one", "waits"]
    alice.shows(*now)
    expect(alice.waiting).to_have_count(0)
    keeps(alice, *now)
    assert kept_texts(alice) == now


def test_kept_messages_of_another_history_are_not_put_before_the_new_ones(
    chat_server: ChatServer, enter: Enter, meet: Meet
) -> None:
    alice = enter("Alice")
    alice.say("one", "two", "three")
    keeps(alice, "one", "two", "three")
    copy = chat_server.database.with_name("copy.db")
    chat_server.stop()
    put_back(chat_server.database, copy)
    chat_server.start()
    alice.wake()
    alice.say("four")
    keeps(alice, "one", "two", "three", "four")
    alice.page.goto("about:blank")
    restore(chat_server, copy)
    meet("Bob").say("other four", "other five")
    alice.open()  # with a server: the page joins as if it had nothing
    now = ("one", "two", "three", "other four", "other five")
    alice.shows(*now)
    keeps(alice, *now)
    assert kept_texts(alice) == list(now)
    expect(rule(alice)).to_have_count(0)


def test_kept_messages_prove_themselves_and_resume(
    chat_server: ChatServer, wired: Callable[[str], tuple[Tab, Wire]], meet: Meet
) -> None:
    alice, wire = wired("Alice")
    alice.say("one")
    alice.shows("one")
    keeps(alice, "one")
    alice.page.evaluate(_FORGET_THE_TIME)  # as an earlier version of the page wrote it
    chat_server.kill()
    alice.page.reload()
    alice.shows("one")
    alice.page.context.set_offline(True)
    chat_server.start()
    bob = meet("Bob")
    bob.say("two")
    alice.page.context.set_offline(False)
    alice.wake()
    alice.shows("one", "two")
    after = joins(wire)[-1]["after"]
    assert (after["seq"], after["at"]) == (1, bob.messages[0]["at"])
    for sentence in _ALL:
        expect(alice.page.get_by_text(sentence)).to_be_hidden()


# Take out of all kept rooms what only the page of today writes.
_FORGET_THE_TIME = """() => new Promise((done) => {
  indexedDB.open("tchat").onsuccess = ({ target }) => {
    const transaction = target.result.transaction("rooms", "readwrite");
    const rooms = transaction.objectStore("rooms");
    rooms.getAll().onsuccess = ({ target: { result } }) => {
      for (const { seenAt, ...record } of result) rooms.put(record);
      done(transaction.commit());
    };
  };
})"""


def test_room_whose_messages_are_all_pruned_is_not_called_new_and_resumes(
    make_server: Callable[..., ChatServer], open_tab: Enter, meet: Meet
) -> None:
    server = make_server(settings={"CHAT_RETENTION_DAYS": "1"})
    server.fill("general", (Past("Old", "old", 1) for _ in range(3)))
    server.start()
    bob = meet("Bob", server=server)
    while bob.messages:  # bounded by the test's timeout; each turn is a join
        bob.ws.close()
        bob.connect()
        bob.join("Bob")
    tab = open_tab(base_url=server.url)
    wire = Wire(tab.page)
    tab.open()
    tab.enter("Alice")
    expect(tab.page.get_by_text("Nothing older is kept here.")).to_be_visible()
    expect(tab.page.get_by_text("Nobody has said anything yet.")).to_be_hidden()
    wire.close(1012)
    expect(tab.state).to_have_text("Connected again.")
    assert joins(wire)[-1]["after"] == {"epoch": bob.epoch, "seq": 3, "at": rfc3339(1)}
    for sentence in _ALL:
        expect(tab.page.get_by_text(sentence)).to_be_hidden()
    bob.say("new")
    tab.shows("new")
    expect(tab.page.get_by_text("Nothing older is kept here.")).to_be_visible()


def test_messages_that_are_gone_are_counted_no_more(
    chat_server: ChatServer, open_tab: Enter, meet: Meet
) -> None:
    alice = with_senses(open_tab, "Alice")
    bob = meet("Bob")
    bob.say("one")
    alice.shows("one")
    copy = copied(chat_server)
    look(alice.page, False)
    bob.say("two", "three")
    expect(alice.page).to_have_title("(2) general · Tchat")
    restore(chat_server, copy)
    alice.wake()
    says(alice, LOST)
    expect(alice.page).to_have_title("general · Tchat")
    meet("Carl").say("new")
    expect(alice.page).to_have_title("(1) general · Tchat")
    alice.shows("one", "new")
    item = alice.log.get_by_role("listitem").last
    expect(item.get_by_text("New", exact=True)).to_be_visible()
