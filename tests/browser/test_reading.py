"""The page with a screen reader, right-to-left text, no motion, or an on-screen keyboard."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.states import PHONE
from tests.browser.tab import Tab, Visitor, Wire
from tests.support.logs import Past
from tests.support.servers import ChatServer

pytestmark = pytest.mark.shared

Enter = Callable[..., Tab]
Meet = Callable[..., Visitor]

# Notes what a screen reader would read of the log: the messages that are added while it is live. A
# message that was in the log before and is added again would be read twice.
_LISTEN = """
  window.heard = [];
  window.again = [];
  const known = new WeakSet();
  const words = (node) => [...(node.querySelectorAll?.(".text") ?? [])].map((text) =>
    text.innerText.trim()).join() || node.textContent.trim();
  const listen = () => {
    const log = document.querySelector("[role=log]");
    new MutationObserver((records) => {
      for (const { addedNodes } of records) {
        for (const node of addedNodes) {
          if (node.nodeType !== Node.ELEMENT_NODE) continue;
          if (known.has(node)) window.again.push(words(node));
          known.add(node);
          const live = node.closest("[aria-live]")?.getAttribute("aria-live");
          if (live === "polite") window.heard.push(words(node));
        }
      }
    }).observe(log, { childList: true, subtree: true });
  };
  document.addEventListener("DOMContentLoaded", listen);
