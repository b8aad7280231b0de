"""What the page looks like and where it gets things from."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.tab import Tab, Wire
from tests.servers import ROOT, ChatServer

Enter = Callable[..., Tab]

PHONE = {"width": 360, "height": 740}
LONGEST_NICK = "W" * 32

# Post `count` messages over a WebSocket of its own, and wait for the last.
_FILL = """([room, count, text]) => new Promise((done) => {
  const socket = new WebSocket(`ws://${location.host}/ws`);
  let left = count;
  socket.onopen = () => socket.send(JSON.stringify({ type: "join", room, nick: "Filler" }));
  socket.onmessage = ({ data }) => {
    const event = JSON.parse(data);
    if (event.type === "message") left -= 1;
    if (event.type === "welcome") {
      for (let i = 1; i <= count; i += 1) {
        socket.send(JSON.stringify({ type: "post", id: `fill-${i}`, text: `${text} ${i}` }));
      }
    }
    if (left === 0) socket.close();
  };
  socket.onclose = () => done(left);
})"""

# The contrast of a text with what it stands on, as WCAG 2 counts. OKLCH is drawn to be read.
_CONTRAST = """(element) => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const luminance = (colours) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const grounds = [];
  for (let each = element; each; each = each.parentElement) {
    grounds.unshift(getComputedStyle(each).backgroundColor);
  }
  const [dark, light] = [luminance([...grounds, getComputedStyle(element).color]),
    luminance(grounds)].sort((one, other) => one - other);
  return (light + 0.05) / (dark + 0.05);
}"""


def fits(page: Page) -> bool:
    """Tell whether nothing is wider than the window."""
    return bool(
        page.evaluate(
            """() => [...document.querySelectorAll("*")].every((element) =>
              element.closest("[hidden], .spoken") || !element.checkVisibility() ||
              element.getBoundingClientRect().right <= innerWidth + 0.5)"""
        )
    )


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("fr-FR", ["Entrer", "Copier le lien"]),
        ("fr-CA", ["Entrer"]),
        ("en-US", ["Enter", "Copy link"]),
    ],
)
def test_page_speaks_the_readers_language(open_tab: Enter, locale: str, words: list[str]) -> None:
    tab = open_tab(locale=locale)
    tab.open()
    for word in words:
        expect(tab.page.get_by_role("button", name=word, exact=True)).to_be_visible()
    assert tab.page.evaluate("document.documentElement.lang") == locale[:2]
    tab.enter("Zoé")
    people = "1 personne" if locale.startswith("fr") else "1 person"
    expect(tab.page.get_by_role("heading", name=people, exact=True)).to_be_visible()
    tab.say("Salut")
    today = "Aujourd’hui" if locale.startswith("fr") else "Today"
    expect(tab.log).to_contain_text(re.compile(today.replace("’", "[’']")))


def test_phone_has_no_horizontal_scroll(open_tab: Enter) -> None:
    tab = open_tab(viewport=PHONE, locale="fr-FR", path="/r/" + "m" * 32)
    wire = Wire(tab.page)
    tab.open()
    assert fits(tab.page)
    tab.enter(LONGEST_NICK)
    assert fits(tab.page)
    tab.say("x" * 2000, "word " * 300, "שלום לכולם")
    expect(tab.log.get_by_role("listitem")).to_have_count(3)
    assert fits(tab.page)
    wire.cut = True
    wire.close(1008)  # the longest sentence, and the longest wait
    tab.say("y" * 300)
    expect(tab.page.get_by_role("button", name="Maintenant")).to_be_visible()
    assert fits(tab.page)
    tab.page.get_by_role("button", name="1 personne").click()
    expect(tab.page.get_by_role("dialog").get_by_text(LONGEST_NICK)).to_be_visible()
    assert fits(tab.page)


def test_longest_nick_leaves_room_for_the_words_beside_it(open_tab: Enter) -> None:
    tab = open_tab(viewport={"width": 1440, "height": 900})
    tab.open()
    tab.enter(LONGEST_NICK)
    line = tab.page.get_by_text("you", exact=True).bounding_box()
    assert line is not None
    assert line["height"] < 30


def test_empty_room_shows_its_link_as_people_write_it(open_tab: Enter) -> None:
    tab = open_tab(path="/r/été-2025")
    tab.open()
    tab.enter("Alice")
    expect(tab.page.get_by_text(f"{tab.page.url.split('/r/')[0]}/r/été-2025")).to_be_visible()


def test_banner_moves_nothing(open_tab: Enter) -> None:
    tab = open_tab(viewport=PHONE)
    wire = Wire(tab.page)
    tab.open()
    tab.enter("Alice")
    tab.say("Hello")
    tab.shows("Hello")
    before = [tab.log.bounding_box(), tab.composer.bounding_box()]
    wire.close(1008)
    expect(tab.page.get_by_role("button", name="Now")).to_be_visible()
    assert [tab.log.bounding_box(), tab.composer.bounding_box()] == before


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_contrast_in_both_schemes(open_tab: Enter, scheme: str) -> None:
    tab = open_tab(color_scheme=scheme)
    tab.open()
    tab.enter("Alice")
    tab.say("Hello")
    tab.shows("Hello")
    body = tab.page.locator("body").evaluate(_CONTRAST)
    assert body >= 7
    item = tab.log.get_by_role("listitem")
    for hue in range(12):
        item.evaluate("(item, hue) => { item.className = `message mine hue-${hue}` }", hue)
        for part in (item.get_by_text("Alice"), item.get_by_text("A", exact=True)):
            assert part.evaluate(_CONTRAST) >= 4.5, (hue, part)
    quiet = (
        item.get_by_role("time"),
        tab.people.get_by_text("you"),
        tab.page.get_by_role("button", name="Send"),
        tab.page.get_by_role("button", name="Change my nick"),
    )
    for part in quiet:
        assert part.evaluate(_CONTRAST) >= 4.5, part


def test_targets_are_large_enough_for_a_thumb(enter: Enter) -> None:
    tab = enter("Alice", viewport=PHONE)
    for button in tab.page.get_by_role("button").all():
        box = button.bounding_box()
        assert box is not None
        assert box["width"] >= 44, button
        assert box["height"] >= 44, button


def test_older_messages_come_without_a_jump(
    make_server: Callable[..., ChatServer], open_tab: Enter
) -> None:
    server = make_server(settings={"CHAT_LIMITS": "off"})
    server.start()
    tab = open_tab(base_url=server.url)
    tab.open()
    assert tab.page.evaluate(_FILL, ["general", 130, "message"]) == 0
    tab.enter("Alice")
    items = tab.log.get_by_role("listitem")
    expect(items.last).to_contain_text("message 130")
    expect(items.last).to_be_in_viewport()
    conversation = tab.page.get_by_role("region", name="Conversation")
    conversation.hover()
    while not tab.page.get_by_text("This is where the conversation begins.").is_visible():
        seen = items.first.inner_text().splitlines()[-1]
        items.first.scroll_into_view_if_needed()
        expect(tab.log.get_by_text(seen, exact=True)).to_be_in_viewport()
        if items.count() == 130:
            break
    expect(items).to_have_count(130)
    assert tab.texts() == [f"message {number}" for number in range(1, 131)]


# Go up in steps until the beginning, and tell how often what was in view moved by anything else.
_CLIMB = """async () => {
  const list = document.querySelector("[role=log] ol");
  const scroller = list.closest("[role=region]");
  const frame = () => new Promise(requestAnimationFrame);
  const { top, height, left } = scroller.getBoundingClientRect();
  let jumps = 0;
  while (!scroller.textContent.includes("This is where the conversation begins.")) {
    const item = document.elementFromPoint(left + 200, top + height / 2).closest("li");
    const [before, from] = [item?.getBoundingClientRect().top, scroller.scrollTop];
    scroller.scrollTop -= 300;
    await frame();
    await frame();
    if (!item || from < 400) continue;
    if (Math.abs(item.getBoundingClientRect().top - before - 300) > 2) jumps += 1;
  }
  return jumps;
}"""


def test_hundreds_of_messages_are_climbed_without_a_jump(
    make_server: Callable[..., ChatServer], open_tab: Enter
) -> None:
    server = make_server(settings={"CHAT_LIMITS": "off"})
    server.start()
    tab = open_tab(base_url=server.url, viewport=PHONE)
    tab.open()
    assert tab.page.evaluate(_FILL, ["general", 500, "a message of several lines " * 4]) == 0
    tab.enter("Alice")
    expect(tab.log.get_by_role("listitem").last).to_contain_text("500")
    assert tab.page.evaluate(_CLIMB) == 0
    expect(tab.log.get_by_role("listitem")).to_have_count(500)


def test_scrolled_up_reader_stays_and_is_told(
    make_server: Callable[..., ChatServer], open_tab: Enter
) -> None:
    server = make_server(settings={"CHAT_LIMITS": "off"})
    server.start()
    tab, other = open_tab(base_url=server.url), open_tab(base_url=server.url)
    for each, nick in ((tab, "Alice"), (other, "Bob")):
        each.open()
        each.enter(nick)
    assert tab.page.evaluate(_FILL, ["general", 40, "message"]) == 0
    first = tab.log.get_by_text("message 1", exact=True)
    first.scroll_into_view_if_needed()
    other.say("news")
    button = tab.page.get_by_role("button", name="1 new message")
    expect(button).to_be_visible()
    expect(first).to_be_in_viewport()
    button.click()
    expect(tab.log.get_by_text("news")).to_be_in_viewport()
    expect(button).to_be_hidden()


def test_every_module_is_named_in_the_page(chat_server: ChatServer) -> None:
    page = chat_server.get("/")
    modules = {file.name for file in Path(ROOT, "chat/static/js").glob("*.js")}
    assert set(re.findall(r"/static/js/([\w-]+\.js)", page)) == modules


def test_user_text_never_meets_an_html_parser() -> None:
    for file in Path(ROOT, "chat/static/js").rglob("*.js"):
        for parser in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "DOMParser",
        ):
            assert parser not in file.read_text("utf-8"), file
