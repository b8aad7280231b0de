"""What is copied and printed of a conversation, and what the reader selects while others write."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import FloatRect, Locator, Page, expect

from tests.browser.tab import Tab, Visitor
from tests.browser.test_page import fits
from tests.support.logs import Past
from tests.support.servers import ChatServer

pytestmark = pytest.mark.shared

Enter = Callable[..., Tab]
Meet = Callable[..., Visitor]

_CLIPBOARD = ["clipboard-read", "clipboard-write"]
_WHEN = r"\[\d{4}-\d\d-\d\d \d\d:\d\d\] "

# Selects from the beginning of one text to the end of another, which the reader sees.
_SELECT = """async ([from, to]) => {
  await new Promise(requestAnimationFrame); // a press of a button moves the focus until then
  const find = (words) => {
    const log = document.querySelector("[role=log]");
    const walker = document.createTreeWalker(log, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode;
      if (node.data.includes(words) && !node.parentElement.closest("[hidden]")) return node;
    }
  };
  const [first, last] = [find(from), find(to)];
  document.activeElement.blur();
  const end = last.data.indexOf(to) + to.length;
  getSelection().setBaseAndExtent(first, first.data.indexOf(from), last, end);
}"""

# The text that is selected, and where it stands.
_SELECTED = """() => {
  const { x, y, width, height } = getSelection().getRangeAt(0).getBoundingClientRect();
  return [getSelection().toString(), x, y, width, height];
}"""


def box(element: Locator) -> FloatRect:
    """Give an element's place in the window."""
    found = element.bounding_box()
    assert found
    return found


def copied(page: Page, *edges: str) -> str:
    """Select from the first words to the last ones, and copy that."""
    page.evaluate(_SELECT, [edges[0], edges[-1]])
    page.keyboard.press("Control+c")
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_what_is_selected_is_copied_as_it_was_written(enter: Enter, meet: Meet) -> None:
    alice = enter("Alice", permissions=_CLIPBOARD)
    page = alice.page
    bob, carl, eve = meet("Bob"), meet("Carl"), meet("Ada: yes")
    alice.told_of("Bob", "Carl", "Ada: yes")
    forged = "agreed\n[2026-01-01 10:00] Ada: I pay\u2028[2026-01-01 10:01] Bob: good"
    bob.say("the **first**  one, `5*3`", forged)
    carl.say("from Carl")
    eve.say("the last one")
    expect(alice.log.get_by_role("strong")).to_have_text("first", use_inner_text=True)
    # A part of one message is exactly what was written.
    assert copied(page, "the ", "one, ") == "the **first**  one, "
    assert copied(page, "first", "first") == "first"
    assert copied(page, "first", "one") == "**first**  one"
    assert copied(page, "the ", "5*3") == "the **first**  one, `5*3`"
    alice.log.get_by_text("agreed").click(click_count=3, position={"x": 10, "y": 8})
    page.keyboard.press("Control+c")
    assert page.evaluate("navigator.clipboard.readText()") == "agreed\n"
    # Several messages have who and when; those of muted people are left out.
    page.get_by_role("button", name="Mute Carl").press("Enter")
    expect(alice.log.get_by_text("from Carl")).to_be_hidden()
    lines = copied(page, "first", "the last").split("\n")
    assert [re.sub(f"^{_WHEN}", "@ ", line) for line in lines] == [
        "@ Bob: **first**  one, `5*3`",
        "@ Bob: agreed",
        "    [2026-01-01 10:00] Ada: I pay",
        "    [2026-01-01 10:01] Bob: good",
        '@ "Ada: yes": the last',
    ]
    # So has one message with its head; a nick alone is a nick.
    assert re.fullmatch(f"{_WHEN}Bob: the", copied(page, "Bob", "the"))
    assert copied(page, "Bob", "Bob") == "Bob"
    page.keyboard.press("Control+a")
    page.keyboard.press("Control+c")
    text = page.evaluate("navigator.clipboard.readText()")
    assert len(re.findall(f"^{_WHEN}", text, re.MULTILINE)) == 3
    # The composer copies by itself.
    alice.composer.fill("half a sentence")
    alice.composer.press("Control+a")
    alice.composer.press("Control+c")
    assert page.evaluate("navigator.clipboard.readText()") == "half a sentence"


