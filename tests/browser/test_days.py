"""Days and times on a page that stays open: over midnight, and with people who talk for long."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta

from playwright.sync_api import Locator, expect

from tests.browser.tab import Tab, Wire
from tests.support.logs import Past
from tests.support.servers import ChatServer

Enter = Callable[..., Tab]

_COUNT = 121  # in a welcome of 50, the first message is an even one
_FIRST = datetime.fromisoformat("2025-03-01T15:40:00+01:00")  # Paris; the last is at 23:40


def at(minutes: int) -> datetime:
    return _FIRST + timedelta(minutes=minutes)


def days(tab: Tab) -> Locator:
    return tab.page.locator(".day:visible")


def headed(tab: Tab) -> list[int]:
    """Give the numbers of the messages that show who wrote them, and when."""
    items = tab.log.get_by_role("listitem")
    shown = items.evaluate_all(
        "items => items.filter((it) => it.querySelector('.head').offsetHeight > 1)"
        ".map((it) => parseInt(it.querySelector('.text').textContent))"
    )
    return list(shown)


def test_today_is_one_day_and_a_time_stands_every_five_minutes(
    make_server: Callable[..., ChatServer], open_tab: Enter
) -> None:
    server = make_server(settings={"CHAT_LIMITS": "off"})
    said = [
        Past("Bob", f"{number} message", int(at(4 * number - 4).timestamp() * 1000))
        for number in range(1, _COUNT + 1)
    ]
    server.fill("general", said)
    server.start()
    tab = open_tab(base_url=server.url, locale="fr-FR", timezone_id=None)
    page, clock = tab.page, tab.page.clock
    browser = page.context.new_cdp_session(page)
    browser.send("Emulation.setTimezoneOverride", {"timezoneId": "Europe/Paris"})
    wire = Wire(page)
    clock.install(time=at(8 * 60 + 10))  # 23:50
    tab.open()
    tab.enter("Alice")
    items = tab.log.get_by_role("listitem")
    expect(items).to_have_count(50)
    # Somebody who speaks every four minutes shows a time every eight. That begins anew with older
    # messages: the group's first message is another one.
    assert headed(tab) == list(range(72, 122, 2))
    expect(days(tab)).to_have_text(["Aujourd’hui"])
    page.get_by_role("region", name="Conversation").evaluate("(it) => { it.scrollTop = 0 }")
    expect(items).to_have_count(100)
    page.get_by_role("region", name="Conversation").evaluate("(it) => { it.scrollTop = 0 }")
    expect(items).to_have_count(_COUNT)
    assert headed(tab) == list(range(1, 122, 2))
    # Each message tells its exact time, a grouped one too.
    reading = items.filter(has_text="60 message")
    reading.scroll_into_view_if_needed()
    reading.hover()
    expect(reading.get_by_text("19:36:00", exact=True)).to_be_visible()

    # The page is never hidden, and nobody writes: midnight alone changes the days.
    before = reading.bounding_box()
    clock.fast_forward("10:30")
    expect(days(tab)).to_have_text(["Hier"])
    assert reading.bounding_box() == before

    def says(seq: int, moment: datetime) -> None:
        member = {"id": "bob", "nick": "Bob"}
        wire.tell(
            type="message", seq=seq, id=f"m{seq}", member=member, text=f"{seq} message",
            at=moment.isoformat(),
        )  # fmt: skip

    says(122, at(8 * 60 + 19))  # before midnight, told after it
    says(123, at(8 * 60 + 21))
    expect(days(tab)).to_have_text(["Hier", "Aujourd’hui"])
    # A day later no timer has run, as after a sleep: the message alone changes the days.
    clock.set_system_time(at(32 * 60 + 30))
    says(124, at(32 * 60 + 30))
    expect(days(tab)).to_have_text(["Samedi 1er mars", "Hier", "Aujourd’hui"])
    assert reading.bounding_box() == before
    reading.hover(position={"x": 5, "y": 5})
    expect(reading.get_by_text(re.compile("1 mars 2025.* 19:36:00"))).to_be_visible()

    # The reader travels: all times and days are those of Tokyo.
    browser.send("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Tokyo"})
    clock.fast_forward("01:01")
    expect(items.first.locator(".time")).to_have_text("23:40")
    expect(days(tab)).to_have_text(["Samedi 1er mars", "Hier", "Aujourd’hui"])
    expect(items.nth(5).locator(".day")).to_have_text("Hier")
