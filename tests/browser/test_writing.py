"""What is written is neither lost nor changed on its way into the composer, and from there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.tab import Tab, Visitor

pytestmark = pytest.mark.shared

Enter = Callable[..., Tab]
Meet = Callable[..., Visitor]

PHONE = {"width": 360, "height": 740}


# --- Enter ------------------------------------------------------------------------


def test_enter_breaks_the_line_where_the_screen_is_touched(enter: Enter) -> None:
    phone = enter("Alice", viewport=PHONE, has_touch=True, is_mobile=True)
    expect(phone.composer).to_have_attribute("enterkeyhint", "enter")
    expect(phone.composer).to_have_accessible_description(re.compile("The button sends"))
    phone.composer.tap()
    phone.page.keyboard.type("one")
    phone.page.keyboard.press("Enter")
    phone.page.keyboard.type("two")
    expect(phone.composer).to_have_value("one\ntwo")
    phone.page.get_by_role("button", name="Send").tap()
    phone.shows("one\ntwo")
    phone.page.keyboard.type("by a keyboard")
    phone.page.keyboard.press("Control+Enter")
    phone.shows("one\ntwo", "by a keyboard")


# --- drafts -----------------------------------------------------------------------


def test_draft_survives_its_tab_and_tabs_do_not_undo_each_other(enter: Enter) -> None:
    first = enter("Alice")
    first.composer.fill("half a sen")
    second = enter("Alice", context=first.page.context)
    expect(second.composer).to_have_value("")
    second.composer.fill("something else")
    first.composer.press_sequentially("tence")
    for tab, draft in ((first, "half a sentence"), (second, "something else")):
        tab.page.reload()
        expect(tab.composer).to_have_value(draft)
    first.page.close()
    third = enter("Alice", context=second.page.context)
    expect(third.composer).to_have_value("half a sentence")
    third.composer.press("Enter")
    third.shows("half a sentence")
    second.page.reload()
    expect(second.composer).to_have_value("something else")
    third.page.reload()
    third.shows("half a sentence")
    expect(third.composer).to_have_value("")


# --- the reader's place -----------------------------------------------------------


_WITHOUT_FIELD_SIZING = """
  const supports = CSS.supports.bind(CSS);
  CSS.supports = (name, value) => name !== "field-sizing" && supports(name, value);
"""


def without_field_sizing(route: Route) -> None:
    """Give the style sheet to a browser that does not know `field-sizing`."""
    sheet = route.fetch()
    route.fulfill(response=sheet, body=sheet.text().replace("field-sizing", "x-field-sizing"))


def test_place_is_kept_while_the_composer_grows_without_field_sizing(
    open_tab: Enter, meet: Meet
) -> None:
    meet("Bob").say(*(f"message {number}" for number in range(24)))
    tab = open_tab(viewport=PHONE, service_workers="block")
    tab.page.route("**/main-*.css", without_field_sizing)
    tab.page.add_init_script(_WITHOUT_FIELD_SIZING)
    tab.open()
    tab.enter("Alice")
    expect(tab.log.get_by_role("listitem")).to_have_count(24)
    latest = tab.page.get_by_role("button", name="Latest messages")
    conversation = tab.page.get_by_role("region", name="Conversation")
    for letters in ("", "200%"):
        tab.page.evaluate("(size) => { document.documentElement.style.fontSize = size }", letters)
        heights = [written(tab, latest)]
        for _ in range(8):
            tab.page.keyboard.press("Shift+Enter")
            heights.append(written(tab, latest))
        tab.page.keyboard.type("and a long line that is broken where the field ends, and once more")
        heights.append(written(tab, latest))
        assert heights[0] < heights[1] < heights[2]
        assert heights[-2] == heights[-1] == max(heights)
        grown = heights[-1]
        tab.page.keyboard.press("Enter")
        expect(tab.composer).to_have_value("")
        assert written(tab, latest) == heights[0] < grown
        tab.composer.fill("x\nx\nx\nx")
        tab.page.keyboard.press("Backspace")
        tab.page.keyboard.press("Backspace")
        assert heights[0] < written(tab, latest) < grown
        tab.composer.fill("")
    # A reader elsewhere is not moved either.
    tab.page.evaluate("document.documentElement.style.fontSize = ''")
    written(tab, latest)  # a view that is resized in the same frame was moved by the browser
    conversation.evaluate("(it) => { it.scrollTop = 300 }")
    expect(latest).to_be_visible()
    top = conversation.evaluate("(it) => it.scrollTop")
    tab.composer.fill("line\n" * 7)
    tab.composer.press_sequentially("x")
    tab.composer.fill("")
    assert conversation.evaluate("(it) => it.scrollTop") == top
    expect(latest).to_be_visible()


_BELOW = "(it) => it.scrollHeight - it.scrollTop - it.clientHeight"


def written(tab: Tab, latest: Locator) -> float:
    """See that the reader is still at the end; give the composer's height."""
    tab.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    expect(latest).to_be_hidden()
    below = tab.page.get_by_role("region", name="Conversation").evaluate(_BELOW)
    assert below <= 1
    box = tab.composer.bounding_box()
    assert box is not None
    return box["height"]


# --- what is dropped and pasted ---------------------------------------------------


