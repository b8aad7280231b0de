"""Several tabs of one browser: they share what the reader chose and read, and are told apart."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.tab import Tab, Visitor, Wire
from tests.browser.test_knowing import icon, look, settings, with_senses
from tests.browser.test_muting import folds, mute

pytestmark = pytest.mark.shared

Enter = Callable[..., Tab]
Meet = Callable[..., Visitor]

# Each title that the tab ever had: one that changes back at once draws the eye too.
_TITLES = """
  window.titles = [document.title];
  new MutationObserver(() => window.titles.push(document.title))
    .observe(document.querySelector("title"), { childList: true });
"""


def heard(*tabs: Tab) -> list[int]:
    return [tab.page.evaluate("shown.length") for tab in tabs]


def test_tabs_share_what_is_muted_and_chosen_at_once(enter: Enter, meet: Meet) -> None:
    room = "/r/shared"
    for nick in ("Bob", "Carl"):
        meet(nick, "shared").say(f"I am {nick}")
    one = enter("Alice", path=room)
    other = enter_beside(one, "Alice")
    box = settings(other)
    mute(one, "Bob")
    expect(folds(other)).to_have_count(1)
    expect(box.get_by_role("button", name="Unmute Bob")).to_be_visible()
    other.page.keyboard.press("Escape")
    mute(other, "Carl")
    expect(folds(one).filter(visible=True)).to_have_count(2)

    box = settings(other)
    settings(one).get_by_role("checkbox", name="Say who comes and goes").uncheck()
    expect(box.get_by_role("checkbox", name="Say who comes and goes")).not_to_be_checked()
    box.get_by_role("checkbox", name=re.compile("See who is writing")).uncheck()
    expect(one.page.get_by_role("checkbox", name=re.compile("See who"))).not_to_be_checked()
    for tab in (one, other):
        tab.page.reload()
        expect(folds(tab).filter(visible=True)).to_have_count(2)


def enter_beside(tab: Tab, nick: str, path: str | None = None) -> Tab:
    """Enter a room in another tab of the same browser."""
    page = tab.page.context.new_page()
    beside = Tab(page, path or tab.path)
    beside.open()
    beside.enter(nick)
    return beside


def test_a_reader_is_told_once_whatever_tabs_they_have(open_tab: Enter, meet: Meet) -> None:
    one = with_senses(open_tab, "Alice", path="/r/once")
    context, bob = one.page.context, meet("Bob", "once")
    settings(one).get_by_role("combobox", name="Notifications").select_option("all")
    one.page.keyboard.press("Escape")
    two = with_senses(open_tab, "Alice", path="/r/once", context=context)
    nick = with_senses(open_tab, "Zoé", path="/r/once", context=context)  # another of their nicks
    tabs = (one, two, nick)
    for tab in tabs:
        tab.page.evaluate("Notification.permission = 'granted'")
        tab.page.evaluate(_TITLES)
    plain = icon(two)

    # While one is looked at, the others count nothing and are quiet, and so is one's own message.
    for tab in (two, nick):
        look(tab.page, False)
    bob.say("read beside")
    one.say("and answered")
    for tab in tabs:
        tab.shows("read beside", "and answered")

    # While nobody looks, all count, and one of them tells.
    look(one.page, False)
    bob.say("missed")
    for tab in tabs:
        expect(tab.page).to_have_title("(1) once · Tchat")
    bob.say("missed too")
    for tab in tabs:
        expect(tab.page).to_have_title("(2) once · Tchat")
        title = ["once · Tchat", "(1) once · Tchat", "(2) once · Tchat"]
        assert tab.page.evaluate("titles") == title
    assert sum(heard(*tabs)) == 2
    assert 0 in heard(*tabs)

    # Whoever reads it in one tab has read it in all.
    look(nick.page, True)
    for tab in tabs:
        expect(tab.page).to_have_title("once · Tchat")
    assert icon(two) == plain
    expect(two.log.get_by_text("New", exact=True).filter(visible=True)).to_have_count(0)

    # Only one nick may be mentioned; and the one that told may be closed.
    settings(nick).get_by_role("combobox", name="Notifications").select_option("mentions")
    nick.page.keyboard.press("Escape")
    look(nick.page, False)
    bob.say("@Zoé for one of them")
    expect(two.page).to_have_title("(1) once · Tchat")
    told = max(tabs, key=lambda tab: heard(tab)[0])
    expect_told(told.page, 3)
    told.page.close()
    rest = [tab for tab in tabs if tab is not told]
    assert sum(heard(*rest)) == 0
    bob.say("@Alice and @Zoé")
    for tab in rest:  # the closed one was visible all the time, so what it showed counts as read
        expect(tab.page).to_have_title("(1) once · Tchat")
    assert sum(heard(*rest)) == 1


def expect_told(page: Page, times: int) -> None:
    for _ in range(100):
        if page.evaluate("shown.length") == times:
            return
        page.wait_for_timeout(50)
    raise AssertionError(page.evaluate("shown"))


def test_duplicated_tab_is_a_tab_of_its_own(open_tab: Enter) -> None:
    one = open_tab(path="/r/twice")
    wire = Wire(one.page)
    one.open()
    one.enter("Alice")
    wire.cut = True
    wire.close(1001)
    one.say("waits")
    expect(one.waiting).to_have_count(1)
    with one.page.context.expect_page() as opened:
        # It gets a copy of the storage, as a duplicated tab does, but is new: it asks for a nick.
        one.page.evaluate("void open(location)")
    copy = Tab(opened.value, one.path)
    expect(copy.nick).to_have_value("Alice")
    expect(copy.page.get_by_text("This nick is yours on this device.")).to_be_visible()
    copy.nick.press("Enter")
    copy.say("from the copy")
    copy.shows("from the copy")
    expect(copy.waiting).to_have_count(0)
    expect(one.waiting).to_have_count(1)
    wire.cut = False
    one.wake()
    for tab in (one, copy):
        tab.shows("from the copy", "waits")


def test_tab_that_enters_by_itself_says_as_whom(enter: Enter) -> None:
    tab = enter("Alice", path="/r/whose", locale="fr-FR")
    page = tab.page
    said = page.get_by_role("status").filter(has_text="Vous êtes \u2068Alice\u2069.")
    expect(said).to_be_hidden()  # whoever chose the nick knows it
    page.reload()
    expect(said).to_be_visible()
    tab.composer.press_sequentially("O")
    expect(said).to_be_hidden()
    tab.composer.fill("")
    page.goto("/r/elsewhere")
    expect(said).to_be_visible()
    page.get_by_role("button", name="Ce n’est pas moi").click()
    expect(tab.nick).to_have_value("")
    yours = page.get_by_text("Ce pseudo est le vôtre sur cet appareil.")
    expect(yours).to_be_hidden()
    tab.nick.fill("alice")
    expect(tab.nick).to_have_accessible_description(re.compile("Ce pseudo est le vôtre"))
    tab.nick.fill("Bob")
    expect(yours).to_be_hidden()
    tab.nick.press("Enter")
    tab.say("Je suis Bob")
    expect(tab.log).to_contain_text("Bob")
    page.go_back()  # to a page that Alice left
    expect(page.get_by_role("heading", name="whose")).to_be_visible()
    tab.say("Encore Bob")
    expect(tab.log.get_by_role("listitem").last).to_contain_text("Bob")
