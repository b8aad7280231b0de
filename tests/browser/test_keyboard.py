"""Everything can be done with the keyboard alone, and the focus can always be seen."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.tab import Tab, Visitor, Wire
from tests.browser.test_page import _CONTRAST
from tests.support.logs import Past
from tests.support.servers import ChatServer

pytestmark = pytest.mark.shared

Enter = Callable[..., Tab]
Meet = Callable[..., Visitor]

_TABS = 60  # more than there are stops on any page here


def focused(page: Page) -> Locator:
    """Find what has the focus."""
    return page.locator(":focus")


def tab_to(page: Page, wanted: Locator, key: str = "Tab") -> None:
    """Press Tab until `wanted` has the focus."""
    expect(wanted).to_be_visible()
    for _ in range(_TABS):
        if wanted.evaluate("(element) => element === document.activeElement"):
            return
        page.keyboard.press(key)
    raise AssertionError(f"Tab does not lead to {wanted}")


def press(page: Page, wanted: Locator, key: str = "Tab") -> None:
    """Press a button by the keyboard alone."""
    tab_to(page, wanted, key)
    page.keyboard.press("Enter")


def test_keyboard_alone_does_everything(
    make_server: Callable[..., ChatServer], open_tab: Enter, meet: Meet
) -> None:
    server = make_server(settings={"CHAT_LIMITS": "off"})
    server.fill("general", [Past("Old", f"old {n}", n) for n in range(1, 121)])
    server.start()
    bob = meet("Bob", server=server)
    alice = open_tab(base_url=server.url, permissions=["clipboard-read", "clipboard-write"])
    page, keyboard = alice.page, alice.page.keyboard
    wire = Wire(page)
    dialog = page.get_by_role("dialog").filter(visible=True)

    def button(name: str) -> Locator:
        return page.get_by_role("button", name=name, exact=True).filter(visible=True)

    # Enter the room, and write.
    alice.open()
    expect(alice.nick).to_be_focused()
    keyboard.type("Alice")
    keyboard.press("Enter")
    expect(alice.composer).to_be_focused()
    keyboard.type("Hello ")
    expect(button("Insert an emoji")).to_be_visible()
    press(page, button("Insert an emoji"))
    expect(dialog.get_by_role("combobox")).to_be_focused()
    keyboard.type("party popper")
    keyboard.press("Enter")
    expect(alice.composer).to_be_focused()
    keyboard.press("Enter")
    bob.expect("message", text="Hello 🎉")

    # Read the older messages up to the first one, and come back.
    items = alice.log.get_by_role("listitem")
    last = items.last
    for _ in range(_TABS):
        if items.count() == 121 and items.first.is_visible():
            break
        keyboard.press("PageUp")
    expect(items).to_have_count(121)
    expect(last).not_to_be_in_viewport()
    expect(alice.composer).to_be_focused()
    keyboard.press("Escape")
    expect(last).to_be_in_viewport()
    keyboard.press("PageUp")
    press(page, button("Latest messages"), "Shift+Tab")
    expect(last).to_be_in_viewport()
    expect(alice.composer).to_be_focused()

    # Mute somebody, and unmute them in the settings.
    press(page, button("Mute Bob"))
    expect(button("Unmute Bob")).to_be_focused()
    keyboard.press("Escape")
    expect(alice.composer).to_be_focused()
    press(page, button("Settings"), "Shift+Tab")
    box = page.get_by_role("dialog", name="Settings")
    press(page, box.get_by_role("button", name="Unmute Bob"))
    expect(box.get_by_role("button", name="Close")).to_be_focused()
    press(page, box.get_by_role("button", name="Keyboard shortcuts"), "Shift+Tab")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    keyboard.press("Escape")
    expect(box.get_by_role("button", name="Keyboard shortcuts")).to_be_focused()
    keyboard.press("Escape")
    expect(button("Settings")).to_be_focused()

    # Change the nick, and copy the link.
    press(page, button("Change my nick"))
    keyboard.type("Alix")  # over the old one, which is selected
    keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    bob.expect("renamed", was="Alice")
    expect(button("Change my nick")).to_be_focused()
    press(page, button("Copy link"), "Shift+Tab")
    expect(button("Link copied")).to_be_visible()

    # Send again, or delete, a post that could not be sent.
    keyboard.press("Escape")
    wire.refusals["post"] = {"code": "banned"}
    keyboard.type("first")
    keyboard.press("Enter")
    keyboard.type("second")
    keyboard.press("Enter")
    expect(button("Delete")).to_have_count(2)
    press(page, button("Delete").last, "Shift+Tab")
    expect(alice.waiting).to_have_count(1)
    expect(alice.composer).to_be_focused()
    wire.refusals.clear()
    press(page, button("Try again"), "Shift+Tab")
    bob.expect("message", text="first")
    expect(alice.composer).to_be_focused()

    # Make a room, and go there.
    press(page, button("general"), "Shift+Tab")
    expect(dialog).to_be_visible()
    keyboard.press("Escape")
    expect(button("general")).to_be_focused()
    keyboard.press("Enter")
    press(page, button("Show QR code"))
    expect(page.get_by_role("img")).to_be_visible()
    keyboard.press("Escape")
    expect(button("Show QR code")).to_be_focused()
    tab_to(page, page.get_by_role("textbox", name="Make or enter a room"))
    keyboard.type("garden")
    keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/r/garden$"))
    expect(alice.composer).to_be_focused()
    keyboard.type("Here")
    keyboard.press("Enter")
    alice.shows("Here")


@pytest.mark.parametrize("keys", ["Control+/", "Meta+/", "Control+Shift+/"])
def test_shortcuts_are_listed_from_anywhere(open_tab: Enter, keys: str) -> None:
    tab = open_tab(locale="fr-FR")
    tab.open()
    tab.nick.press(keys)
    box = tab.page.get_by_role("dialog", name="Raccourcis clavier")
    expect(box).to_contain_text("Échap")
    box.press("Escape")
    expect(box).to_be_hidden()
    expect(tab.nick).to_be_focused()


def test_keys_that_are_for_writing_are_for_the_composer(enter: Enter, meet: Meet) -> None:
    tab = enter("Alice", permissions=["clipboard-read", "clipboard-write"])
    meet("Bob").say("something to click on")
    page, keyboard = tab.page, tab.page.keyboard
    words = tab.log.get_by_text("something to click on")
    keyboard.type("?/ ?")  # a letter alone is no shortcut
    words.click()
    expect(tab.composer).not_to_be_focused()
    keyboard.type("né /€")  # only "/" as the first would search
    expect(tab.composer).to_have_value("?/ ?né /€")
    expect(page.get_by_role("dialog").filter(visible=True)).to_have_count(0)

    # What is selected can be copied, and pasted into the composer.
    words.click(click_count=3)
    keyboard.press("Control+c")
    expect(tab.composer).not_to_be_focused()
    tab.composer.fill("1: ")
    words.click()
    keyboard.press("Control+v")
    expect(tab.composer).to_have_value(re.compile("^1: something to click on"))
    words.click()
    keyboard.press("Space")  # in the middle of a text, it writes
    expect(tab.composer).to_have_value(re.compile(r"click on\s* $"))
    tab.composer.fill("")
    words.click()
    keyboard.press("Space")  # else it scrolls
    expect(tab.composer).not_to_be_focused()

    # Keys that wait for the next one, and those of AltGr, which look like Ctrl and Alt on Windows.
    for key in (
        "{ key: 'Dead' }",
        "{ key: '@', ctrlKey: true, altKey: true, modifierAltGraph: true }",
    ):
        words.click()
        expect(tab.composer).not_to_be_focused()
        page.evaluate(
            f"document.activeElement.dispatchEvent(new KeyboardEvent('keydown', "
            f"{{ bubbles: true, ...{key} }}))"
        )
        expect(tab.composer).to_be_focused()

    # Other fields, and buttons that the space bar presses, keep their keys.
    page.get_by_role("button", name="Settings").focus()
    keyboard.press("Space")
    expect(page.get_by_role("dialog", name="Settings")).to_be_visible()
    keyboard.type("x")
    keyboard.press("Escape")
    page.get_by_role("button", name="Insert an emoji").click()
    expect(page.get_by_role("combobox")).to_be_focused()
    keyboard.type("fox")
    expect(page.get_by_role("combobox")).to_have_value("fox")
    keyboard.press("Escape")
    expect(tab.composer).to_have_value("")

    tab.composer.fill("line\n" * 20)
    tab.composer.press("PageUp")  # a long text scrolls by itself
    tab.composer.press("PageUp")
    expect(tab.composer).to_be_focused()
    assert tab.composer.evaluate("(area) => area.selectionStart") < 100


_COLOURS: tuple[tuple[Literal["light", "dark"], Literal["none", "active"]], ...] = (
    ("light", "none"),
    ("dark", "none"),
    ("light", "active"),
)


def test_focus_is_always_visible(enter: Enter, meet: Meet, home: str) -> None:
    tab = enter("Alice")
    meet("Bob").say("https://example.org\n```\ncode\n```")
    expect(tab.log.get_by_role("link")).to_be_visible()
    expect(tab.page.get_by_role("button", name="Mute Bob")).to_be_visible()
    for scheme, colours in _COLOURS:
        tab.page.emulate_media(color_scheme=scheme, forced_colors=colours)
        walk_in_sight(tab.page)
        for opener in ("Settings", home, "Change my nick"):
            tab.page.get_by_role("button", name=opener, exact=True).press("Enter")
            expect(tab.page.get_by_role("dialog").filter(visible=True)).to_be_visible()
            walk_in_sight(tab.page)
            tab.page.keyboard.press("Escape")


# Measures the outline of the element with the focus: its width, the contrast of its colour with the
# colours around it, and whether it can be seen (in the window, on top, not transparent).
_OUTLINE = """(element) => {
  const style = getComputedStyle(element);
  const at = element.getBoundingClientRect();
  const ring = document.createElement("span");
  ring.style.color = style.outlineColor;
  element.parentElement.append(ring);
  const contrast = (CONTRAST)(ring);
  ring.remove();
  return {
    wide: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    contrast,
    seen: element.checkVisibility({ opacityProperty: true }) && at.right > 0 && at.bottom > 0
      && at.left < innerWidth && at.top < innerHeight,
    name: element.outerHTML.slice(0, 80),
  };
}""".replace("CONTRAST", _CONTRAST)


def walk_in_sight(page: Page) -> None:
    """Go through all stops by Tab, and see each."""
    stops: list[str] = []
    for _ in range(_TABS):
        page.keyboard.press("Tab")
        if focused(page).count() == 0:  # the browser's own
            continue
        seen = focused(page).evaluate(_OUTLINE)
        if seen["name"] in stops:
            break
        stops.append(seen["name"])
        assert seen["wide"], seen
        assert seen["seen"], seen
        assert seen["contrast"] >= 3, seen
    assert len(stops) > 2, stops
