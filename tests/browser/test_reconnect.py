"""Connections end, servers die, pages reload: no message is lost or shown twice."""

from __future__ import annotations

import re
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from playwright.sync_api import expect

from tests.browser.tab import Tab, Visitor, Wire
from tests.support.servers import FLASK_RUN, ChatServer

Enter = Callable[..., Tab]
Meet = Callable[..., Visitor]


def test_killed_server_loses_and_repeats_nothing(chat_server: ChatServer, enter: Enter) -> None:
    alice, bob = enter("Alice"), enter("Bob")
    alice.say("one", "two")
    bob.say("three")
    alice.shows("one", "two", "three")
    header = alice.page.get_by_role("banner")
    height = header.bounding_box()
    chat_server.kill()
    for tab in (alice, bob):
        expect(tab.page.get_by_text(re.compile("Connection lost.*Trying again in"))).to_be_visible()
    assert header.bounding_box() == height  # it keeps its one line
    alice.say("four", "five")
    bob.say("six")
    expect(alice.waiting).to_have_count(2)
    chat_server.start()
    for tab in (alice, bob):
        tab.wake()
        expect(tab.log.get_by_role("listitem")).to_have_count(6)
        expect(tab.waiting).to_have_count(0)
    said = alice.texts()
    assert said[:3] == ["one", "two", "three"]
    assert [text for text in said if text != "six"][3:] == ["four", "five"]
    assert bob.texts() == said
    bob.say("seven")
    alice.shows(*said, "seven")


@pytest.mark.not_webkit
def test_server_stopped_in_good_order_is_said_to_restart(
    chat_server: ChatServer, enter: Enter
) -> None:
    tab = enter("Alice")
    tab.say("one")
    tab.shows("one")
    chat_server.stop()
    expect(tab.state).to_have_text("The server is restarting.")
    chat_server.start()
    tab.wake()
    expect(tab.state).to_have_text("Connected again.")
    tab.say("two")
    tab.shows("one", "two")


def test_pages_are_back_by_themselves_when_a_worker_replaces_another(
    chat_server: ChatServer, enter: Enter
) -> None:
    alice, bob = enter("Alice"), enter("Bob")
    for number in range(2):
        assert chat_server.process is not None
        chat_server.process.send_signal(signal.SIGHUP)
        # The next worker serves so soon that the page may say at once that it is back.
        expect(alice.state).to_have_text(re.compile("The server is restarting|Connected again"))
        alice.say(f"one {number}")
        bob.say(f"two {number}")
        for tab in (alice, bob):
            expect(tab.log.get_by_role("listitem")).to_have_count(2 * number + 2, timeout=20_000)
            expect(tab.waiting).to_have_count(0)
    assert alice.texts() == bob.texts()


@pytest.mark.not_webkit
def test_page_is_back_by_itself_after_ctrl_c_under_flask_run(
    make_server: Callable[..., ChatServer], open_tab: Enter
) -> None:
    server = make_server(FLASK_RUN)
    server.start()
    tab = open_tab(base_url=server.url)
    tab.open()
    tab.enter("Alice")
    tab.say("one")
    tab.shows("one")
    server.stop(signal.SIGINT)
    expect(tab.state).to_have_text("The server is restarting.")
    tab.say("two")
    server.start()
    expect(tab.waiting).to_have_count(0, timeout=20_000)
    tab.shows("one", "two")


@pytest.mark.not_webkit
def test_reload_keeps_nick_text_and_unsent_posts(open_tab: Enter) -> None:
    tab = open_tab()
    wire = Wire(tab.page)
    tab.open()
    tab.enter("Alice")
    tab.say("one")
    tab.shows("one")
    wire.cut = True
    wire.close(1012)
    tab.say("two", "three")
    tab.composer.fill("half a sen")
    tab.page.reload()
    expect(tab.waiting).to_have_count(2)
    expect(tab.composer).to_have_value("half a sen")
    wire.cut = False
    tab.wake()
    tab.shows("one", "two", "three")
    expect(tab.waiting).to_have_count(0)
    expect(tab.composer).to_have_value("half a sen")
    expect(tab.log).to_contain_text("Alice")


