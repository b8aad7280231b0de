"""What a reader is told: unread messages, sounds, notifications, who comes and goes."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.tab import Tab, Visitor, Wire
from tests.browser.test_page import fits
from tests.support.waiting import wait_until

pytestmark = pytest.mark.shared

Enter = Callable[..., Tab]
Meet = Callable[..., Visitor]

# A page under Playwright is always visible, and nobody hears its sounds or sees its notifications.
# So a test sets whether it is looked at, and counts its tones and notifications.
_SENSES = """
  window.looked = true;
  Object.defineProperty(document, "hidden", { get: () => !window.looked });
  document.hasFocus = () => window.looked;
  window.tones = 0;
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (...at) {
    window.tones += 1;
    return start.apply(this, at);
  };
  window.shown = [];
  window.Notification = class {
    static permission = "default";
    static requestPermission = async () => (this.permission = window.answer ?? "granted");
    constructor(title, { body }) { window.shown.push([title, body]); }
    close() {}
  };
"""


def look(page: Page, looked: bool) -> None:
    page.evaluate(
        "(looked) => { window.looked = looked; "
        "document.dispatchEvent(new Event('visibilitychange')); }",
        looked,
    )


def settings(tab: Tab) -> Locator:
    tab.page.get_by_role("button", name="Settings").click()
    return tab.page.get_by_role("dialog", name="Settings")


def choose(tab: Tab, name: str, option: str) -> None:
    settings(tab).get_by_role("combobox", name=name).select_option(option)
    tab.page.keyboard.press("Escape")


def with_senses(open_tab: Enter, nick: str, **options: object) -> Tab:
    tab = open_tab(**options)
    tab.page.add_init_script(_SENSES)
    tab.open()
    tab.enter(nick)
    return tab


def icon(tab: Tab) -> str:
    return str(tab.page.evaluate("document.querySelector('link[rel=icon]').href"))


def becomes(tab: Tab, name: str, value: object) -> None:
    """Wait until a variable of the page has a value; Playwright's wait needs eval, which the page
    forbids."""
    for _ in range(100):
        if tab.page.evaluate(name) == value:
            return
        tab.page.wait_for_timeout(50)
    raise AssertionError(f"{name} is not {value}, but {tab.page.evaluate(name)}")


def rang(tab: Tab, tones: int) -> None:
    """Wait for so many tones."""
    becomes(tab, "tones", tones)


def came(tab: Tab) -> Locator:
    return tab.page.get_by_role("status").filter(has_text=re.compile("joined|left|salon"))


def test_unread_messages_are_counted_in_title_and_icon(
    open_tab: Enter, meet: Meet, home: str
) -> None:
    alice, bob = with_senses(open_tab, "Alice"), meet("Bob")
    bob.say("seen")
    alice.shows("seen")
    plain = icon(alice)
    look(alice.page, False)
    bob.say("one", "two")
    expect(alice.page).to_have_title(f"(2) {home} · Tchat")
    link = alice.page.locator("link[rel=icon]")
    expect(link).to_have_attribute("href", re.compile(r"^data:image/svg\+xml,.*%3E2%3C"))
    look(alice.page, True)
    expect(alice.page).to_have_title(f"{home} · Tchat")
    expect(link).to_have_js_property("href", plain)
    expect(alice.log.get_by_role("listitem").filter(has_text="one")).to_contain_text("New")


def test_rule_stands_where_the_reader_left_for_the_night(open_tab: Enter, meet: Meet) -> None:
    alice, bob = with_senses(open_tab, "Alice"), meet("Bob")
    bob.say("read")
    alice.shows("read")
    context = alice.page.context
    alice.page.goto("about:blank")
    bob.say("missed", "missed too")
    again = open_tab(context=context)
    again.open()
    again.enter("Alice")
    again.shows("read", "missed", "missed too")
    rule = again.log.get_by_text("New", exact=True).filter(visible=True)
    expect(rule).to_have_count(1)
    item = again.log.get_by_role("listitem").nth(1)
    expect(item.get_by_text("New", exact=True)).to_be_visible()


def test_sound_is_asked_for_and_only_for_mentions(open_tab: Enter, meet: Meet, home: str) -> None:
    alice, bob = with_senses(open_tab, "Alice"), meet("Bob")
    look(alice.page, False)
    bob.say("@Alice before")
    alice.shows("@Alice before")
    assert alice.page.evaluate("tones") == 0
    look(alice.page, True)
    choose(alice, "Sound", "When I am named (@nick)")
    rang(alice, 2)  # the sample
    bob.say("@Alice seen")
    alice.page.wait_for_timeout(1_600)  # the chime is silent for that long
    look(alice.page, False)
    bob.say("hello all", "`@Alice`, https://x.example/@alice, bob@alice.example, @Alicia")
    expect(alice.page).to_have_title(f"(2) {home} · Tchat")
    assert alice.page.evaluate("tones") == 2
    assert alice.log.get_by_role("mark").count() == 2
    bob.say("**and (@alice)**")
    rang(alice, 4)
    expect(alice.log.get_by_role("mark")).to_have_text(["@Alice", "@Alice", "@alice"])
    alice.page.reload()
    expect(settings(alice).get_by_role("combobox", name="Sound")).to_have_value("mentions")


def test_notification_tells_who_and_what(open_tab: Enter, meet: Meet, home: str) -> None:
    alice, bob = with_senses(open_tab, "Alice"), meet("Bob")
    choose(alice, "Notifications", "For every message")
    bob.say("seen")
    alice.shows("seen")
    look(alice.page, False)
    bob.say("<b>unseen</b>")
    expect(alice.page).to_have_title(f"(1) {home} · Tchat")
    # After the title: the page first asks whether another of its tabs is looked at.
    becomes(alice, "shown", [[f"Bob in {home}", "<b>unseen</b>"]])


def test_message_that_comes_before_all_of_the_page_is_there_is_told_of(
    open_tab: Enter, meet: Meet, home: str
) -> None:
    bob = meet("Bob")
    alice = open_tab(service_workers="block")
    alice.page.add_init_script(
        _SENSES
        + """
        Notification.permission = "granted";
        localStorage.setItem("tchat:settings", JSON.stringify({ notify: "all" }));
        """
    )
    held: list[Route] = []
    alice.page.route("**/alerting-*.js", lambda route: held.append(route))  # noqa: PLW0108
    alice.open()
    alice.enter("Alice")
    look(alice.page, False)
    bob.say("so soon")
    alice.shows("so soon")
    wait_until(lambda: alice.page.title() and held)  # the route works while the page is asked
    for route in held:
        route.continue_()
    becomes(alice, "shown", [[f"Bob in {home}", "so soon"]])


def test_refused_notifications_are_explained(open_tab: Enter) -> None:
    alice = with_senses(open_tab, "Alice")
    alice.page.evaluate("window.answer = 'denied'")
    box = settings(alice)
    field = box.get_by_role("combobox", name="Notifications")
    field.select_option("For every message")
    expect(field).to_have_value("never")
    expect(field).to_be_disabled()
    expect(field).to_have_accessible_description(re.compile("The browser blocks notifications"))


def test_who_comes_and_goes_is_one_line(enter: Enter, meet: Meet) -> None:
    alice = enter("Alice", locale="fr-FR")
    bob, _carl = meet("Bob"), meet("Carl")
    line = came(alice)
    expect(line).to_have_text("Bob et Carl ont rejoint le salon.")
    bob.say("Salut")
    expect(line).to_be_hidden()
    item = alice.log.get_by_role("listitem")
    expect(item).to_contain_text("ont rejoint le salon.")
    # The live region has already told it to screen readers: it is not part of the message.
    expect(item.get_by_role("paragraph").filter(has_text="rejoint")).to_have_count(0)
    alice.shows("Salut")


def test_two_tabs_of_somebody_are_one_person(enter: Enter, open_tab: Enter) -> None:
    alice, bob = enter("Alice"), enter("Bob")
    expect(came(alice)).to_contain_text("Bob")
    alice.say("Hello")
    second = open_tab(context=bob.page.context)
    second.open()
    second.enter("Bob")
    second.say("From my other tab")
    expect(alice.log.get_by_role("listitem")).to_have_count(2)
    expect(alice.page.get_by_role("heading", name="2 people")).to_be_visible()
    expect(came(alice)).to_have_count(0)
    second.page.close()
    bob.say("Still here")
    expect(alice.log.get_by_role("listitem")).to_have_count(3)
    expect(alice.page.get_by_role("heading", name="2 people")).to_be_visible()


def test_comings_and_goings_can_be_switched_off_but_not_who_speaks(
    enter: Enter, meet: Meet
) -> None:
    alice = enter("Alice")
    settings(alice).get_by_role("checkbox", name="Say who comes and goes").uncheck()
    alice.page.keyboard.press("Escape")
    bob = meet("Bob")
    expect(alice.people).to_have_count(2)  # a message may be faster than the news that he came
    bob.say("Hello")
    alice.shows("Hello")
    expect(alice.log).not_to_contain_text("joined")
    for nick in ("Bobby", "Rob", "Robert"):
        bob.send(type="rename", nick=nick)
    line = alice.page.get_by_role("status").filter(has_text="is now called")
    expect(line).to_have_text("Bob is now called Robert.")
    bob.say("Still me")
    expect(line).to_be_hidden()
    item = alice.log.get_by_role("listitem").last
    expect(item).to_contain_text("Bob is now called Robert.")
    expect(item).to_contain_text("Still me")


def test_who_hides_typing_neither_shows_nor_sees_it(
    open_tab: Enter, enter: Enter, meet: Meet
) -> None:
    bob, carl = meet("Bob"), enter("Carl")
    alice = open_tab()
    wire = Wire(alice.page)
    alice.open()
    alice.enter("Alice")
    settings(alice).get_by_role("checkbox", name=re.compile("See who is writing")).uncheck()
    alice.page.keyboard.press("Escape")
    alice.composer.press_sequentially("Hel")
    bob.send(type="typing")
    expect(carl.page.get_by_text("Bob\u2069 is writing…")).to_be_visible()
    expect(alice.page.get_by_text("is writing…")).to_be_hidden()
    assert not any('"typing"' in command for command in wire.asked)


def test_dialogs_fit_the_narrowest_phone_and_a_thumb(enter: Enter) -> None:
    tab = enter(
        "Zoé", path="/r/" + "w" * 32, viewport={"width": 320, "height": 568}, locale="fr-FR"
    )
    for opener in ("Réglages", "w" * 32):
        tab.page.get_by_role("button", name=opener, exact=True).click()
        dialog = tab.page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        assert fits(tab.page)
        for role in ("button", "combobox", "link", "textbox"):
            for target in dialog.get_by_role(role).all():  # type: ignore[arg-type]
                box = target.bounding_box()
                assert box is not None
                assert min(box["width"], box["height"]) >= 44, target
        tab.page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