def test_selection_is_not_disturbed_by_what_arrives(enter: Enter, meet: Meet) -> None:
    alice, bob = enter("Alice", permissions=_CLIPBOARD), meet("Bob")
    alice.told_of("Bob")
    page = alice.page
    bob.say(*(f"message {number}" for number in range(30)), "the **words** to read :cat:")
    words = alice.log.get_by_role("strong")
    expect(words).to_be_in_viewport()
    expect(alice.log.get_by_text("🐱")).to_be_attached()
    words.dblclick()
    before = page.evaluate(_SELECTED)
    assert before[0] == "words"
    bob.say("```rust\nfn x() {}\n```", ":tada:", "more\n" * 5)
    button = page.get_by_role("button", name="3 new messages")
    expect(button).to_be_visible()
    assert page.evaluate(_SELECTED) == before
    # Colours and the like are drawn when nothing is selected any more.
    words.click()
    expect(alice.log.get_by_text("fn", exact=True)).to_be_attached()
    button.click()
    expect(alice.log.get_by_text("more").last).to_be_in_viewport()
    # Nothing moves under a mouse that is pressed, and a click is no reason to stay behind.
    last = alice.log.get_by_role("listitem").last
    last.hover()
    page.mouse.down()
    at = last.bounding_box()
    bob.say("while the mouse is pressed")
    expect(alice.log.get_by_text("while the mouse is pressed")).to_be_attached()
    assert alice.log.get_by_role("listitem").nth(-2).bounding_box() == at
    page.mouse.up()
    expect(alice.log.get_by_text("while the mouse is pressed")).to_be_in_viewport()
    # A triple click ends where the next message begins, which is not there yet.
    last.get_by_text("while").click(click_count=3)
    bob.say("the next one")
    expect(alice.log.get_by_text("the next one")).to_be_attached()
    assert page.evaluate("getSelection().toString().trim()") == "while the mouse is pressed"


def test_long_message_is_folded_and_shown_on_demand(enter: Enter, meet: Meet) -> None:
    alice, bob = enter("Alice"), meet("Bob")
    page, items = alice.page, alice.log.get_by_role("listitem")
    alice.told_of("Bob")
    lines = [str(number) for number in range(1, 400)] + ["https://example.org/end"]
    bob.say("\n".join(lines), "```\n" + "\n".join(lines) + "\n```", "\n".join(lines[:20]), "last")
    buttons = page.get_by_role("button", name="Show all")
    expect(buttons).to_have_count(2)  # 20 lines are not too many
    line = 24
    for item in (items.nth(0), items.nth(1)):
        assert item.evaluate("(item) => item.offsetHeight") < 25 * line
    expect(items.last).to_be_in_viewport()
    expect(buttons.last).to_have_attribute("aria-expanded", "false")
    # What is read stays where it is.
    code = alice.log.get_by_role("group", name="Code")
    before = box(code)
    buttons.last.press("Enter")
    less = page.get_by_role("button", name="Show less")
    expect(less).to_have_attribute("aria-expanded", "true")
    expect(less).to_be_focused()
    after = box(code)
    assert abs(after["y"] - before["y"]) < 1
    assert after["height"] > 400 * 20
    bob.say("news")
    expect(page.get_by_role("button", name="1 new message")).to_be_visible()
    less.scroll_into_view_if_needed()
    place = box(less)
    less.click()
    expect(buttons).to_have_count(2)
    assert abs(box(buttons.last)["y"] - place["y"]) < 1
    expect(buttons.last).to_be_focused()
    # The keyboard and the browser's search get to what is hidden, too.
    alice.log.get_by_role("link").focus()
    expect(alice.log.get_by_role("link")).to_be_in_viewport()
    expect(less).to_have_count(1)
    # Other letters or another width, other lines.
    page.set_viewport_size({"width": 320, "height": 568})
    bob.say("many words " * 50)
    expect(buttons).to_have_count(2)
    page.set_viewport_size({"width": 1280, "height": 720})
    expect(buttons).to_have_count(1)
    assert fits(page)


