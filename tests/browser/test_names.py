"""One nick that has been two members: a tag tells them apart, wherever the page shows them."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Locator, expect

from tests.browser.tab import Tab, Visitor
from tests.support.servers import ChatServer

_TAG = re.compile(r"#[0-9a-hjkmnp-tv-z]{6}$")


def tags(place: Locator) -> list[str]:
    """Give the tags that are seen in it, in order."""
    return place.locator(".tag").all_text_contents()


def test_two_members_of_one_nick_are_told_apart_everywhere(
    make_server: Callable[..., ChatServer], open_tab: Callable[..., Tab]
) -> None:
    server = make_server(settings={"CHAT_NICK_RESERVATION_S": "0", "CHAT_LEAVE_GRACE_S": "0"})
    server.start()
    with Visitor(server.ws_url) as carl:
        carl.join("Carl")
        carl.say("long ago")
    with Visitor(server.ws_url) as ada:
        ada.join("Ada")
        ada.say("the train leaves at 8:12", *(f"message {number}" for number in range(60)))
    with Visitor(server.ws_url) as other:
        other.join("Bob")
        other.say("I was Bob")
    tab = open_tab(base_url=server.url, permissions=["clipboard-read", "clipboard-write"])
    page = tab.page
    tab.open()
    tab.enter("bob")  # the reader's own nick too
    items = tab.log.get_by_role("listitem")
    expect(items.last).to_contain_text("I was Bob")
    expect(tab.people.locator(".tag")).to_have_count(1)
    mine, [theirs] = tags(tab.people)[0], tags(items.last)
    assert _TAG.match(mine)
    assert _TAG.match(theirs)
    assert mine != theirs
    expect(tab.log.locator(".tag")).to_have_count(1)  # as yet, there is one Ada

    with Visitor(server.ws_url) as forger:
        forger.join("ADA")
        came = page.get_by_role("status").filter(has_text="joined")
        expect(came.locator(".tag")).to_have_count(1)
        forger.say("no, at nine")
        expect(items.last).to_contain_text("no, at nine")
        expect(items.nth(-3).locator(".tag")).to_have_count(1)  # what was shown before
        [first], seen = tags(items.nth(-3)), tags(items.last)
        assert seen == [seen[0]] * 2  # the line that says who joined stands above it now
        assert tags(tab.people) == [mine, seen[0]]
        assert first != seen[0]
        spelled = " ".join(seen[0].removeprefix("#"))
        expect(items.last.locator(".head")).to_contain_text(f", tag {spelled}")
        mute = tab.people.get_by_role("button", name=f"Mute ADA {seen[0]}")
        expect(mute).to_be_visible()

        tab.composer.press_sequentially("@ad")
        expect(page.get_by_role("option", name=f"ADA {seen[0]}")).to_be_visible()
        tab.composer.press("Escape")
        tab.composer.fill("")
        items.nth(-3).hover()
        page.get_by_role("button", name="Copy", exact=True).filter(visible=True).click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.endswith(f"] Ada {first}: message 59")

        forger.send(type="rename", nick="Carl")
        expect(page.get_by_role("status").filter(has_text="is now called Carl")).to_be_visible()
        carls = tab.log.locator(".head").filter(has_text="Carl")
        expect(carls).to_have_count(0)
        page.get_by_role("region", name="Conversation").evaluate("(it) => { it.scrollTop = 0 }")
        expect(items.first).to_contain_text("long ago")
        renamed = tab.people.filter(has_text="Carl").locator(".tag")
        expect(renamed).to_have_text(seen[0])  # with what was loaded, there are two Carls
        expect(carls.locator(".tag")).not_to_have_text(seen[0])
