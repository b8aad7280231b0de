"""Servers of two versions behind one address, while one after the other is replaced."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Watch
from tests.browser.tab import Tab, Wire
from tests.browser.test_offline import change, version
from tests.browser.test_rooms import open_rooms
from tests.support.nginx import Nginx
from tests.support.redis import RedisServer
from tests.support.servers import ChatServer

Enter = Callable[..., Tab]

# Each request goes to the next server; one that does not listen is left out.
_SITE = """
map $http_upgrade $connection_upgrade { default upgrade; "" ""; }
upstream tchat { server 127.0.0.1:%d max_fails=0; server 127.0.0.1:%d max_fails=0; }
server {
    listen 127.0.0.1:{port};
    location / {
        proxy_pass http://tchat;
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }
}
"""


class Rolling(NamedTuple):
    """Two servers, the newer one with another page, and the one address of both."""

    old: ChatServer
    new: ChatServer
    url: str


@pytest.fixture
def rolling(
    tree: Path,
    make_server: Callable[..., ChatServer],
    redis_server: RedisServer,
    tmp_path: Path,
) -> Iterator[Rolling]:
    """Run them with one log."""
    change(tree)
    options = {"settings": {"TRUSTED_PROXIES": "1"}, "redis_url": redis_server.url}
    servers = [make_server(**options), make_server(cwd=tree, **options)]
    for server in servers:
        server.start()
    nginx = Nginx(tmp_path, _SITE % tuple(server.port for server in servers))
    nginx.start()
    yield Rolling(*servers, nginx.url)
    nginx.end()


def open_old(tab: Tab, rolling: Rolling) -> str:
    """Load the page until it is the older one; give its version."""
    old = re.search(r'data-version="(\w+)"', rolling.old.get("/"))
    assert old is not None
    tab.open()
    while version(tab.page) != old[1]:
        tab.page.reload()  # bounded by the test's timeout: every second page is the older one
    return old[1]


def test_page_starts_whichever_of_the_servers_have_its_files(
    rolling: Rolling, open_tab: Enter
) -> None:
    seen = set()
    for number in range(4):
        tab = open_tab(base_url=rolling.url)
        tab.open()
        tab.enter(f"Ann {number}")
        open_rooms(tab)  # a part of its own
        seen.add(version(tab.page))
        tab.page.context.close()
    assert len(seen) == 2


def test_page_whose_files_are_gone_offers_to_reload_and_loses_nothing(
    rolling: Rolling, open_tab: Enter, watch: Watch
) -> None:
    """Here no worker keeps the page, as on plain http in a local network."""
    tab = open_tab(base_url=rolling.url)
    tab.page.add_init_script("delete Navigator.prototype.serviceWorker")
    wire = Wire(tab.page)
    old = open_old(tab, rolling)
    tab.enter("Alice")
    tab.say("*one*")
    expect(tab.log.get_by_role("emphasis")).to_have_text("one", use_inner_text=True)
    wire.cut = True
    wire.close(1012)
    tab.say("waits")
    tab.composer.fill("half a sen")
    rolling.old.stop()
    tab.page.get_by_role("heading", level=1).get_by_role("button").click()
    said = tab.page.get_by_role("status").filter(has_text="no longer this part of the old one")
    expect(said).to_be_visible()
    expect(tab.page.get_by_role("alert").filter(has_text="could not be loaded")).to_have_count(0)
    assert version(tab.page) == old
    said.get_by_role("button", name="Reload").click()
    expect(tab.page.locator("body")).not_to_have_attribute("data-version", old)
    expect(tab.composer).to_have_value("half a sen")
    expect(tab.waiting).to_have_count(1)
    wire.cut = False
    tab.wake()
    tab.shows("one", "waits")
    open_rooms(tab)
    watch.complaints = [each for each in watch.complaints if "404" not in each]