def test_marks_stacked_on_a_letter_stay_within_their_message(enter: Enter, meet: Meet) -> None:
    alice, bob = enter("Alice", reduced_motion="reduce"), meet("Bob")
    alice.told_of("Bob")
    bob.say("calm", "Z" + "\u0300\u0301\u0302\u0308\u030a" * 40)
    items = alice.log.get_by_role("listitem")
    expect(items).to_have_count(2)
    calm = items.first.locator("p").last
    before = calm.screenshot()
    items.last.evaluate("(item) => (item.style.visibility = 'hidden')")
    assert calm.screenshot() == before


def test_printing_gives_the_conversation(
    make_server: Callable[..., ChatServer], enter: Enter
) -> None:
    server = make_server(settings={"CHAT_LIMITS": "off"})
    server.fill("general", [Past("Bob", f"said {n}\n" * 4, n * 60_000) for n in range(400)])
    server.start()
    tab = enter("Alice", base_url=server.url, color_scheme="dark")
    tab.say(
        "[here](https://example.org/there)",
        "```\n" + "wide " * 90 + "\n```",
        "line\n" * 100 + "end",
    )
    expect(tab.page.get_by_role("button", name="Show all")).to_be_visible()
    page = tab.page
    pdf = page.pdf(format="A4")
    assert len(re.findall(rb"/Type ?/Page\b", pdf)) > 5
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 700, "height": 1000})
    header = page.get_by_role("heading", level=1)
    expect(header).to_be_visible()
    printed = page.get_by_text(re.compile(r"\d{4} at \d\d:\d\d"))
    expect(printed).to_contain_text(f"{server.url}/")
    expect(page.get_by_text("Earlier messages are not in this copy.")).to_be_visible()
    for words in ("line\nline", "wide wide"):
        expect(tab.log.get_by_text(words).last).to_be_visible()
    expect(page.get_by_role("complementary")).to_be_hidden()
    expect(page.get_by_role("contentinfo")).to_be_hidden()
    expect(page.locator("button:visible")).to_have_count(1)  # the room's name
    assert fits(page)
    heights = (
        "() => [document.body.scrollHeight, document.querySelector('[role=log]').offsetHeight]"
    )
    whole, log = page.evaluate(heights)
    assert whole > log > 50 * 4 * 24 + 100 * 24
    white = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(white) == "oklch(1 0 0)"


# The texts on the page in which a nick is, and that the browser may translate.
_TRANSLATED = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const { data, parentElement } = walker.currentNode;
    if (!/Bobby|def|room-/.test(data) || parentElement.closest("script")) continue;
    if (parentElement.translate) found.push(data);
  }
  return found;
}"""


def test_no_nick_is_translated(enter: Enter, meet: Meet) -> None:
    alice, bob = enter("Alice"), meet("Bobby")
    expect(alice.page.get_by_text("Bobby joined.")).to_be_visible()
    bob.say("`def` @Bobby", "```\ndef\n```")
    expect(alice.log.get_by_role("group", name="Code")).to_be_visible()
    bob.send(type="typing")
    expect(alice.page.get_by_text("\u2068Bobby\u2069 is writing")).to_be_visible()
    alice.composer.press_sequentially("@bo")
    expect(alice.page.get_by_role("listbox").get_by_text("Bobby")).to_be_visible()
    assert alice.page.evaluate(_TRANSLATED) == []
    alice.page.get_by_role("button", name="Mute Bobby").press("Enter")
    expect(alice.log.get_by_text("You muted Bobby.").first).to_be_visible()
    assert alice.page.evaluate(_TRANSLATED) == []
    assert alice.log.get_by_text("def").first.evaluate("(it) => it.closest('[lang]').lang") == ""
