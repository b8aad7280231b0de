"""The reader's place does not move, at the end and elsewhere, in a room of any length."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.tab import Tab
from tests.support.client import Client
from tests.support.logs import Past
from tests.support.servers import ChatServer

Enter = Callable[..., Tab]

PHONE = {"width": 360, "height": 740}
HIGH = {"width": 1280, "height": 1600}
BEGINNING = "This is where the conversation begins."
MOST = 800  # messages that a page holds

# Goes up or down in steps until the list begins or ends with `goal`. Tells how often the messages
# in view moved by anything else than the step, the most messages held at once, and the most of
# them that were laid out once the page had settled.
_TRAVEL = """async ([step, goal]) => {
  const list = document.querySelector("[role=log] ol");
  const scroller = list.closest("[role=region]");
  const frame = () => new Promise(requestAnimationFrame);
  const { top, height, left } = scroller.getBoundingClientRect();
  const seen = new Set();
  let [jumps, most, drawn] = [0, 0, 0];
  const there = () => {
    const end = step < 0 ? list.firstElementChild : list.lastElementChild;
    return end.querySelector(".text").textContent.startsWith(goal);
  };
  const isDrawn = (item) =>
    item.querySelector(".row").checkVisibility({ contentVisibilityAuto: true });
  while (!there()) {
    const item = document.elementFromPoint(left + 200, top + height / 2).closest("li");
    const [before, from] = [item?.getBoundingClientRect().top, scroller.scrollTop];
    const room = scroller.scrollHeight - scroller.clientHeight - from;
    scroller.scrollTop += step;
    await frame();
    await frame();
    most = Math.max(most, list.children.length);
    for (const each of list.querySelectorAll(".text")) seen.add(parseInt(each.textContent));
    if (seen.size % 500 === 0) {
      await frame();
      await frame();
      drawn = Math.max(drawn, [...list.children].filter(isDrawn).length);
    }
    if (!item || (step < 0 ? from : room) < 400) continue;
    if (Math.abs(item.getBoundingClientRect().top - before + step) > 1) jumps += 1;
  }
  return { jumps, most, drawn, seen: seen.size };
}"""


@pytest.fixture
def server(make_server: Callable[..., ChatServer]) -> ChatServer:
    """Give a server without limits, not started yet."""
    return make_server(settings={"CHAT_LIMITS": "off"})


def past(count: int, text: str = "message") -> list[Past]:
    """Make a history of short and long messages of two people, one a minute until now."""
    now = datetime.now(UTC)
    return [
        Past(
            "Bob" if number % 7 else "Chloé",
            f"{number} " + " ".join([text] * (1 + number % 5 * 9)),
            int((now - timedelta(minutes=count - number)).timestamp() * 1000),
        )
        for number in range(1, count + 1)
    ]


def entered(open_tab: Enter, server: ChatServer, nick: str = "Alice", **options: Any) -> Tab:
    tab = open_tab(base_url=server.url, **options)
    tab.open()
    tab.enter(nick)
    return tab


def items(tab: Tab) -> Locator:
    return tab.log.get_by_role("listitem")


def travel(tab: Tab, step: int, goal: int) -> dict[str, int]:
    return dict(tab.page.evaluate(_TRAVEL, [step, f"{goal} "]))


def test_older_messages_come_without_a_jump(server: ChatServer, open_tab: Enter) -> None:
    server.fill("general", past(130))
    server.start()
    tab = entered(open_tab, server)
    expect(items(tab).last).to_contain_text("130 message")
    expect(items(tab).last).to_be_in_viewport()
    assert travel(tab, -300, 1)["jumps"] == 0
    expect(tab.page.get_by_text(BEGINNING)).to_be_attached()
    expect(items(tab)).to_have_count(130)
    numbers = [int(text.split()[0]) for text in tab.texts()]
    assert numbers == list(range(1, 131))


@pytest.mark.parametrize(
    ("viewport", "step"), [pytest.param(PHONE, 250, marks=pytest.mark.long), (HIGH, 650)]
)
def test_a_long_past_is_travelled_without_a_jump_and_held_in_part(
    server: ChatServer, open_tab: Enter, viewport: dict[str, int], step: int
) -> None:
    count = MOST + 100
    server.fill("general", past(count, "so"))
    server.start()
    tab = entered(open_tab, server, viewport=viewport)
    expect(items(tab).last).to_contain_text(f"{count} so")
    # Less than half of the view: a message in the middle before a step can be seen after it.
    up = travel(tab, -step, 1)
    down = travel(tab, step, count)
    for way in (up, down):
        assert way["jumps"] == 0
        assert way["most"] <= MOST
        assert way["drawn"] < 200
    assert up["seen"] == count
    # The reader is at the end again, and has to stay there.
    tab.page.keyboard.press("End")
    tab.say("new")
    expect(items(tab).last).to_contain_text("new")
    expect(items(tab).last).to_be_in_viewport()


def test_reader_far_up_is_told_and_comes_back_at_once(server: ChatServer, open_tab: Enter) -> None:
    count = 1_000
    server.fill("general", past(count))
    server.start()
    tab = entered(open_tab, server)
    travel(tab, -5000, 1)
    with Client(server.ws_url) as dora:
        dora.join(nick="Dora")
        for number in range(3):
            dora.post(f"news {number}")
        button = tab.page.get_by_role("button", name="3 new messages")
        expect(button).to_be_visible()
        expect(tab.log.get_by_text("news")).to_have_count(0)  # they are far away
        button.click()
        expect(items(tab).last).to_contain_text("news 2")
        expect(items(tab).last).to_be_in_viewport()
        expect(button).to_be_hidden()
        rule = tab.log.get_by_text("New", exact=True).filter(visible=True)
        expect(rule).to_have_count(1)
        expect(items(tab).filter(has_text="news 0").get_by_text("New", exact=True)).to_be_visible()
        dora.post("live")
        expect(items(tab).last).to_contain_text("live")
    # A reader who writes while far up is taken to the new message.
    travel(tab, -5000, 1)
    tab.say("answer")
    expect(items(tab).last).to_contain_text("answer")
    expect(items(tab).last).to_be_in_viewport()
    expect(tab.waiting).to_have_count(0)


@pytest.mark.long
def test_page_left_open_holds_so_many_messages_and_no_more(
    server: ChatServer, open_tab: Enter
) -> None:
    server.fill("general", past(100))
    server.start()
    at_end, scrolled_up = entered(open_tab, server), entered(open_tab, server, "Emma")
    reading = items(scrolled_up).filter(has_text="60 message").first
    reading.scroll_into_view_if_needed()
    expect(scrolled_up.page.get_by_role("button", name="Latest messages")).to_be_visible()
    with Client(server.ws_url) as dora:
        dora.join(nick="Dora")
        for number in range(1, 1_001):
            dora.send(type="post", id=f"news-{number}", text=f"news {number}")
        dora.acknowledged("news-1000")
        expect(scrolled_up.page.get_by_role("button", name="1000 new messages")).to_be_visible()
    expect(items(at_end).last).to_contain_text("news 1000")
    expect(items(at_end).last).to_be_in_viewport()
    expect(reading).to_be_in_viewport()
    for tab in (at_end, scrolled_up):
        assert items(tab).count() <= MOST
        assert tab.page.locator("*").count() < 30 * MOST


def test_scrolled_up_reader_stays_and_is_told_in_the_readers_language(
    server: ChatServer, open_tab: Enter
) -> None:
    server.fill("general", past(60))
    server.start()
    tab = entered(open_tab, server, locale="fr-FR")
    reading = items(tab).filter(has_text="30 message").first
    reading.scroll_into_view_if_needed()
    with Client(server.ws_url) as dora:
        dora.join(nick="Dora")
        dora.post("une nouvelle")
        expect(tab.page.get_by_role("button", name="1 nouveau message")).to_be_visible()
        dora.post("une autre")
        dora.post("encore une")
        button = tab.page.get_by_role("button", name="3 nouveaux messages")
        expect(button).to_be_visible()
        expect(reading).to_be_in_viewport()
        button.click()
        expect(tab.log.get_by_text("encore une")).to_be_in_viewport()
        expect(button).to_be_hidden()
        first = items(tab).filter(has_text="une nouvelle")
        expect(first.get_by_text("Non lus", exact=True)).to_be_visible()
        # When the reader is at the end again, the next message appears in view.
        dora.post("une dernière")
        expect(tab.log.get_by_text("une dernière")).to_be_in_viewport()
        # The field grows to eight lines, and the reader stays at the end.
        tab.composer.fill("\n".join("123456789"))
        field = tab.composer.bounding_box()
        assert field is not None
        assert field["height"] > 200
        expect(tab.log.get_by_text("une dernière")).to_be_in_viewport()
        rule = tab.log.get_by_text("Non lus", exact=True).filter(visible=True)
        expect(rule).to_have_count(1)


def test_slow_wheel_leaves_the_end_although_messages_pour_in(
    server: ChatServer, open_tab: Enter
) -> None:
    server.fill("general", past(60))
    server.start()
    tab = entered(open_tab, server)
    tab.page.get_by_role("region", name="Conversation").hover()
    with Client(server.ws_url) as dora:
        dora.join(nick="Dora")
        for number in range(20):
            tab.page.mouse.wheel(0, -20)
            dora.post(f"flood {number}")
            expect(items(tab).last).to_contain_text(f"flood {number}")
    expect(items(tab).last).not_to_be_in_viewport()
    expect(tab.page.get_by_role("button", name=re.compile(r"\d+ new messages"))).to_be_visible()


def test_days_and_times_are_the_readers_and_one_person_has_one_head(
    server: ChatServer, open_tab: Enter
) -> None:
    def at(text: str) -> int:
        return int(datetime.fromisoformat(text).timestamp() * 1000)

    said = [
        Past("Bob", "late", at("2025-03-01T22:58:00Z")),
        Past("Bob", "later", at("2025-03-01T22:59:59Z")),
        Past("Bob", "midnight in Paris", at("2025-03-01T23:00:00Z")),
        Past("Bob", "four minutes on", at("2025-03-01T23:04:00Z")),
        Past("Bob", "five minutes on", at("2025-03-01T23:09:00Z")),
        Past("Chloé", "somebody else", at("2025-03-01T23:09:30Z")),
    ]
    server.fill("general", said)
    server.start()
    paris = entered(open_tab, server, locale="fr-FR", timezone_id="Europe/Paris")
    days = paris.log.get_by_text(re.compile("mars 2025")).filter(visible=True)
    expect(days).to_have_text(["Samedi 1er mars 2025", "Dimanche 2 mars 2025"])
    expect(items(paris).first.get_by_role("time")).to_have_text("23:58")
    expect(items(paris).nth(2).get_by_role("time")).to_have_text("00:00")
    marks = [item.get_by_text(re.compile("^[BC]$")) for item in items(paris).all()]
    heads = [mark.is_visible() for mark in marks]
    assert heads == [True, False, True, False, True, True]
    tokyo = entered(open_tab, server, "Aiko", timezone_id="Asia/Tokyo")
    days = tokyo.log.get_by_text(re.compile("March 2025")).filter(visible=True)
    expect(days).to_have_count(1)
    expect(items(tokyo).first.get_by_role("time")).to_have_text("07:58")
