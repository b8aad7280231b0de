"""People talk: the everyday use of the page."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Watch
from tests.browser.tab import Tab, Visitor

pytestmark = pytest.mark.shared

Enter = Callable[..., Tab]
Meet = Callable[..., Visitor]


def test_two_tabs_of_one_browser_talk_under_two_nicks(enter: Enter) -> None:
    alice = enter("Alice")
    bob = enter("Bob", context=alice.page.context)
    alice.say("Hello Bob")
    bob.say("Hello Alice")
    for tab in (alice, bob):
        tab.shows("Hello Bob", "Hello Alice")
    expect(alice.people).to_have_text([re.compile("Alice.*you", re.DOTALL), re.compile("Bob")])

    for tab, nick in ((alice, "Alice"), (bob, "Bob")):
        tab.page.reload()
        tab.shows("Hello Bob", "Hello Alice")
        expect(tab.people.filter(has_text="you")).to_contain_text(nick)


def test_a_new_tab_offers_the_last_nick(enter: Enter, open_tab: Enter) -> None:
    alice = enter("Alice")
    another = open_tab(context=alice.page.context)
    another.open()
    expect(another.nick).to_have_value("Alice")
    another.enter("Alice")  # the same key: the same member
    expect(another.page.get_by_role("heading", name="1 person")).to_be_visible()


def test_taken_nick_offers_a_free_one_and_a_click_enters(meet: Meet, open_tab: Enter) -> None:
    meet("Alice")
    other = open_tab()
    other.open()
    other.nick.fill("alice")
    other.nick.press("Enter")
    expect(
        other.page.get_by_role("alert").filter(has_text="Somebody has this nick")
    ).to_be_visible()
    other.page.get_by_role("button", name="Take “\u2068alice 2\u2069”").click()
    expect(other.composer).to_be_focused()
    other.say("Here")
    other.shows("Here")


def test_nick_of_nothing_is_refused_at_once(open_tab: Enter) -> None:
    tab = open_tab()
    tab.open()
    tab.nick.fill("  ")
    tab.nick.press("Enter")
    expect(tab.nick).to_have_accessible_description(re.compile("it needs 1 to 32 visible"))


def test_another_nick_keeps_the_key_and_survives_a_reload(enter: Enter) -> None:
    alice, bob = enter("Alice"), enter("Bob")
    alice.page.get_by_role("button", name="Change my nick").click()
    box = alice.page.get_by_role("dialog", name="Change my nick")
    box.get_by_role("textbox").fill("Bob")
    box.get_by_role("button", name="Change", exact=True).click()
    expect(box.get_by_role("button", name="Take “\u2068Bob 2\u2069”")).to_be_visible()
    box.get_by_role("textbox").fill("Alix")
    box.get_by_role("textbox").press("Enter")
    expect(box).to_be_hidden()
    expect(bob.people.filter(has_text="Alix")).to_be_visible()
    alice.page.reload()
    alice.say("Still me")
    bob.shows("Still me")
    expect(bob.log).to_contain_text("Alix")


def test_hostile_text_and_nick_are_shown_as_text(enter: Enter, home: str) -> None:
    attack = "<img src=x onerror=\"document.title='owned'\"><b>hi</b>"
    tab = enter("<b>nick</b>")
    tab.say(attack, "</script><script>document.title='owned'</script>")
    tab.page.reload()
    tab.shows(attack, "</script><script>document.title='owned'</script>")
    assert tab.page.get_by_role("img").count() == 0
    expect(tab.page).to_have_title(f"{home} · Tchat")


def test_enter_sends_and_shift_enter_breaks_the_line(enter: Enter) -> None:
    tab = enter("Alice")
    tab.composer.press_sequentially("one")
    tab.composer.press("Shift+Enter")
    tab.composer.press_sequentially("two")
    tab.composer.press("Enter")
    tab.shows("one\ntwo")
    tab.composer.press("Enter")  # nothing to send
    tab.say("three")
    tab.shows("one\ntwo", "three")


@pytest.mark.chromium
def test_enter_that_ends_a_composition_sends_nothing(enter: Enter) -> None:
    tab = enter("Alice")
    tab.composer.focus()
    keyboard = tab.page.context.new_cdp_session(tab.page)
    keyboard.send(
        "Input.imeSetComposition", {"text": "にほ", "selectionStart": 2, "selectionEnd": 2}
    )
    tab.composer.press("Enter")
    keyboard.send("Input.insertText", {"text": "日本"})
    expect(tab.composer).to_have_value(re.compile("日本"))
    expect(tab.log.get_by_role("listitem")).to_have_count(0)
    expect(tab.waiting).to_have_count(0)
    tab.composer.press("Enter")
    expect(tab.log.get_by_role("listitem")).to_have_count(1)


def test_text_over_the_limit_is_counted_and_kept(enter: Enter) -> None:
    tab = enter("Alice")
    tab.composer.fill("🦊" * 1900)  # counted as people count, not in UTF-16
    expect(tab.page.get_by_text("100 characters left")).to_be_visible()
    tab.composer.fill("x" * 2001)
    expect(tab.page.get_by_text("1 character too many")).to_be_visible()
    tab.composer.press("Enter")
    expect(tab.composer).to_have_value("x" * 2001)
    tab.say("x" * 2000)
    tab.shows("x" * 2000)


def test_who_is_writing_is_told_until_the_message_comes(enter: Enter) -> None:
    alice, bob = enter("Alice"), enter("Bob")
    alice.composer.press_sequentially("Hel")
    expect(bob.page.get_by_text("Alice\u2069 is writing…")).to_be_visible()
    alice.say("Hello")
    expect(bob.page.get_by_text("Alice\u2069 is writing…")).to_be_hidden()


# Parts of the browser that the page's features use. Broken, they throw when a message comes.
_BROKEN = """() => {
  const broken = (name) => () => { throw new Error(`${name} is broken`); };
  document.hasFocus = broken("focus"); // for alerts
  document.createTreeWalker = broken("walker"); // for mentions
  Intl.Segmenter.prototype.segment = broken("segmenter"); // for initials
}"""


@pytest.mark.not_webkit
def test_feature_that_breaks_takes_no_message_away(enter: Enter, meet: Meet, watch: Watch) -> None:
    alice, bob = enter("Alice"), meet("Bob")
    bob.say("*before*")
    expect(alice.log.get_by_role("emphasis")).to_be_visible()
    alice.page.evaluate(_BROKEN)
    bob.send(type="typing")
    expect(alice.page.get_by_text("is writing…")).to_be_visible()
    bob.say("**one** @Alice", "two")
    alice.say("mine")
    alice.shows("before", "**one** @Alice", "two", "mine")
    expect(alice.log.get_by_role("listitem").nth(2)).to_contain_text("Bob")
    expect(alice.waiting).to_have_count(0)
    expect(alice.page.get_by_text("is writing…")).to_be_hidden()  # a feature that hears it later
    broken = {complaint.split()[0] for complaint in watch.complaints}
    assert broken == {"focus", "walker", "segmenter"}
    watch.complaints.clear()


def test_each_room_has_its_own_conversation(enter: Enter) -> None:
    home, garden = enter("Alice"), enter("Bob", path="/r/garden")
    expect(garden.page.get_by_role("heading", name="garden")).to_be_visible()
    garden.say("Roses")
    home.say("Hello")
    garden.shows("Roses")
    home.shows("Hello")


@pytest.mark.not_webkit
def test_link_is_copied_or_else_shown_selected(enter: Enter) -> None:
    tab = enter("Alice", path="/r/orchard", permissions=["clipboard-write", "clipboard-read"])
    tab.page.get_by_role("button", name="Copy link").click()
    expect(tab.page.get_by_role("button", name="Link copied")).to_be_visible()
    assert tab.page.evaluate("navigator.clipboard.readText()").endswith("/r/orchard")

    plain = enter("Bob", path="/r/orchard")  # as on http://192.168.…
    plain.page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    plain.page.get_by_role("button", name="Copy link").click()
    link = plain.page.get_by_role("dialog").get_by_role("textbox")
    expect(link).to_have_value(re.compile("/r/orchard$"))
    assert plain.page.evaluate("getSelection().toString()").endswith("/r/orchard")
