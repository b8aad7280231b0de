"""What owners and the operator do on the page, and what others ask of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.tab import Tab, Wire
from tests.browser.test_made_rooms import copied, dialog
from tests.browser.test_rooms import open_rooms
from tests.conftest import OPERATOR
from tests.support.house import House
from tests.support.servers import ChatServer
from tests.support.waiting import wait_until

pytestmark = pytest.mark.shared

Enter = Callable[..., Tab]


@pytest.fixture
def house(chat_server: ChatServer, own_room: str) -> Iterator[House]:
    """Give a room of its own that may be made."""
    house = House(chat_server, f"made-{own_room}")
    yield house
    house.close()


def owner(enter: Enter, house: House, nick: str = "Olga", **options: object) -> Tab:
    """Enter a made room as its owner."""
    tab = enter(nick, path=f"/r/{house.room}#owner={house.owner_key}", **options)
    expect(tab.page).to_have_url(re.compile(f"/r/{house.room}$"))
    return tab


def panel(tab: Tab, room: str) -> Locator:
    """Open the owners' panel."""
    open_rooms(tab, room).get_by_role("button", name="Manage this room").click()
    return dialog(tab.page, "Manage this room")


def acts(box: Locator) -> Locator:
    """Find the lines that say what was done."""
    return box.get_by_role("region", name="What was done").get_by_role("listitem")


def test_rules_hold_as_soon_as_they_are_switched(enter: Enter, house: House) -> None:
    house.make()
    ann = house.come("Ann")
    olga = owner(enter, house)
    box = panel(olga, house.room)
    only = box.get_by_role("switch", name="Only owners write")
    only.press("Space")
    expect(acts(box).first).to_have_text(re.compile("^Olga changed the rules: only owners write"))
    assert ann.expect("rules")["rules"]["write"] == "owners"
    box.get_by_role("combobox", name="Pace").select_option("30")
    assert ann.expect("rules")["rules"]["pace_s"] == 30
    box.get_by_role("switch", name="Closed to newcomers").check()
    assert ann.expect("rules")["rules"]["locked"] is True
    assert house.refused("Nina")["code"] == "room_locked"
    until = box.get_by_role("combobox", name="Until when?")
    until.select_option("week")
    ends = ann.expect("rules")["rules"]["ends_at"]
    assert re.fullmatch(r"\d{4}-.*Z", ends)
    expect(until).to_have_accessible_description(re.compile("^It ends .* at "))
    until.select_option("never")
    assert ann.expect("rules")["rules"]["ends_at"] is None
    expect(acts(box)).to_have_count(5)
    # What another owner does is shown at once.
    other = house.owner("Otto")
    other.ask("rules", write="all")
    expect(only).not_to_be_checked()
    expect(acts(box).first).to_have_text(re.compile("^Otto changed the rules: everybody writes"))
    # A switch whose change is refused goes back, and it is said why.
    moment = box.get_by_label("Day and time")
    until.select_option("moment")
    moment.fill("2020-01-01T00:00")
    moment.blur()
    expect(box.get_by_role("alert")).to_have_text(re.compile("A time must be still to come"))


def test_somebody_is_silenced_and_put_out_and_told_so(enter: Enter, house: House) -> None:
    house.make()
    olga = owner(enter, house)
    ann = enter("Ann", path=f"/r/{house.room}", context=None)
    ann.say("something unkind")
    expect(ann.page.get_by_role("button", name=re.compile("^Moderate"))).to_have_count(0)
    olga.page.get_by_role("button", name="Moderate Ann", exact=True).first.click()
    box = dialog(olga.page, "Moderate Ann")
    box.get_by_role("combobox", name="Not to write").select_option(label="for 1 hour")
    box.get_by_role("button", name="Silence").click()
    expect(box.get_by_role("alert")).to_have_text("Silenced for 1 hour.")
    expect(box.get_by_text("may not write for another 1 hour")).to_be_visible()
    expect(ann.page.locator("#cannot-write")).to_have_text(re.compile("not write for another"))
    olga.page.keyboard.press("Escape")

    managing = panel(olga, house.room)
    held = managing.get_by_role("region", name="Moderation").get_by_role("listitem")
    expect(held).to_have_text([re.compile("^Ann may not write for another 1 hour")])
    held.get_by_role("button", name="Let write again: Ann").click()
    expect(held).to_have_count(0)
    expect(ann.page.locator("#cannot-write")).to_be_hidden()
    expect(acts(managing)).to_have_text(
        [re.compile("^Olga lets Ann write again"), re.compile("^Olga silenced Ann for 1 hour")]
    )
    olga.page.keyboard.press("Escape")

    olga.page.get_by_role("button", name="Moderate Ann", exact=True).first.click()
    box.get_by_role("button", name="Put out").click()
    expect(ann.state).to_have_text(
        re.compile("You may not enter this room. You may in 10 minutes.")
    )
    ann.shows("something unkind")
    box.get_by_role("button", name="Let in again").click()
    expect(box.get_by_role("alert")).to_have_text("They may again.")
    ann.page.get_by_role("button", name="Now").click()
    expect(ann.state).to_have_text("Connected again.")