"""


def heard(page: Page) -> list[str]:
    """Tell what was read aloud so far, and check that nothing was added twice."""
    assert page.evaluate("again") == []
    return list(page.evaluate("heard"))


def test_each_message_is_read_aloud_once(
    make_server: Callable[..., ChatServer], open_tab: Enter, meet: Meet
) -> None:
    server = make_server(settings={"CHAT_LIMITS": "off"})
    server.fill("general", [Past("Old", f"old {n}", n) for n in range(1, 121)])
    server.start()
    bob, alice = meet("Bob", server=server), open_tab(base_url=server.url)
    alice.page.add_init_script(_LISTEN)
    wire = Wire(alice.page)
    alice.open()
    alice.enter("Alice")
    items = alice.log.get_by_role("listitem")
    expect(items.last).to_contain_text("old 120")
    expect(alice.page.get_by_role("button", name="Insert an emoji")).to_be_visible()
    assert heard(alice.page) == []  # older messages are in the log, but are not read aloud

    bob.say("hello", "*marked*")
    expect(items.last.get_by_role("emphasis")).to_be_visible()
    alice.say("mine")
    expect(items.last).to_contain_text("mine")
    expect(alice.waiting).to_have_count(0)
    assert heard(alice.page) == ["hello", "marked", "mine"]

    # After a cut, missed messages are read once, and so are messages sent meanwhile.
    wire.cut = True
    wire.close(1012)
    bob.say("missed")
    alice.say("waited")
    wire.cut = False
    alice.wake()
    expect(items.last).to_contain_text("waited")
    expect(alice.waiting).to_have_count(0)
    assert heard(alice.page) == ["hello", "marked", "mine", "missed", "waited"]

    # Older messages are added above and not read aloud. Code is not read again for its colours.
    bob.say("```python\nx = 1\n```")
    expect(items.last.get_by_text("1", exact=True)).to_be_visible()
    page = alice.page
    conversation = page.get_by_role("region", name="Conversation")
    while (before := items.count()) < 126:
        conversation.evaluate("(it) => { it.scrollTop = 0 }")
        expect(items).not_to_have_count(before)
    now = heard(page)
    assert now[:5] == ["hello", "marked", "mine", "missed", "waited"]
    assert re.match(r"x = 1\b", now[5])
    assert len(now) == 6

    # Muting, unmuting and the end of a day are not read aloud. A message that comes at that
    # moment is.
    alice.composer.fill("at that moment")
    page.get_by_role("button", name="Mute Bob").evaluate(
        "(button) => { button.click(); document.getElementById('composer').requestSubmit(); }"
    )
    expect(items.last).to_contain_text("at that moment")
    page.get_by_role("button", name="Unmute Bob").press("Enter")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    bob.say("last")
    expect(items.last).to_contain_text("last")
    assert heard(page)[6:] == ["at that moment", "last"]


# Lists the animations at the moment when a message comes, and everything that moves by itself.
_MOVES = """() => new Promise((done) => {
  const log = document.querySelector("[role=log]");
  new MutationObserver(() => requestAnimationFrame(() =>
    done(document.getAnimations().map((each) => each.effect.getTiming().duration)))
  ).observe(log, { childList: true, subtree: true });
})"""


@pytest.mark.parametrize(("motion", "moves"), [("reduce", []), ("no-preference", [120])])
def test_nothing_moves_for_whoever_wants_it_so(
    enter: Enter, meet: Meet, motion: str, moves: list[int]
) -> None:
    alice, bob = enter("Alice", reduced_motion=motion), meet("Bob")
    expect(alice.people).to_have_count(2)
    alice.page.evaluate(f"() => {{ window.moves = ({_MOVES})() }}")
    bob.say("Hello")
    alice.shows("Hello")
    assert alice.page.evaluate("moves") == moves
    if motion == "reduce":
        alice.page.get_by_role("button", name="Settings").click()
        expect(alice.page.get_by_role("dialog", name="Settings")).to_be_visible()
        assert alice.page.evaluate("document.getAnimations().length") == 0


def test_every_text_runs_its_own_way(enter: Enter, meet: Meet) -> None:
    alice, bob = meet("שלמה", "שלום"), enter("Bob", path="/r/שלום")
    alice.say("שלום לכולם", "> ציטוט\n- אחת\n- שתיים", "plain")

    def runs(locator: Any, way: str) -> None:
        expect(locator).to_be_visible()
        expect(locator).to_have_css("direction", way)

    page = bob.page
    runs(bob.log.get_by_text("שלום לכולם"), "rtl")
    runs(bob.log.get_by_role("blockquote"), "rtl")
    runs(bob.log.get_by_role("list").get_by_role("list"), "rtl")
    runs(bob.log.get_by_text("plain"), "ltr")
    runs(bob.log.get_by_text("שלמה").first, "rtl")
    runs(bob.people.get_by_text("שלמה"), "rtl")
    runs(page.get_by_role("heading", name="שלום").locator("bdi"), "rtl")
    bob.composer.fill("שלום")
    runs(bob.composer, "rtl")
    bob.composer.fill("")
    bob.composer.press_sequentially("@")
    runs(page.get_by_role("option").get_by_text("שלמה"), "rtl")
    bob.composer.press("Escape")
    page.get_by_role("button", name="Change my nick").click()
    page.get_by_role("dialog").get_by_role("textbox").fill("שלום")
    runs(page.get_by_role("dialog").get_by_role("textbox"), "rtl")


def talking_on_a_phone(enter: Enter, count: int, **options: Any) -> tuple[Tab, Locator]:
    """Enter, and write so many messages; give the tab and what its log shows."""
    tab = enter("Alice", viewport=PHONE, **options)
    for number in range(count):
        tab.composer.fill(f"message {number}")
        tab.page.get_by_role("button", name="Send").click()
    items = tab.log.get_by_role("listitem")
    expect(items).to_have_count(count)
    return tab, items


def test_onscreen_keyboard_hides_neither_composer_nor_last_message(enter: Enter) -> None:
    tab, items = talking_on_a_phone(enter, 8, has_touch=True, is_mobile=True)
    for height in (330, 740, 280):
        tab.page.set_viewport_size({"width": 360, "height": height})
        expect(tab.composer).to_be_in_viewport(ratio=1)
        expect(tab.page.get_by_role("button", name="Send")).to_be_in_viewport(ratio=1)
        expect(items.last).to_be_in_viewport(ratio=1)
    tab.page.set_viewport_size({"width": 360, "height": 330})
    tab.composer.fill("line\n" * 12)
    expect(tab.composer).to_be_in_viewport(ratio=1)
    expect(items.last).to_be_in_viewport(ratio=1)


# Safari does not make the page smaller. It only tells how much of the page can be seen.
_COVER = """(height) => {
  Object.defineProperty(visualViewport, "height", { configurable: true, get: () => height });
  visualViewport.dispatchEvent(new Event("resize"));
}"""


def test_keyboard_that_only_covers_the_page_hides_nothing_either(enter: Enter) -> None:
    tab, items = talking_on_a_phone(enter, 8)
    tab.page.evaluate(_COVER, 420)
    for part in (tab.composer, items.last):
        expect(part).to_be_in_viewport(ratio=1)
        box = part.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 420


# The keyboard closes and the composer grows, before the page is drawn again.
_COVER_AND_WRITE = f"""([height, text]) => {{
  const area = document.querySelector("textarea");
  ({_COVER})(height);
  area.getBoundingClientRect();
  area.value = text;
  area.dispatchEvent(new Event("input"));
  area.getBoundingClientRect();
}}"""


def test_reader_at_the_end_stays_there_when_more_and_then_less_can_be_seen(enter: Enter) -> None:
    tab, items = talking_on_a_phone(enter, 12)
    tab.page.evaluate(_COVER, 420)
    expect(items.last).to_be_in_viewport(ratio=1)
    tab.page.evaluate(_COVER_AND_WRITE, [470, "line\n" * 8])
    expect(items.last).to_be_in_viewport(ratio=1)
    expect(tab.page.get_by_role("button", name="Latest messages")).to_be_hidden()


def test_composer_stays_out_of_the_safe_areas(enter: Enter, home: str) -> None:
    tab = enter("Alice", viewport=PHONE)
    before = tab.composer.bounding_box()
    session = tab.page.context.new_cdp_session(tab.page)
    insets = {"top": 47, "topMax": 47, "bottom": 34, "bottomMax": 34}
    session.send("Emulation.setSafeAreaInsetsOverride", {"insets": insets})
    heading = tab.page.get_by_role("heading", name=home).bounding_box()
    after = tab.composer.bounding_box()
    assert before is not None
    assert after is not None
    assert heading is not None
    assert heading["y"] >= 47
    assert after["y"] + after["height"] <= 740 - 34 < before["y"] + before["height"]
