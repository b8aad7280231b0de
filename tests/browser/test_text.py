"""What the text of a message may contain, and what helps to write it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Route, expect

from tests.browser.conftest import Watch
from tests.browser.tab import Tab, Visitor
from tests.browser.test_page import _CONTRAST, PHONE, fits
from tests.support.servers import ChatServer

pytestmark = pytest.mark.shared

Enter = Callable[..., Tab]
Meet = Callable[..., Visitor]

_CORPUS = Path(__file__).parents[1] / "corpus"
_CLIPBOARD = ["clipboard-read", "clipboard-write"]


@pytest.fixture
def enter(enter: Enter) -> Enter:
    """Enter, and wait for the scripts that show rich text and help to write it."""

    def enter_and_wait(nick: str, **options: Any) -> Tab:
        tab = enter(nick, **options)
        name = re.compile("^(Insert an emoji|Insérer un émoji)$")
        expect(tab.page.get_by_role("button", name=name)).to_be_visible()
        return tab

    return enter_and_wait


def last(tab: Tab) -> Locator:
    """Find the last message."""
    return tab.log.get_by_role("listitem").last


def options(tab: Tab) -> Locator:
    """Find the list of suggestions."""
    return tab.page.get_by_role("listbox", name="Suggestions").get_by_role("option")


# What a reader sees of each message, and what its elements say was written.
_SEEN = """(log) => [...log.querySelectorAll(".text")].map((text) => {
  const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
  let seen = "", written = "";
  while (walker.nextNode()) {
    const { data, parentElement } = walker.currentNode;
    const within = (selector) => parentElement.closest(selector);
    if (parentElement.checkVisibility() && !within("button")) seen += data;
    const drawn = within("[data-written]");
    if (drawn) written += drawn.dataset.written;
    else if (!within("[data-unwritten]")) written += data;
  }
  return { seen: seen.replaceAll("\\n", ""), written };
})"""


def test_markup_is_shown_to_both(enter: Enter) -> None:
    alice, bob = enter("Alice"), enter("Bob")
    alice.say("**bold** *slanted* ~~gone~~ `code`\nsecond line")
    for tab in (alice, bob):
        message = last(tab)
        for role, words in (("strong", "bold"), ("emphasis", "slanted"), ("deletion", "gone")):
            expect(message.get_by_role(role)).to_have_text(words, use_inner_text=True)
        expect(message.get_by_role("code")).to_have_text("code")
        text = message.get_by_role("paragraph").last.inner_text()
        assert text == "bold slanted gone code\nsecond line"


def test_quotes_and_lists(enter: Enter) -> None:
    tab = enter("Alice")
    tab.say("> said before\nno:\n- one\n- two\nbye")
    message = tab.log.get_by_role("listitem").first
    expect(message.get_by_role("blockquote")).to_have_text("said before", use_inner_text=True)
    items = message.get_by_role("list").get_by_role("listitem")
    expect(items).to_have_text(["- one", "- two"], use_inner_text=True)
    tab.say("1. one\n1. " + "two " * 99)
    expect(last(tab)).to_contain_text("two two")
    lefts = last(tab).evaluate("""(item) => {
      const range = document.createRange();
      range.setStartAfter(item.querySelector(".item"));
      range.setEndAfter(item.lastChild);
      const lines = Object.groupBy([...range.getClientRects()], ({ top }) => top);
      return Object.values(lines).map((rects) => Math.min(...rects.map(({ left }) => left)));
    }""")
    assert len(lefts) > 1
    assert len(set(lefts)) == 1, "the lines of an item begin at one place"


def test_links_are_safe_and_do_not_lie(enter: Enter) -> None:
    tab = enter("Alice")
    tab.say("see www.example.org/a_b. and [bank.example](http://other.example/guide)")
    links = last(tab).get_by_role("link")
    names = ["www.example.org/a_b", "bank.example (other.example)"]
    expect(links).to_have_text(names, use_inner_text=True)
    addresses = ["https://www.example.org/a_b", "http://other.example/guide"]
    for link, name, address in zip(links.all(), names, addresses, strict=True):
        expect(link).to_have_accessible_name(name)
        expect(link).to_have_attribute("href", address)
        expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
        expect(link).to_have_attribute("target", "_blank")
    assert last(tab).locator("[title]:not(time)").count() == 0


_HOSTILE = (
    "[x](javascript:alert(1)) <javascript:alert(1)> javascript:alert(1)",
    "[x](data:text/html,<script>alert(1)</script>) ![x](data:image/png;base64,AAAA)",
    "<script>document.title='owned'</script> **x**",
    "**x** <img src=x onerror=\"document.title='owned'\"> <svg onload=alert(1)>",
    "[x](//evil.example) [y](/r/other) ftp://x.org mailto:a@b.org",
    "```\n</code></pre><script>document.title='owned'</script>\n```",
    '```"><img/src=x/onerror=alert(1)>\nx\n```',
    "# title\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n---",
)


def test_hostile_text_makes_nothing_but_text(enter: Enter, home: str) -> None:
    tab = enter("Alice")
    for number, text in enumerate(_HOSTILE, 1):
        tab.say(text)
        expect(tab.log.get_by_role("listitem")).to_have_count(number)
    tab.say("*after*")
    expect(last(tab).get_by_role("emphasis")).to_be_visible()
    for role in ("link", "img", "heading", "table", "separator"):
        assert tab.log.get_by_role(role).count() == 0, role
    assert tab.log.locator("script, img:not([aria-hidden]), iframe, style").count() == 0
    expect(tab.page).to_have_title(re.compile(f"^{home}"))


def test_what_was_written_is_what_is_shown(
    make_server: Callable[..., ChatServer], enter: Enter, meet: Meet
) -> None:
    server = make_server(settings={"CHAT_LIMITS": "off"})
    server.start()
    tab, bob = enter("Alice", viewport=PHONE, base_url=server.url), meet("Bob", server=server)
    expected = [(text, text) for text in (_CORPUS / "plain.txt").read_text().split("\n%%\n")]
    expected += json.loads((_CORPUS / "styled.json").read_text())
    posted = [bob.post(text)["text"] for text, _ in expected]
    bob.say("*after*")
    expect(last(tab).get_by_role("emphasis")).to_be_visible()
    *shown, _ = tab.log.evaluate(_SEEN)
    assert [each["written"] for each in shown] == posted
    for each, (text, seen) in zip(shown, expected, strict=True):
        assert each["seen"].strip() == seen.replace("\n", "").strip(), text
    assert fits_but_code(tab)
    hostile_texts_do_not_hang(tab)


def hostile_texts_do_not_hang(tab: Tab) -> None:
    """Say texts of two thousand odd characters."""
    parts = ("*", "[", ">", "> ", "`", "_", "- ", "![", "**a", "\n>", "@", ":")
    for number, part in enumerate(parts, 1):
        tab.say(part * (1990 // len(part)) + f"x{number}")
        expect(tab.log.get_by_text(re.compile(f"x{number}$"))).to_be_visible()
        tab.say("*after*")
        expect(last(tab).get_by_role("emphasis")).to_be_visible()
        assert fits(tab.page)


def test_code_is_copied_and_coloured(enter: Enter) -> None:
    tab = enter("Alice", permissions=_CLIPBOARD)
    source = "def greet(name):\n    return 42"
    tab.say(f"```python\n{source}\n```")
    code = last(tab).get_by_role("group", name="Code")
    expect(code).to_have_text(source)
    ink = code.evaluate("(element) => getComputedStyle(element).color")
    keyword = code.get_by_text("def", exact=True)
    expect(keyword).to_be_visible()
    assert keyword.evaluate("(element) => getComputedStyle(element).color") != ink
    last(tab).get_by_role("button", name="Copy code").click()
    expect(last(tab).get_by_role("button", name="Code copied")).to_be_visible()
    expect(tab.page.get_by_role("status").filter(has_text="Code copied")).to_be_attached()
    assert tab.page.evaluate("navigator.clipboard.readText()") == source


def test_code_is_copied_without_a_clipboard_too(enter: Enter) -> None:
    tab = enter("Alice", permissions=_CLIPBOARD)  # as on http://192.168.…
    tab.page.evaluate("""() => {
      globalThis.clipboard = navigator.clipboard;
      Object.defineProperty(navigator, 'clipboard', { value: undefined });
    }""")
    tab.say("```\none\ntwo\n```")
    last(tab).get_by_role("button", name="Copy code").click()
    expect(last(tab).get_by_role("button", name="Code copied")).to_be_visible()
    assert tab.page.evaluate("clipboard.readText()") == "one\ntwo"


def test_wide_code_scrolls_by_itself_and_by_keyboard(enter: Enter) -> None:
    tab = enter("Alice", viewport=PHONE)
    tab.say("```\n" + "wide " * 60 + "\n```")
    code = last(tab).get_by_role("group", name="Code")
    expect(code).to_be_visible()
    assert fits_but_code(tab)
    code.focus()
    tab.page.keyboard.press("ArrowRight")
    tab.page.wait_for_function("(code) => code.scrollLeft > 0", arg=code.element_handle())


def fits_but_code(tab: Tab) -> bool:
    """Tell whether the conversation scrolls only up and down."""
    region = tab.page.get_by_role("region", name="Conversation")
    return bool(region.evaluate("(element) => element.scrollWidth <= element.clientWidth"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_part_of_a_text_has_contrast(enter: Enter, meet: Meet, scheme: str) -> None:
    alice, bob = enter("Alice", color_scheme=scheme), meet("Bob")
    expect(alice.people).to_have_count(2)
    text = "> a quote\n\n`code` https://example.org @Alice @Bob\n\n- item\n\n"
    source = 'def f(x: str) -> None:\n    # note\n    return len("text") + 42\n'
    for each in (alice, bob):
        each.say(f"{text}```python\n{source}```")
    expect(alice.log.get_by_text("return", exact=True)).to_have_count(2)
    ratios = alice.log.evaluate(f"""(log) => {{
      const contrast = {_CONTRAST};
      const parts = [...log.querySelectorAll("*")].filter((element) => element.checkVisibility() &&
        [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
      return parts.map((element) => [element.textContent, contrast(element)]);
    }}""")
    assert len(ratios) > 20
    assert [each for each in ratios if each[1] < 4.5] == []


def test_short_codes_become_emoji(enter: Enter) -> None:
    alice, bob = enter("Alice"), enter("Bob", locale="fr-FR")
    alice.say("done :tada: at 10:30:45 `:tada:`")
    for tab in (alice, bob):
        expect(last(tab)).to_contain_text("done 🎉 at 10:30:45", use_inner_text=True)
        expect(last(tab).get_by_role("code")).to_have_text(":tada:")
        assert tab.log.evaluate(_SEEN)[-1]["written"] == "done :tada: at 10:30:45 `:tada:`"


def test_mention_is_completed_and_stands_out_for_whom_it_is(enter: Enter) -> None:
    alice, bob = enter("Alice"), enter("Bob 2")
    expect(alice.people.filter(has_text="Bob 2")).to_be_visible()
    alice.composer.press_sequentially("Hello @bo")
    expect(options(alice)).to_have_text([re.compile("Bob 2")])
    alice.composer.press("ArrowDown")
    expect(options(alice).first).to_have_attribute("aria-selected", "true")
    active = alice.composer.get_attribute("aria-activedescendant")
    assert options(alice).first.get_attribute("id") == active
    alice.composer.press("Enter")
    expect(alice.composer).to_have_value("Hello @Bob 2 ")
    expect(options(alice)).to_have_count(0)
    alice.composer.press("Enter")
    expect(last(bob).get_by_role("mark")).to_have_text("@Bob 2")
    expect(last(alice)).to_contain_text("@Bob 2")
    assert last(alice).get_by_role("mark").count() == 0


def test_enter_sends_what_was_typed_whatever_is_suggested(enter: Enter, meet: Meet) -> None:
    alice, _bob = enter("Alice"), meet("Bob")
    expect(alice.people.filter(has_text="Bob")).to_be_visible()
    alice.composer.press_sequentially("done :tad")  # from now on the emoji are there
    expect(options(alice).first).to_contain_text("🎉")
    alice.composer.press("Enter")
    alice.composer.press_sequentially("Hello @bo")
    expect(options(alice).first).to_contain_text("Bob")
    alice.composer.press("Enter")
    alice.composer.press_sequentially("Score :10")
    expect(options(alice)).not_to_have_count(0)
    alice.composer.press("ArrowDown")
    expect(options(alice).first).to_have_attribute("aria-selected", "true")
    alice.composer.press_sequentially("0")  # whoever types on has not chosen
    expect(options(alice).first).to_have_attribute("aria-selected", "false")
    alice.composer.press("Enter")
    for text in ("Score :10", "@Bob", "see you @", "@Bob hello", "at 10:30", "well :)"):
        alice.composer.press_sequentially(text)
        alice.composer.press("Enter")
        expect(alice.composer).to_have_value("")
        expect(options(alice)).to_have_count(0)
    alice.shows(
        *("done :tad", "Hello @bo", "Score :100", "Score :10"),
        *("@Bob", "see you @", "@Bob hello", "at 10:30", "well :)"),
    )


def test_completion_that_comes_late_takes_no_enter(enter: Enter) -> None:
    tab = enter("Alice", service_workers="block")
    held: list[Route] = []
    tab.page.route("**/en-*.json", lambda route: held.append(route))  # noqa: PLW0108
    expect(tab.page.get_by_role("button", name="Insert an emoji")).to_be_visible()
    with tab.page.expect_request("**/en-*.json"):
        tab.composer.press_sequentially("done :tada")
    tab.composer.press("Enter")
    tab.shows("done :tada")
    with tab.page.expect_response("**/en-*.json"):
        held[0].continue_()
    tab.composer.press_sequentially("and :tad")
    expect(options(tab).first).to_contain_text("🎉")
    expect(tab.composer).to_have_value("and :tad")


def test_completion_by_arrow_tab_escape_and_click(enter: Enter, meet: Meet) -> None:
    alice, _bob, _bea = enter("Alice"), meet("Bob"), meet("Béa")
    expect(alice.people).to_have_count(3)
    alice.composer.press_sequentially("@b")
    expect(options(alice)).to_have_count(2)
    alice.composer.press("ArrowDown")
    alice.composer.press("ArrowDown")
    expect(options(alice).nth(1)).to_have_attribute("aria-selected", "true")
    alice.composer.press("Tab")
    expect(alice.composer).to_have_value("@Bob ")
    alice.composer.press_sequentially("@b")
    alice.composer.press("Escape")
    expect(options(alice)).to_have_count(0)
    expect(alice.composer).to_have_value("@Bob @b")
    alice.composer.press_sequentially("e")
    options(alice).filter(has_text="Béa").click()
    expect(alice.composer).to_have_value("@Bob @Béa ")
    expect(alice.composer).to_be_focused()
    alice.composer.press_sequentially("@bo")
    expect(options(alice).first).to_contain_text("Tab")  # it takes what is surely meant
    alice.composer.press("Tab")
    expect(alice.composer).to_have_value("@Bob @Béa @Bob ")


def test_tab_goes_on_where_nothing_is_chosen(enter: Enter, meet: Meet) -> None:
    alice, _bob = enter("Alice"), meet("Bob")
    expect(alice.people).to_have_count(2)
    alice.composer.press_sequentially("see you @")
    expect(options(alice)).to_have_count(1)
    alice.composer.press("Tab")
    expect(alice.composer).to_have_value("see you @")
    expect(alice.composer).not_to_be_focused()
    expect(options(alice)).to_have_count(0)


def test_suggestions_are_told_to_screen_readers(enter: Enter, meet: Meet) -> None:
    alice, _bob = enter("Alice", locale="fr-FR"), meet("Bob")
    expect(alice.page.get_by_role("heading", name="2 personnes")).to_be_visible()
    alice.composer.press_sequentially("@b")
    told = alice.page.get_by_role("status").filter(has_text="1 suggestion\u00a0: Tab insère")
    expect(told).to_be_attached()
    alice.composer.press("Escape")
    expect(told).not_to_be_attached()


def test_emoji_complete_by_name(enter: Enter) -> None:
    tab = enter("Alice", locale="fr-FR")
    tab.composer.press_sequentially("bravo :tad")
    expect(options(tab).first).to_contain_text("🎉")
    tab.composer.press("ArrowDown")
    tab.composer.press("Enter")
    expect(tab.composer).to_have_value("bravo 🎉 ")


def test_emoji_picker_by_keyboard(enter: Enter) -> None:
    tab = enter("Alice")
    tab.composer.press_sequentially("ab")
    tab.composer.press("ArrowLeft")
    tab.page.get_by_role("button", name="Insert an emoji").press("Enter")
    picker = tab.page.get_by_role("dialog", name="Emoji")
    search = picker.get_by_role("combobox", name="Search for an emoji")
    expect(search).to_be_focused()
    search.fill("party popper")
    expect(picker.get_by_role("option", name="party popper")).to_have_attribute(
        "aria-selected", "true"
    )
    search.press("Enter")
    expect(picker).to_be_hidden()
    expect(tab.composer).to_have_value("a🎉b")
    expect(tab.composer).to_be_focused()
    tab.page.get_by_role("button", name="Insert an emoji").click()
    recent = picker.get_by_role("group", name="Recently used")
    expect(recent.get_by_role("option")).to_have_text(["🎉"])
    search.fill("nothing at all")
    expect(picker.get_by_role("status")).to_have_text("No emoji by that name.")
    search.press("Escape")
    expect(picker).to_be_hidden()
    expect(tab.composer).to_be_focused()


def test_emoji_picker_on_a_phone(enter: Enter) -> None:
    tab = enter("Alice", viewport=PHONE, locale="fr-FR", has_touch=True, is_mobile=True)
    tab.page.get_by_role("button", name="Insérer un émoji").tap()
    picker = tab.page.get_by_role("dialog", name="Émojis")
    expect(picker).to_be_in_viewport(ratio=1)
    assert fits_but_code(tab)
    for button in picker.get_by_role("button").all():
        box = button.bounding_box()
        assert box is not None
        assert box["width"] >= 44, button
        assert box["height"] >= 44, button
    picker.get_by_role("button", name="Animaux et nature").tap()
    animal = picker.get_by_role("group", name="Animaux et nature").get_by_role("option").first
    expect(animal).to_be_in_viewport()
    face = animal.inner_text()
    animal.tap()
    expect(tab.composer).to_have_value(face)


def test_emoji_that_cannot_be_fetched_is_said(enter: Enter) -> None:
    tab = enter("Alice", service_workers="block")
    tab.page.route("**/en-*.json", lambda route: route.abort())
    button = tab.page.get_by_role("button", name="Insert an emoji")
    button.click()
    expect(tab.page.get_by_role("alert").filter(has_text="could not be fetched")).to_be_visible()
    tab.page.unroute("**/en-*.json")
    button.click()
    expect(tab.page.get_by_role("dialog", name="Emoji")).to_be_visible()


def test_text_without_its_renderer_is_shown_as_written(open_tab: Enter) -> None:
    tab = open_tab(service_workers="block")
    tab.page.route("**/with-text-*.js", lambda route: route.abort())
    tab.open()
    tab.enter("Alice")
    tab.say("**bold**")
    tab.shows("**bold**")
    tab.page.unroute("**/with-text-*.js")


def test_page_lets_no_other_road_for_html(enter: Enter, watch: Watch) -> None:
    tab = enter("Alice")
    tab.say("```js\nlet ours\n```")
    expect(last(tab).get_by_text("let", exact=True)).to_be_visible()
    for attempt in (
        "trustedTypes.createPolicy('mine', { createHTML: (html) => html })",
        "trustedTypes.createPolicy('dompurify', { createHTML: (html) => html })",
        "document.body.innerHTML = '<b>x</b>'",
    ):
        assert tab.page.evaluate(f"() => {{ try {{ {attempt}; }} catch {{ return true; }} }}")
    assert all("Trusted" in each for each in watch.complaints)
    watch.complaints.clear()