def test_message_is_reported_to_the_owners(enter: Enter, house: House) -> None:
    house.make()
    ann = house.come("Ann")
    ann.post("something unkind")
    olga = owner(enter, house)
    box = panel(olga, house.room)
    reports = box.get_by_role("region", name="Reported messages")
    expect(reports.get_by_text("Nobody has reported a message.")).to_be_visible()
    bob = enter("Bob", path=f"/r/{house.room}")
    bob.point_at(bob.log.get_by_role("listitem"))
    bob.page.get_by_role("button", name="Report", exact=True).click()
    sheet = dialog(bob.page, "Report this message")
    expect(sheet.get_by_text("Ann : something unkind")).to_be_visible()
    words = sheet.get_by_role("textbox")
    expect(words).to_be_focused()
    expect(words).to_have_accessible_description(re.compile("The owners of this room see it"))
    words.fill("It is <b>unkind</b>.")
    sheet.get_by_role("button", name="Report", exact=True).click()
    expect(bob.page.get_by_role("alert").filter(has_text="Thank you.")).to_be_visible()
    expect(sheet).to_be_hidden()

    report = reports.get_by_role("listitem")
    expect(report).to_have_text(
        [re.compile("^Bob reported a message of Ann .*It is <b>unkind</b>\\.")]
    )
    report.get_by_role("button", name="See it").click()
    expect(box).to_be_hidden()
    expect(olga.log.get_by_text("something unkind")).to_be_in_viewport()


def test_owner_key_is_changed_and_the_room_is_ended_after_one_question(
    enter: Enter, house: House
) -> None:
    house.make()
    olga = owner(enter, house, permissions=["clipboard-read", "clipboard-write"])
    olga.say("hello")
    box = panel(olga, house.room)
    section = box.get_by_role("region", name="The owners’ link")
    change = section.get_by_role("button", name="Make another one")
    change.click()
    sure = section.get_by_role("button", name="Change the key")
    expect(sure).to_have_accessible_description(re.compile("makes nobody an owner"))
    olga.page.keyboard.press("Tab")  # the question is taken back
    expect(change).to_be_visible()
    change.click()
    sure.click()
    expect(box.get_by_role("alert")).to_have_text(re.compile("this browser has it"))
    section.get_by_role("button", name="Copy owners’ link").click()
    expect(section.get_by_role("status").first).to_have_text("Link copied")
    key = copied(olga.page).rpartition("=")[2]
    assert key != house.owner_key
    assert house.visitor().join("Otto", house.room, owner=house.owner_key)["owner"] is False
    assert house.visitor().join("Oona", house.room, owner=key)["owner"] is True
    olga.page.reload()
    box = panel(olga, house.room)  # the page has the new key
    end = box.get_by_role("button", name="End the conversation now")
    end.click()
    sure = box.get_by_role("button", name="End it, for everybody")
    expect(sure).to_have_accessible_description(re.compile("All messages are deleted"))
    sure.click()
    expect(olga.page.get_by_role("region", name="This conversation has ended.")).to_be_visible()
    assert house.refused()["code"] == "room_ended"
    kept = "JSON.stringify({ ...localStorage })"
    wait_until(lambda: key not in olga.page.evaluate(kept))


def test_operator_owns_every_room_in_this_tab_only(
    enter: Enter, open_tab: Enter, house: House, home: str
) -> None:
    tab = enter("Ann")
    bob = house.visitor()
    bob.join("Bob", home)
    tab.say("in an open room")
    bob.ask("report", target=bob.expect("message")["seq"], text="look")
    page = tab.page
    settings = page.get_by_role("button", name="Settings")
    settings.click()
    dialog(page, "Settings").get_by_role("button", name="Operator").click()
    box = dialog(page, "Operator")
    token = box.get_by_role("textbox", name="Token")
    token.fill("not the token")
    token.press("Enter")
    expect(box.get_by_role("alert")).to_have_text(re.compile("not the operator’s token"))
    token.fill(OPERATOR)
    token.press("Enter")
    expect(box.get_by_text("You are the operator in this tab")).to_be_visible()
    expect(box.get_by_role("alert")).to_be_hidden()  # it has nothing to say
    assert OPERATOR not in page.url + str(page.evaluate("JSON.stringify({ ...localStorage })"))
    assert OPERATOR not in page.content()
    box.get_by_role("button", name="Manage this room").click()
    managing = dialog(page, "Manage this room")
    everywhere = managing.get_by_role("region", name="Reports from all rooms")
    report = everywhere.get_by_role("listitem").filter(has=page.get_by_role("link", name=home))
    expect(report).to_have_text([re.compile("^Bob.* reported a message of Ann.*look")])
    managing.get_by_role("switch", name="Only owners write").check()
    assert bob.expect("rules")["rules"]["write"] == "owners"
    page.reload()  # a reload is the same tab
    open_rooms(tab, home)
    expect(page.get_by_role("button", name="Manage this room")).to_be_visible()
    other = open_tab(context=page.context)
    other.open()
    other.enter("Ann")
    expect(open_rooms(other, home).get_by_role("button", name="Manage this room")).to_be_hidden()


def test_all_of_ones_own_is_taken_back_with_one_act(enter: Enter, house: House, home: str) -> None:
    bob = house.visitor()
    bob.join("Bob", home)
    bob.post("mine stays")
    ann = enter("Ann")
    wire = Wire(ann.page)
    ann.page.reload()
    ann.say("one", "two")
    expect(ann.log.get_by_role("listitem")).to_have_count(3)
    ann.page.get_by_role("button", name="Settings").click()
    settings = dialog(ann.page, "Settings")
    settings.get_by_role("button", name="Take back all of my messages").click()
    sure = settings.get_by_role("button", name="Take them all back")
    expect(sure).to_have_accessible_description(re.compile("cannot be undone"))
    wire.refusals["erase"] = {"code": "rate_limited", "retry_after": 40}
    sure.click()
    said = settings.get_by_role("region", name="My messages").get_by_role("status")
    expect(said).to_have_text("Too much at once. Try again in 40 seconds.")
    wire.refusals.clear()
    settings.get_by_role("button", name="Take back all of my messages").click()
    sure.click()
    expect(said).to_have_text("2 messages were taken back.")
    ann.page.keyboard.press("Escape")
    expect(ann.log).not_to_contain_text("two")
    expect(ann.log).to_contain_text("mine stays")
