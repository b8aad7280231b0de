"""What the page looks like, and which hosts it loads from."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.tab import Tab, Wire
from tests.support.servers import ROOT

pytestmark = pytest.mark.shared

Enter = Callable[..., Tab]

PHONE = {"width": 360, "height": 740}
LONGEST_NICK = "W" * 32

# The contrast of a text with its background, as WCAG 2 defines it. An OKLCH colour is painted on a
# canvas to get its RGB values.
_CONTRAST = """(element) => {
  const canvas = (globalThis.canvasOfContrast ??=
    new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true }));
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


def test_what_is_said_of_the_connection_cuts_no_ordinary_name(open_tab: Enter) -> None:
    tab = open_tab(path="/r/bibliothèque", locale="fr-FR")
    wire = Wire(tab.page)
    tab.open()
    tab.enter("Zoé")
    wire.cut = True
    tab.page.context.set_offline(True)
    wire.close(1012)  # otherwise the page waits eight seconds before it gives up
    expect(tab.state).to_have_text(re.compile("Hors connexion"))
    name = tab.page.get_by_role("heading", name="bibliothèque").locator("bdi")
    for width in (768, 1024, 1440):
        tab.page.set_viewport_size({"width": width, "height": 740})
        assert name.evaluate("(it) => it.scrollWidth <= it.clientWidth"), width
        assert fits(tab.page), width


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
