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


@pytest.mark.long
def test_pages_start_and_lose_nothing_while_servers_are_replaced(
    rolling: Rolling, open_tab: Enter, watch: Watch
) -> None:
    """Here no worker keeps the page, as on plain http in a local network."""
    tab = open_tab(base_url=rolling.url)
    tab.page.add_init_script("delete Navigator.prototype.serviceWorker")
    wire = Wire(tab.page)
    found = re.search(r'data-version="(\w+)"', rolling.old.get("/"))
    assert found is not None
    old = found[1]

    # Half of what each page asks for comes to a server that does not have it.
    seen: list[str] = []
    while not (len(set(seen)) == 2 and seen[-1] == old):  # bounded by the test's timeout
        tab.open()
        expect(tab.nick).to_be_visible()
        seen.append(version(tab.page))
    tab.enter("Alice")
    tab.say("*one*")
    expect(tab.log.get_by_role("emphasis")).to_have_text("one", use_inner_text=True)
    wire.cut = True
    wire.close(1012)
    tab.say("waits")
    tab.composer.fill("half a sen")

    # The last server of the page's version is gone.
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