@pytest.mark.not_webkit
def test_lost_acknowledgement_shows_the_message_once(open_tab: Enter, meet: Meet) -> None:
    bob = meet("Bob")
    alice = open_tab()
    wire = Wire(alice.page)
    alice.open()
    alice.enter("Alice")
    wire.deaf = True
    alice.say("one")
    bob.expect("message", text="one")
    expect(alice.waiting).to_have_count(1)
    wire.deaf = False
    wire.close(4008)
    alice.shows("one")
    expect(alice.waiting).to_have_count(0)
    bob.say("two")
    alice.shows("one", "two")
    assert bob.texts() == ["one", "two"]


@pytest.mark.not_webkit
def test_retry_after_a_reload_uses_the_same_id(open_tab: Enter, meet: Meet) -> None:
    bob = meet("Bob")
    alice = open_tab()
    wire = Wire(alice.page)
    alice.open()
    alice.enter("Alice")
    wire.deaf = True
    alice.say("one")
    bob.expect("message", text="one")
    bob.say(*(f"and {number}" for number in range(3)))
    wire.deaf = False
    alice.page.reload()
    alice.shows("one", "and 0", "and 1", "and 2")
    expect(alice.waiting).to_have_count(0)
    bob.say("end")
    assert bob.texts() == ["one", "and 0", "and 1", "and 2", "end"]


@pytest.mark.chromium
def test_posts_written_offline_leave_when_back_online(enter: Enter) -> None:
    alice, bob = enter("Alice"), enter("Bob")
    alice.page.context.set_offline(True)
    alice.say("one", "two")
    expect(alice.waiting).to_have_count(2)
    bob.say("three")
    alice.page.context.set_offline(False)
    for tab in (alice, bob):
        expect(tab.log.get_by_role("listitem")).to_have_count(3)
    assert alice.texts() == bob.texts()


