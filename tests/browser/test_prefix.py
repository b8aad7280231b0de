"""The page under a path of a site, behind a real nginx: as at the root, and beside it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import expect

from tests.browser.tab import Tab
from tests.browser.test_offline import keeps, until, versions
from tests.browser.test_rooms import open_rooms
from tests.support.nginx import Nginx, around, deployed
from tests.support.servers import FLASK_RUN, GUNICORN, ROOT, ChatServer

Enter = Callable[..., Tab]

# What the example leaves out, the proxy passes on as it is: SCRIPT_NAME says the path.
_AS_IT_IS = (("//tchat/; #", "//tchat; #"), ("proxy_set_header X-Forwarded-Prefix /chat;", ""))
_DEBUG = (*FLASK_RUN, "--debug", "--no-reload")


class Site(NamedTuple):
    """A site with a chat under /chat/."""

    server: ChatServer
    nginx: Nginx


@pytest.fixture
def make_site(
    make_server: Callable[..., ChatServer], tmp_path: Path
) -> Iterator[Callable[..., Site]]:
    """Put nginx in front of a server, as deploy/nginx-path.conf says."""
    with ExitStack() as stack:

        def make(
            settings: dict[str, str],
            *changes: tuple[str, str],
            command: tuple[str, ...] = GUNICORN,
            beside: ChatServer | None = None,
        ) -> Site:
            server = make_server(command, settings=settings)
            server.start()
            place = deployed("nginx-path.conf", *changes)
            if beside is not None:
                other = deployed("nginx-path.conf", ("/chat", "/team"))
                place += other.replace("//tchat", f"//127.0.0.1:{beside.port}")
            site = f"{around(server.port)} server {{ listen 127.0.0.1:{{port}};\n{place}\n}}"
            nginx = Nginx(tmp_path, site)
            nginx.start()
            stack.callback(nginx.end)
            return Site(server, nginx)

        yield make


# tests/web/test_prefix.py follows every address for both.
@pytest.fixture(params=["X-Forwarded-Prefix", pytest.param("SCRIPT_NAME", marks=pytest.mark.long)])
def site(request: pytest.FixtureRequest, make_site: Callable[..., Site]) -> Site:
    if request.param == "SCRIPT_NAME":
        return make_site({"SCRIPT_NAME": "/chat"}, *_AS_IT_IS)
    return make_site({"TRUSTED_PROXIES": "1"})


def qr_path(text: str) -> str:
    """Draw a QR code without the page."""
    script = (
        "import { outline } from './chat/static/js/rooms/later/qr.js';"
        "import { encode } from './chat/static/vendor/uqr/uqr.js';"
        f"console.log(outline(encode({json.dumps(text)}, {{ ecc: 'M', border: 4 }}).data))"
    )
    command = ("node", "--input-type=module", "--eval", script)
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_two_people_talk_under_a_path_and_share_links_that_have_it(
    site: Site, enter: Enter
) -> None:
    url = site.nginx.url
    alice = enter("Alice", path="/chat/r/garden", base_url=url)
    code = alice.page.get_by_role("button", name="Enlarge the QR code")
    expect(code).to_be_visible()
    expect(alice.page.get_by_text(f"{url}/chat/r/garden").first).to_be_visible()
    drawn = code.locator("path").get_attribute("d")
    assert drawn == qr_path(f"{url}/chat/r/garden").strip()
    bob = enter("Bob", path="/chat/r/Garden", base_url=url)  # a redirect leads to the one address
    assert bob.page.url == f"{url}/chat/r/garden"
    alice.say("hello :tada:")
    bob.say("*hi*")  # markup is fetched on demand
    expect(alice.log.get_by_role("emphasis")).to_have_text("hi", use_inner_text=True)
    expect(bob.log.get_by_role("listitem")).to_have_count(2)
    dialog = open_rooms(bob, "garden")
    expect(dialog.get_by_text(f"{url}/chat/r/garden")).to_be_visible()
    dialog.get_by_role("link", name="general").click()
    expect(bob.page.get_by_role("heading", name="general")).to_be_visible()
    assert bob.page.url == f"{url}/chat/"
    open_rooms(bob).get_by_role("textbox").fill("Salle 3")
    bob.page.keyboard.press("Enter")
    expect(bob.page.get_by_role("heading", name="salle-3")).to_be_visible()
    assert bob.page.url == f"{url}/chat/r/salle-3"


def test_page_under_a_path_opens_without_a_server(
    site: Site, enter: Enter, open_tab: Enter
) -> None:
    url = site.nginx.url
    alice = enter("Alice", path="/chat/", base_url=url)
    alice.say("one")
    keeps(alice, "one")
    scope = alice.page.evaluate("navigator.serviceWorker.ready.then(({ scope }) => scope)")
    assert scope == f"{url}/chat/"
    site.nginx.end()
    alice.page.reload()
    alice.shows("one")
    alice.say("two")
    expect(alice.waiting).to_have_count(1)
    other = open_tab("/chat/r/Caf%C3%A9%201", context=alice.page.context)
    other.open()
    expect(other.page.get_by_role("heading", name="café-1")).to_be_visible()
    assert other.page.url == f"{url}/chat/r/caf%C3%A9-1"
    open_rooms(other, "café-1")
    site.nginx.start()
    alice.wake()
    alice.shows("one", "two")
    expect(alice.waiting).to_have_count(0)


def test_location_that_lacks_its_slash_leads_to_the_same_page(
    make_site: Callable[..., Site], enter: Enter
) -> None:
    """The usual mistake: nginx then asks for `//static/…` and `//ws`."""
    site = make_site({"TRUSTED_PROXIES": "1"}, ("location /chat/ {", "location /chat {"))
    alice = enter("Alice", path="/chat", base_url=site.nginx.url)
    alice.say("*hello*")
    expect(alice.log.get_by_role("emphasis")).to_have_text("hello", use_inner_text=True)
    assert alice.page.url == f"{site.nginx.url}/chat/"
    alice.page.reload()
    keeps(alice, "*hello*")


@pytest.mark.embedded
def test_full_chat_under_a_path_is_said(
    make_site: Callable[..., Site], enter: Enter, open_tab: Enter
) -> None:
    site = make_site({"TRUSTED_PROXIES": "1", "CHAT_MAX_CONNECTIONS": "1"})
    enter("Alice", path="/chat/", base_url=site.nginx.url)
    bob = open_tab("/chat/", base_url=site.nginx.url)
    bob.open()
    bob.nick.fill("Bob")
    bob.nick.press("Enter")
    expect(bob.page.get_by_text("The chat is full at the moment.").first).to_be_visible()


def test_unbuilt_page_works_under_a_path_too(make_site: Callable[..., Site], enter: Enter) -> None:
    site = make_site({"TRUSTED_PROXIES": "1"}, command=_DEBUG)
    alice = enter("Alice", path="/chat/r/garden", base_url=site.nginx.url)
    alice.say("*hello*")
    expect(alice.log.get_by_role("emphasis")).to_have_text("hello", use_inner_text=True)
    expect(alice.page.locator("body")).to_have_attribute("data-version", "")


def test_two_chats_on_one_site_keep_their_own_pages(
    make_site: Callable[..., Site],
    make_server: Callable[..., ChatServer],
    enter: Enter,
    open_tab: Enter,
    tree: Path,
) -> None:
    """Each has a version of its own: neither tidies up what the other one keeps."""
    with (tree / "chat/templates/manifest.jinja").open("a") as manifest:
        manifest.write("\n")
    newer = make_server(cwd=tree, settings={"TRUSTED_PROXIES": "1"})
    newer.start()
    site = make_site({"TRUSTED_PROXIES": "1"}, beside=newer)
    chat = enter("Alice", path="/chat/r/garden", base_url=site.nginx.url)
    until(chat.page, "navigator.serviceWorker.controller !== null")
    chat.page.evaluate("Promise.all(['1', '2'].map((old) => caches.open(`tchat:${old}/chat`)))")
    team = open_tab("/team/r/kitchen", context=chat.page.context)
    team.open()
    team.enter("Bob")
    until(team.page, "navigator.serviceWorker.controller !== null")
    kept = sorted(name.partition("/")[2] for name in versions(team.page))
    assert kept == ["chat", "chat", "chat", "team"]
    site.nginx.end()
    for tab, room in ((chat, "garden"), (team, "kitchen")):
        tab.page.reload()
        expect(tab.page.get_by_role("heading", name=room)).to_be_visible()
