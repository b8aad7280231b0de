"""Rooms: a reader makes one from the page, shares it as a link or a QR code, and finds it again."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Locator, expect

from tests.browser.tab import Tab, Visitor

Enter = Callable[..., Tab]
Meet = Callable[..., Visitor]


def open_rooms(tab: Tab, room: str = "general") -> Locator:
    tab.page.get_by_role("button", name=room, exact=True).click()
    return tab.page.get_by_role("dialog", name="Rooms")


def test_room_is_made_from_the_page_under_the_same_nick(enter: Enter) -> None:
    tab = enter("Alice")
    name = open_rooms(tab).get_by_role("textbox", name="Make or enter a room")
    name.fill("Salle 3 B")
    name.press("Enter")
    expect(tab.page).to_have_url(re.compile("/r/salle-3-b$"))
    expect(tab.page.get_by_role("heading", name="salle-3-b")).to_be_visible()
    tab.say("Here")
    expect(tab.log).to_contain_text("Alice")


def test_room_that_the_server_would_refuse_is_refused_in_words(enter: Enter) -> None:
    tab = enter("Alice")
    name = open_rooms(tab).get_by_role("textbox", name="Make or enter a room")
    for wrong in ("a/b", "", "m" * 33, "🦊"):
        name.fill(wrong)
        name.press("Enter")
        expect(name).to_have_accessible_description(re.compile("has 1 to 32 letters"))
        expect(name).to_be_focused()
    expect(tab.page).to_have_title("general · Tchat")


def test_recent_rooms_lead_back(enter: Enter, open_tab: Enter) -> None:
    tab = enter("Alice", path="/r/garden")
    kitchen = open_tab(path="/r/été", context=tab.page.context)
    kitchen.open()
    kitchen.enter("Alice")
    rooms = open_rooms(kitchen, "été")
    links = rooms.get_by_role("region", name="Recent rooms").get_by_role("link")
    expect(links).to_have_text(["garden", "general"])
    links.first.click()
    expect(kitchen.page.get_by_role("heading", name="garden")).to_be_visible()
    expect(kitchen.composer).to_be_visible()


def test_empty_room_shows_a_qr_code_that_grows_to_the_window(enter: Enter) -> None:
    tab = enter("Alice", path="/r/garden", viewport={"width": 800, "height": 600})
    enlarge = tab.page.get_by_role("button", name="Enlarge the QR code")
    expect(enlarge).to_be_visible()
    enlarge.click()
    code = tab.page.get_by_role("img", name="QR code of this room’s link")
    expect(code).to_be_visible()
    box = code.bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) > 400
    dialog = tab.page.get_by_role("dialog", name="QR code")
    expect(dialog.get_by_text(re.compile("/r/garden$"))).to_be_visible()
    tab.page.keyboard.press("Escape")
    expect(code).to_be_hidden()
    expect(enlarge).to_be_focused()


def test_qr_code_is_there_when_people_talk_already(enter: Enter) -> None:
    tab = enter("Alice")
    tab.say("Hello")
    tab.shows("Hello")
    expect(tab.page.get_by_role("button", name="Enlarge the QR code")).to_be_hidden()
    open_rooms(tab).get_by_role("button", name="Show QR code").press("Enter")
    expect(tab.page.get_by_role("img", name="QR code of this room’s link")).to_be_visible()


def test_qr_code_that_cannot_be_loaded_is_said(meet: Meet, open_tab: Enter) -> None:
    meet("Alice").say("Hello")
    tab = open_tab(service_workers="block")
    tab.page.route("**/projection-*.js", lambda route: route.abort())
    tab.open()
    tab.enter("Bob")
    open_rooms(tab).get_by_role("button", name="Show QR code").click()
    said = tab.page.get_by_role("alert").filter(has_text="could not be loaded")
    expect(said).to_be_visible()
    expect(tab.page.get_by_role("dialog")).to_be_hidden()


def test_link_is_copied_from_a_phone_by_its_icon(enter: Enter) -> None:
    tab = enter(
        "Alice",
        path="/r/garden",
        viewport={"width": 360, "height": 740},
        permissions=["clipboard-write", "clipboard-read"],
    )
    tab.page.get_by_role("button", name="Copy link").click()
    expect(tab.page.get_by_role("button", name="Link copied")).to_be_visible()
    assert tab.page.evaluate("navigator.clipboard.readText()").endswith("/r/garden")
