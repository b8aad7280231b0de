"""Rooms made on purpose from the page: the four questions, the two links, the title, the end."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect

from tests.browser.tab import Tab, Visitor, Wire
from tests.browser.test_prefix import qr_path
from tests.browser.test_rooms import open_rooms
from tests.support.servers import ChatServer
from tests.support.waiting import wait_until

pytestmark = pytest.mark.shared

Enter = Callable[..., Tab]
Meet = Callable[..., Visitor]

CLIPBOARD = ["clipboard-read", "clipboard-write"]
OWNER = "m" * 22  # the owner key of `made`


@pytest.fixture
def made(chat_server: ChatServer, own_room: str) -> str:
    """Make a room, whose owners have OWNER, and give its name."""
    room = f"made-{own_room}"
    with Visitor(chat_server.ws_url) as maker:
        maker.send(type="make", room=room, owner=OWNER)
        maker.expect("made")
    return room


def dialog(page: Page, name: str) -> Locator:
    """Find a box by its title."""
    return page.get_by_role("dialog", name=name)


def new_room(tab: Tab, room: str) -> Locator:
    """Open the sheet that makes a room."""
    open_rooms(tab, room).get_by_role("button", name="New room").click()
    return dialog(tab.page, "New room")


def copied(page: Page) -> str:
    """Give what is on the clipboard."""
    return str(page.evaluate("navigator.clipboard.readText()"))


def local(moment: datetime) -> str:
    """Write a moment as the field for one has it; the browser's zone is the machine's."""
    return moment.strftime("%Y-%m-%dT%H:%M")


def test_private_room_is_made_with_a_title_and_two_links(
    enter: Enter, open_tab: Enter, home: str
) -> None:
    ada = enter("Ada", permissions=CLIPBOARD)
    page = ada.page
    sheet = new_room(ada, home)
    expect(sheet.get_by_role("radio", name="Those who have its link")).to_be_checked()
    expect(sheet.get_by_role("radio", name="Everybody who is in it")).to_be_checked()
    expect(sheet.get_by_role("combobox", name="Until when?")).to_have_value("never")
    sheet.get_by_role("textbox", name="What is it called?").fill("Réunion de rentrée")
    sheet.get_by_role("button", name="Make the room").click()

    made = dialog(page, "The room is ready")
    everybody = made.get_by_role("region", name="For everybody")
    yours = made.get_by_role("region", name="For you")
    everybody.get_by_role("button", name="Copy link").click()
    expect(everybody.get_by_role("status")).to_have_text("Link copied")
    link = copied(page)
    assert re.fullmatch(r"http://[^/]+/r/[a-z2-7]{26}", link)
    expect(everybody.get_by_text(link)).to_be_visible()
    yours.get_by_role("button", name="Copy owners’ link").click()
    expect(yours.get_by_role("status")).to_have_text("Link copied")
    owner_link = copied(page)
    key = re.findall(rf"{link}#owner=([\w-]{{22}})$", owner_link)[0]
    assert key not in page.content()  # it is shown after a press only
    yours.get_by_role("button", name="Show QR code").click()
    path = yours.get_by_role("img").locator("path").get_attribute("d")
    assert path == qr_path(owner_link).strip()

    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    made.get_by_role("link", name="Enter the room").click()
    expect(page).to_have_url(link)
    expect(page).to_have_title("Réunion de rentrée · Tchat")
    expect(page.get_by_role("heading", name="Réunion de rentrée")).to_be_visible()
    assert asked
    assert not [url for url in asked if key in url]
    ada.say("welcome")

    # Its title stands wherever a room is named; whoever has not been there knows no title.
    name = link.rpartition("/")[2]
    bob = open_tab(path=f"/r/{name}")
    bob.open()
    expect(bob.page.get_by_role("heading", name="Private room")).to_be_visible()
    bob.enter("Bob")
    expect(bob.page.get_by_role("heading", name="Réunion de rentrée")).to_be_visible()
    rooms = open_rooms(bob, "Réunion de rentrée")
    expect(rooms.get_by_role("button", name="Manage this room")).to_be_hidden()
    bob.page.goto("/")
    recent = open_rooms(bob, "general").get_by_role("region", name="Recent rooms")
    expect(recent.get_by_role("link").first).to_have_text("Réunion de rentrée")
    assert name not in bob.page.locator("body").inner_text()

    # The owners' link makes another browser an owner, and is in its history nowhere.
    eve = open_tab(path=owner_link)
    eve.open()
    expect(eve.page).to_have_url(link)
    eve.enter("Eve")
    rooms = open_rooms(eve, "Réunion de rentrée")
    expect(rooms.get_by_role("button", name="Manage this room")).to_be_visible()
    kept = eve.page.evaluate("JSON.stringify({ ...localStorage })")
    assert key in kept
    assert eve.page.evaluate("history.length") <= 2
    eve.page.goto("/privacy")
    eve.page.go_back()
    expect(eve.page).to_have_url(link)


def test_named_room_is_for_its_owners_and_for_a_time(
    enter: Enter, meet: Meet, home: str, own_room: str
) -> None:
    ada = enter("Ada")
    sheet = new_room(ada, home)
    name = sheet.get_by_role("textbox", name="What is it called?")
    sheet.get_by_role("radio", name="All who know its name").check()
    make = sheet.get_by_role("button", name="Make the room")
    make.click()
    expect(name).to_be_focused()
    expect(name).to_have_accessible_description(re.compile("Give it a name"))
    name.fill("a/b")
    make.click()
    expect(sheet.get_by_role("alert")).to_have_text(re.compile("has 1 to 32 letters"))
    name.fill(home)  # somebody is in it
    make.click()
    expect(sheet.get_by_role("alert")).to_have_text(re.compile("There is a room of this name"))
    room = f"made-{own_room}"
    name.fill(f"Made {own_room}")
    expect(name).to_have_accessible_description(re.compile(f"Its address: .*/r/{room} ?$"))
    sheet.get_by_role("radio", name="Owners only; the others read").check()
    until = sheet.get_by_role("combobox", name="Until when?")
    until.select_option("moment")
    moment = sheet.get_by_label("Day and time")
    expect(moment).to_be_focused()
    now = datetime.now().astimezone()
    moment.fill(local(now - timedelta(days=1)))
    make.click()
    expect(sheet.get_by_role("alert")).to_have_text("This moment has passed already.")
    moment.fill(local(now + timedelta(hours=20)))
    expect(until).to_have_accessible_description(re.compile("It ends (today|tomorrow) at"))
    make.click()
    made = dialog(ada.page, "The room is ready")
    made.get_by_role("link", name="Enter the room").click()
    expect(ada.page).to_have_url(re.compile(f"/r/{room}$"))
    # From a day before the end, everybody is told.
    expect(
        ada.page.get_by_text(re.compile("The conversation ends (today|tomorrow) at"))
    ).to_be_visible()
    ada.say("only I")
    ada.shows("only I")  # it is in the log
    bob = meet("Bob", room)
    assert bob.texts() == ["only I"]
    bob.send(type="post", id="x" * 22, text="I too")
    assert bob.expect("error")["code"] == "read_only"


def test_lost_answer_is_harmless(enter: Enter, home: str) -> None:
    ada = enter("Ada")
    page = ada.page
    wire = Wire(page)  # from the next connection on: that which makes the room
    sheet = new_room(ada, home)
    sheet.get_by_role("textbox", name="What is it called?").fill("Twice")
    make = sheet.get_by_role("button", name="Make the room")
    wire.cut = True
    make.click()
    said = sheet.get_by_role("alert")
    expect(said).to_have_text(re.compile("made by the server, which does not answer"))
    wire.cut, wire.deaf = False, True
    make.click()
    # The proxy works while the page is asked something.
    wait_until(lambda: page.title() and any('"make"' in each for each in wire.asked))
    wire.close(1012)
    expect(make).to_be_enabled()
    expect(said).to_have_text(re.compile("made by the server, which does not answer"))
    wire.deaf = False
    make.click()
    expect(dialog(page, "The room is ready")).to_be_visible()
    owners = {json.loads(each)["owner"] for each in wire.asked if '"make"' in each}
    assert len(owners) == 1
    assert page.evaluate("localStorage.getItem('tchat:making')") is None


def test_old_owners_link_makes_nobody_an_owner(open_tab: Enter, made: str) -> None:
    for wrong in ("o" * 22, "short"):
        ada = open_tab(path=f"/r/{made}#owner={wrong}")
        ada.open()
        expect(ada.page).to_have_url(re.compile(f"/r/{made}$"))
        ada.enter("Ada" if wrong == "short" else "Bob")
        said = ada.page.get_by_role("alert").filter(has_text="nobody’s any more")
        expect(said).to_have_count(0 if wrong == "short" else 1)
        assert wrong not in ada.page.evaluate(
            "JSON.stringify([{ ...localStorage }, { ...sessionStorage }])"
        )
        # The right one, in the same tab: it asks nothing, and nobody is lost.
        ada.page.evaluate(f"location.hash = '#owner={OWNER}'")
        rooms = open_rooms(ada, made)
        expect(rooms).to_be_visible()
        ada.page.keyboard.press("Escape")
        wait_until(
            lambda page=ada.page: OWNER in page.evaluate("JSON.stringify({ ...localStorage })")
        )
        manage = open_rooms(ada, made).get_by_role("button", name="Manage this room")
        expect(manage).to_be_visible()
        ada.page.close()


def test_owners_link_that_is_opened_before_all_of_the_page_is_there_is_not_lost(
    open_tab: Enter, made: str
) -> None:
    ada = open_tab(path=f"/r/{made}", service_workers="block")
    held: list[Route] = []
    ada.page.route("**/with-text-*.js", lambda route: held.append(route))  # noqa: PLW0108
    ada.open()
    ada.enter("Ada")
    ada.page.evaluate(f"location.hash = '#owner={OWNER}'")
    wait_until(lambda: ada.page.title() and held)  # the route works while the page is asked
    for route in held:
        route.continue_()
    expect(ada.page).to_have_url(re.compile(f"/r/{made}$"))
    wait_until(lambda: OWNER in ada.page.evaluate("JSON.stringify({ ...localStorage })"))


def test_another_device_of_an_owner_owns_the_room_too(open_tab: Enter, made: str) -> None:
    phone = open_tab(path=f"/r/{made}#key={'k' * 32}&nick=Ada&owner={OWNER}")
    phone.open()
    expect(phone.page).to_have_url(re.compile(f"/r/{made}$"))
    assert OWNER[:4] not in phone.page.evaluate(
        "JSON.stringify([{ ...localStorage }, { ...sessionStorage }])"
    )
    phone.page.get_by_role("button", name=re.compile("^Enter as .*Ada")).click()
    expect(phone.composer).to_be_visible()
    manage = open_rooms(phone, made).get_by_role("button", name="Manage this room")
    expect(manage).to_be_visible()


def test_room_that_ends_says_so_and_leaves_nothing_behind(
    chat_server: ChatServer,
    enter: Enter,
    meet: Meet,
    made: str,
    new_context: Callable[..., BrowserContext],
) -> None:
    ada = enter("Ada", path=f"/r/{made}")
    ada.say("one")
    kept = "indexedDB.databases().then((all) => all.length)"
    wait_until(lambda: ada.page.evaluate(kept) == 1)
    owner = Visitor(chat_server.ws_url)
    with owner:
        owner.join("Olga", made, owner=OWNER)
        owner.send(type="end", id="e" * 22)
        ended = ada.page.get_by_role("region", name="This conversation has ended.")
        expect(ended).to_be_visible()
    expect(ada.composer).to_be_hidden()
    ada.shows("one")  # what is on the screen can be read, and kept
    ended.get_by_role("button", name="Keep a copy").click()
    box = dialog(ada.page, "Keep a copy")
    with ada.page.expect_download() as download:
        box.get_by_role("button", name="To read (HTML)").click()
    assert "one" in download.value.path().read_text("utf-8")
    ada.page.keyboard.press("Escape")
    read = """() => new Promise((done) => {
      const opening = indexedDB.open("tchat");
      opening.onsuccess = () => {
        const asking = opening.result.transaction("rooms").objectStore("rooms").getAll();
        asking.onsuccess = () => { opening.result.close(); done(asking.result.length); };
      };
    })"""
    wait_until(lambda: ada.page.evaluate(read) == 0)
    ada.page.reload()
    expect(ada.page.get_by_role("region", name="This conversation has ended.")).to_be_visible()
    ada.shows()
    assert ada.page.evaluate(read) == 0
    ended.get_by_role("button", name="Other rooms").click()
    dialog(ada.page, "Rooms").get_by_role("link", name="general").click()
    expect(ada.composer).to_be_visible()