@pytest.mark.embedded
def test_posts_that_cannot_be_stored_are_kept_and_sent_later(
    chat_server: ChatServer, enter: Enter
) -> None:
    alice, bob = enter("Alice"), enter("Bob")
    alice.say("one")
    bob.shows("one")
    with closing(sqlite3.connect(chat_server.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        alice.say("two", "three")
        expect(alice.waiting.first).to_contain_text("The server cannot keep messages")
        alice.page.reload()
        expect(alice.waiting).to_have_count(2)
        alice.shows("one")
    for tab in (alice, bob):
        tab.shows("one", "two", "three")
    expect(alice.waiting).to_have_count(0)


@pytest.mark.not_webkit
def test_half_open_connection_is_noticed_by_a_ping(open_tab: Enter) -> None:
    tab = open_tab()
    wire = Wire(tab.page)
    tab.page.clock.install()
    tab.open()
    tab.enter("Alice")
    wire.deaf = True
    tab.page.clock.fast_forward(20_100)
    tab.page.evaluate("true")
    assert '"type":"ping"' in wire.asked[-1]
    tab.page.clock.fast_forward(8_100)
    expect(tab.state).to_have_text(re.compile("Connection lost.|Connecting…"))  # soon again
    wire.deaf = False
    tab.page.clock.fast_forward(15_000)
    tab.say("back")
    tab.shows("back")


@pytest.mark.embedded
def test_replaced_log_is_said(chat_server: ChatServer, enter: Enter) -> None:
    tab = enter("Alice")
    tab.say("one")
    tab.shows("one")
    chat_server.kill()
    for file in chat_server.database.parent.glob(f"{chat_server.database.name}*"):
        file.unlink()
    chat_server.start()
    expect(tab.page.get_by_text("The server has lost messages that you had seen.")).to_be_visible()
    tab.shows()
    tab.say("two")
    tab.shows("two")


@pytest.mark.embedded
def test_full_server_is_said_to_be_full(
    make_server: Callable[..., ChatServer], open_tab: Enter
) -> None:
    server = make_server(settings={"CHAT_MAX_CONNECTIONS": "1"})
    server.start()
    first, second = open_tab(base_url=server.url), open_tab(base_url=server.url)
    first.open()
    first.enter("Alice")
    second.open()
    second.nick.fill("Bob")
    second.nick.press("Enter")
    expect(second.state).to_have_text("The chat is full at the moment.")
    first.page.close()
    second.wake()
    expect(second.composer).to_be_visible()


@pytest.mark.not_webkit
def test_how_a_connection_ended_is_said(open_tab: Enter) -> None:
    tab = open_tab()
    wire = Wire(tab.page)
    tab.open()
    tab.enter("Alice")
    now = tab.page.get_by_role("button", name="Now")
    for code, words in (
        (1012, "The server is restarting. Trying again in"),
        (1013, "The chat is full at the moment. Trying again in"),
        (1008, "Too much at once: the server asks for a pause. Trying again in"),
    ):
        wire.cut = True
        wire.close(code)
        expect(tab.page.get_by_text(words).first).to_be_visible()
        expect(now).to_be_visible()
        wire.cut = False
        if code == 1008:  # the longest wait; nothing ends it earlier
            now.click()
        tab.wake()
        expect(tab.state).to_have_text("Connected again.")
    wire.cut = True
    wire.close(4003)
    expect(tab.page.get_by_text("An owner put you out of this room.").first).to_be_visible()
    expect(now).to_be_hidden()


@pytest.mark.not_webkit
def test_now_does_not_wait(open_tab: Enter) -> None:
    tab = open_tab()
    wire = Wire(tab.page)
    tab.open()
    tab.enter("Alice")
    wire.close(1008)  # the longest wait there is
    tab.page.get_by_role("button", name="Now").click()
    expect(tab.state).to_have_text("Connected again.")
    tab.say("one")
    tab.shows("one")


@pytest.mark.not_webkit
def test_failed_post_keeps_its_text_and_can_be_deleted(open_tab: Enter) -> None:
    tab = open_tab()

    def refuse(route: object) -> None:
        server = route.connect_to_server()  # type: ignore[attr-defined]

        def from_page(command: str) -> None:
            if '"type":"post"' in command:
                identifier = re.search(r'"id":"([^"]+)"', command)
                assert identifier
                route.send(  # type: ignore[attr-defined]
                    f'{{"type":"error","code":"banned","detail":"","id":"{identifier[1]}"}}'
                )
            else:
                server.send(command)

        route.on_message(from_page)  # type: ignore[attr-defined]

    tab.page.route_web_socket(re.compile("/ws$"), refuse)
    tab.open()
    tab.enter("Alice")
    tab.say("Hello")
    expect(tab.waiting).to_contain_text("You may not write in this room.")
    tab.waiting.get_by_role("button", name="Try again").click()
    tab.page.reload()
    expect(tab.waiting).to_contain_text("Hello")
    tab.waiting.get_by_role("button", name="Delete").click()
    expect(tab.waiting).to_have_count(0)


@pytest.mark.not_webkit
def test_refused_text_goes_back_into_the_composer(open_tab: Enter) -> None:
    tab = open_tab()
    wire = Wire(tab.page)
    wire.refusals["post"] = {"code": "text_too_long"}
    tab.open()
    tab.enter("Alice")
    tab.say("Hello")
    expect(tab.waiting).to_contain_text("Too long to be sent.")
    tab.composer.fill("and more")
    tab.waiting.get_by_role("button", name="Edit").click()
    expect(tab.waiting).to_have_count(0)
    expect(tab.composer).to_have_value("Hello\nand more")
    expect(tab.composer).to_be_focused()
    wire.refusals.clear()
    tab.composer.press("Enter")
    tab.shows("Hello\nand more")


@pytest.mark.not_webkit
def test_what_is_refused_for_now_is_said_with_how_long_and_nothing_is_lost(
    make_server: Callable[..., ChatServer], open_tab: Enter
) -> None:
    server = make_server(settings={"CHAT_ADDRESS_POSTS": "1", "CHAT_RENAME_EVERY_S": "3"})
    server.start()
    tab = open_tab(base_url=server.url)
    wire = Wire(tab.page)
    wire.refusals["join"] = {"code": "rate_limited", "retry_after": 40}
    tab.open()
    tab.nick.fill("Alice")
    tab.nick.press("Enter")
    expect(tab.state).to_have_text("Too many people enter from your network at once.")
    expect(tab.page.get_by_text(re.compile("Trying again in [456][0-9]\u00a0s"))).to_be_visible()
    later = re.compile("The page enters by itself as soon as it can")
    expect(tab.nick).to_have_accessible_description(later)
    tab.nick.press("Enter")  # asking again does not help, and costs the server nothing
    tab.wake()
    expect(tab.nick).to_have_accessible_description(later)
    assert len([each for each in wire.asked if '"join"' in each]) == 1
    wire.refusals.clear()
    tab.page.get_by_role("button", name="Now").click()
    expect(tab.composer).to_be_visible()

    wire.refusals["post"] = {"code": "storage_unavailable", "retry_after": 1}
    tab.say("one")
    expect(tab.waiting).to_contain_text("cannot keep messages at the moment: this one waits")
    expect(tab.waiting.get_by_role("button", name="Delete")).to_be_visible()
    wire.refusals.clear()
    tab.shows("one")
    before = len(wire.asked)
    said = re.compile(r"Too many messages from your network. Trying again in (60|5\d)\u00a0s.")
    for _ in range(2):  # the second one is not even sent
        tab.say("two")
        expect(tab.waiting.get_by_text(said)).to_be_visible()
        tab.waiting.get_by_role("button", name="Edit").click()
        expect(tab.waiting).to_have_count(0)
        expect(tab.composer).to_have_value("two")
    assert len([each for each in wire.asked[before:] if '"post"' in each]) == 1

    rename = tab.page.get_by_role("button", name="Change my nick")
    box = tab.page.get_by_role("dialog", name="Change my nick")
    for nick in ("Alix", "Alex"):
        rename.click()
        box.get_by_role("textbox").fill(nick)
        box.get_by_role("textbox").press("Enter")
        if nick == "Alix":
            expect(box).to_be_hidden()
    expect(box.get_by_role("alert")).to_have_text(
        re.compile("^You can change your nick in [123]\u00a0s.$")
    )
    expect(box.get_by_role("alert")).to_have_count(0)  # when it is no longer true
    box.get_by_role("textbox").press("Enter")
    expect(box).to_be_hidden()


@pytest.mark.not_webkit
def test_nick_that_is_refused_when_the_page_comes_back_loses_no_text(enter: Enter) -> None:
    tab = enter("Alice")
    wire = Wire(tab.page)
    wire.refusals["post"] = {"code": "rate_limited", "retry_after": 60}
    tab.composer.fill("half a sen")
    # An older server had no reserved words.
    before = "sessionStorage.getItem('tchat:me').replace('Alice', 'admin')"
    tab.page.evaluate(f"sessionStorage.setItem('tchat:me', {before})")
    tab.page.reload()
    expect(tab.nick).to_have_accessible_description(re.compile("This nick is not possible here"))
    expect(tab.nick).to_have_value("admin")
    tab.nick.fill("Alix")
    tab.nick.press("Enter")
    expect(tab.composer).to_have_value("half a sen")
    tab.composer.press("Enter")
    wire.refusals["join"] = {"code": "nick_invalid"}
    expect(tab.waiting).to_contain_text("Too many messages from your network")
    wire.close(1012)
    expect(tab.nick).to_have_accessible_description(re.compile("This nick is not possible here"))
    expect(tab.waiting).to_contain_text("half a sen")
    wire.refusals.clear()
    tab.nick.press("Enter")
    tab.shows("half a sen")