def drop(page: Page, on: Locator, **content: Any) -> None:
    """Drop files or text there, as the browser's window does."""
    box = on.bounding_box()
    assert box is not None
    data = {"items": [], "dragOperationsMask": 1, **content}
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "data": data, **at})


_COPY = """async (content) => {
  const bytes = (text) => Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  const parts = Object.entries(content).map(([type, value]) =>
    [type, new Blob([type === "image/png" ? bytes(value) : value], { type })]);
  await navigator.clipboard.write([new ClipboardItem(Object.fromEntries(parts))]);
}"""
_PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)


class Elsewhere:
    """Another page of the same browser, from which things are copied."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab
        self._page = tab.page.context.new_page()
        self._page.goto("/status")

    def paste(self, **content: str) -> None:
        """Copy something here, and paste it into the composer there."""
        names = {"plain": "text/plain", "html": "text/html", "png": "image/png"}
        self._page.bring_to_front()
        self._page.evaluate(_COPY, {names[name]: value for name, value in content.items()})
        self._tab.page.bring_to_front()
        self._tab.composer.press("Control+V")


def test_files_are_answered_and_lose_nothing(enter: Enter, tmp_path: Path) -> None:
    tab = enter("Alice", locale="fr-FR", permissions=["clipboard-read", "clipboard-write"])
    page, elsewhere = tab.page, Elsewhere(tab)
    file = tmp_path / "file.txt"
    file.write_text("from the disk")
    notice = page.get_by_role("alert").filter(has_text="Tchat n’envoie pas de fichiers.")
    tab.composer.fill("written ")
    for place in (tab.composer, tab.log, page.get_by_role("banner")):
        drop(page, place, files=[str(file)])
        expect(notice).to_be_visible()
        notice.get_by_role("button").click()
        expect(notice).to_be_hidden()
    tab.composer.press("End")
    elsewhere.paste(png=_PNG)
    expect(notice).to_be_visible()
    notice.get_by_role("button").click()
    expect(tab.composer).to_have_value("written ")
    # Text with its picture is text. Links are text in a field, and lead nowhere beside it.
    elsewhere.paste(plain="1\t2\r\n3", html="<table><tr><td>1", png=_PNG)
    expect(tab.composer).to_have_value("written 1\t2\n3")
    link = {"mimeType": "text/uri-list", "data": "https://example.org/"}
    drop(page, tab.log, items=[link])
    tab.composer.fill("")
    drop(page, tab.composer, items=[{"mimeType": "text/plain", "data": "dropped"}])
    expect(tab.composer).to_have_value("dropped")
    tab.composer.fill("")
    drop(page, tab.composer, items=[link, {**link, "mimeType": "text/plain"}])
    expect(tab.composer).to_have_value("https://example.org/")
    expect(notice).to_be_hidden()


_PAGE = """<meta charset="utf-8"><style>p { color: red }</style><script>alert(1)</script>
<h2>List</h2><ul><li>one</li><li>two
 words</li></ul><p style="color: red" title='a > b'>a<br>b <b>bold</b></p><div>c</div><pre>def f():
    return 1</pre><table><tr><td>x</td><td>y</td></tr><tr><td>z</td></tr></table>
<img src="x" onerror="document.title = 'owned'">"""
_LINES = ["List", "one", "two words", "a", "b bold", "c", "def f():", "    return 1", "x\ty", "z"]


def test_pasted_text_keeps_its_lines(enter: Enter, home: str) -> None:
    tab = enter("Alice", permissions=["clipboard-read", "clipboard-write"])
    elsewhere = Elsewhere(tab)
    expect(tab.page.get_by_role("button", name="Insert an emoji")).to_be_visible()
    tab.composer.fill("before ")
    tab.composer.press("End")
    elsewhere.paste(html=_PAGE)
    expect(tab.composer).to_have_value(re.compile("return"))
    lines = [line for line in tab.composer.input_value().splitlines() if line]
    assert lines == ["before " + _LINES[0], *_LINES[1:]]
    tab.composer.press("Control+Z")
    expect(tab.composer).to_have_value("before ")
    # Plain text that has lost its lines gets them back; if it has lines or other words, it stays.
    for html, plain, pasted in (
        ("<p>one</p><p>two</p>", "one two", "one\n\ntwo"),
        ("<p>one</p><p>two</p>", "one\r\ntwo", "one\ntwo"),
        ("<p>one</p><p>two</p>", "1 2", "1 2"),
        ("<b>one</b>", " one\ttwo", " one\ttwo"),
    ):
        tab.composer.fill("")
        elsewhere.paste(html=html, plain=plain)
        expect(tab.composer).to_have_value(pasted)
    assert tab.page.title() == f"{home} · Tchat"


def test_text_is_shown_as_it_will_be_kept(enter: Enter, meet: Meet) -> None:
    tab, other = enter("Alice"), meet("Bob")
    tab.page.context.set_offline(True)
    tab.page.evaluate("dispatchEvent(new Event('offline'))")
    tab.say("\n \n  1  2\n 10\u202820\x07  \n")
    kept = "  1  2\n 10\n20"
    expect(tab.waiting).to_have_count(1)
    shown = "(item) => item.querySelector('.text').textContent"
    assert tab.waiting.evaluate(shown) == kept
    tab.page.context.set_offline(False)
    tab.wake()
    other.expect("message", text=kept)
    expect(tab.waiting).to_have_count(0)
