"""The copy of a conversation: one file that opens without a network and reads as the page does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.tab import Tab, Visitor, Wire
from tests.browser.test_made_rooms import dialog
from tests.browser.test_rooms import open_rooms

pytestmark = pytest.mark.shared

Enter = Callable[..., Tab]
Meet = Callable[..., Visitor]

HOSTILE = "</p></style><script>document.title = 'broken'</script><img src=x onerror=alert(1)>"
CODE = "```python\ndef f(x):\n    return 'a'\n```"


def box(tab: Tab, room: str) -> Locator:
    """Open the box that makes a copy."""
    open_rooms(tab, room).get_by_role("button", name="Keep a copy").click()
    return dialog(tab.page, "Keep a copy")


def save(page: Page, box: Locator, button: str, folder: Path) -> Path:
    """Make a copy, and give the file."""
    with page.expect_download() as download:
        box.get_by_role("button", name=button).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


@pytest.fixture
def offline(new_context: Callable[..., BrowserContext]) -> Page:
    """Open a page without a network."""
    context = new_context(base_url=None, viewport={"width": 360, "height": 740})
    context.set_offline(True)
    return context.new_page()


def test_file_opens_without_a_network_and_reads_as_the_page_does(
    enter: Enter, meet: Meet, home: str, tmp_path: Path, offline: Page
) -> None:
    for tens in range(12):  # so that nobody is too fast
        meet(f"Visitor {tens}", home).say(*(f"message {10 * tens + i}" for i in range(1, 11)))
    bob, carl = meet("Bob", home), meet("<b>Carl</b>", home)
    first = bob.post("**bold**, `code`, https://example.org/a and [named](http://x.org)")["seq"]
    bob.post(CODE)
    carl.post(HOSTILE)
    gone = bob.post("to be forgotten")["seq"]
    carl.post("an answer", reply=first)
    carl.post("an answer to nothing", reply=gone)
    bob.edit(bob.post("befor")["seq"], "afterwards")
    bob.remove(gone)
    tab = enter("Ann")
    copying = box(tab, home)
    path = save(tab.page, copying, "To read (HTML)", tmp_path)
    assert re.fullmatch(rf"{home} \d{{4}}-\d\d-\d\d\.html", path.name)
    expect(copying.get_by_role("status")).to_have_text(f"Done: 127 messages are in {path.name}.")

    complaints: list[str] = []
    asked: list[str] = []
    offline.on("console", lambda message: complaints.append(message.text))
    offline.on("pageerror", lambda error: complaints.append(str(error)))
    offline.on("request", lambda request: asked.append(request.url))
    offline.goto(path.as_uri())
    expect(offline).to_have_title(home)
    items = offline.get_by_role("listitem")
    expect(items).to_have_count(127)
    text = offline.get_by_role("main").inner_text()
    assert re.findall(r"message (\d+)", text) == [str(number) for number in range(1, 121)]
    expect(offline.get_by_role("strong")).to_have_text("bold")
    expect(offline.get_by_role("code").first).to_have_text("code")
    expect(offline.locator(".hljs-keyword").first).to_have_text("def")  # in the page's colours
    for link in offline.get_by_role("main").locator("a[href^=http]").all():
        assert "noopener" in (link.get_attribute("rel") or "")
    expect(items.filter(has_text="alert(1)").locator(".text")).to_have_text(HOSTILE)
    assert offline.locator("script, img, iframe, link, base, form").count() == 0
    expect(items.nth(122).get_by_text("<b>Carl</b>")).to_be_visible()
    assert "to be forgotten" not in path.read_text("utf-8")
    expect(items.nth(123)).to_contain_text("message removed")
    expect(items.last).to_contain_text(re.compile("edited.*afterwards", re.DOTALL))
    answer = items.filter(has_text="an answer").first.get_by_role("link")
    expect(answer).to_have_text(re.compile("^Bob .*bold"))
    answer.click()
    expect(offline).to_have_url(re.compile(f"#m{first}$"))
    assert offline.evaluate("document.documentElement.scrollWidth") <= 360
    assert complaints == []
    assert {url.partition("#")[0] for url in asked} == {path.as_uri()}
    assert "default-src 'none'" in path.read_text("utf-8")

    # What others are told of programs has every field, as on the wire.
    written = json.loads(
        save(tab.page, copying, "For programs (JSON)", tmp_path).read_text("utf-8")
    )
    assert (written["room"], len(written["messages"])) == (home, 127)
    assert written["address"].endswith(f"/r/{home}")
    last = written["messages"][-1]
    assert set(last) == {"seq", "id", "member", "text", "at", "edited"}
    assert written["messages"][123] | {"at": "", "id": "", "member": ""} == {
        "seq": gone, "text": "", "removed": True, "at": "", "id": "", "member": "",
    }  # fmt: skip


def test_copy_that_is_held_up_says_so_and_can_be_given_up(
    enter: Enter, meet: Meet, home: str
) -> None:
    bob = meet("Bob", home)
    for number in range(3):
        bob.post(f"message {number}")
    tab = enter("Ann")
    wire = Wire(tab.page)
    tab.page.reload()
    copying = box(tab, home)
    wire.deaf = True
    copying.get_by_role("button", name="To read (HTML)").click()
    stop = copying.get_by_role("button", name="Cancel")
    expect(stop).to_be_focused()
    expect(copying.get_by_role("progressbar")).to_be_visible()
    stop.click()
    expect(copying.get_by_role("button", name="To read (HTML)")).to_be_focused()
    wire.deaf = False
    wire.close(1012)  # what was lost on a connection never comes
    expect(tab.state).to_have_text("Connected again.")
    wire.refusals["history"] = {"code": "storage_unavailable"}
    copying.get_by_role("button", name="To read (HTML)").click()
    said = copying.get_by_role("status")
    expect(said).to_have_text(re.compile("could not be made as a whole: The server cannot keep"))
    wire.cut = True
    wire.close(1012)
    copying.get_by_role("button", name="To read (HTML)").click()
    expect(said).to_have_text(
        re.compile("could not be made as a whole: The server does not answer")
    )


def test_people_whom_the_reader_has_muted_are_left_out_and_that_is_said(
    enter: Enter, meet: Meet, home: str, tmp_path: Path
) -> None:
    bob, carl = meet("Bob", home), meet("Carl", home)
    bob.post("heard")
    carl.post("not heard")
    tab = enter("Ann")
    tab.page.get_by_role("button", name="Mute Carl").first.click()
    copying = box(tab, home)
    written = save(tab.page, copying, "To read (HTML)", tmp_path).read_text("utf-8")
    assert "heard" in written
    assert "not heard" not in written
    assert "Messages of people that I muted are not in this copy." in written
