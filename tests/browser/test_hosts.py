"""Real pages under hosts that people have in their networks: they talk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.tab import Tab
from tests.support.nginx import Nginx
from tests.support.servers import GUNICORN, ChatServer

# Chromium takes every name below localhost for this machine.
HOSTS = ["my_pc.localhost", "my_pc.localhost.", "CHAT.Localhost", "xn--caf-dma.localhost", "[::1]"]


def test_page_of_any_host_talks(
    make_server: Callable[..., ChatServer], new_context: Callable[..., BrowserContext]
) -> None:
    bind = ("--bind", "127.0.0.1:{port}", "--bind", "[::1]:{port}")
    server = make_server((*GUNICORN, *bind))
    server.start()
    context = new_context(locale="en-GB")
    for number, host in enumerate(HOSTS):
        talks(context, f"http://{host}:{server.port}/r/host-{number}")


@pytest.mark.parametrize("port", ["80", "443"])
def test_page_behind_a_proxy_that_adds_a_port_and_says_https_twice_talks(
    make_server: Callable[..., ChatServer],
    new_context: Callable[..., BrowserContext],
    tmp_path: Path,
    port: str,
) -> None:
    """The page's own port is the scheme's, which browsers leave out: nginx plays that proxy."""
    server = make_server(settings={"TRUSTED_PROXIES": "1"})
    server.start()
    lines = (
        "proxy_http_version 1.1",
        'proxy_set_header Connection "upgrade"',
        "proxy_set_header Upgrade $http_upgrade",
        f"proxy_set_header Host $host:{port}",
        "proxy_set_header Origin $page",
        "proxy_set_header X-Forwarded-Proto https",
        "proxy_set_header X-Forwarded-Ssl off",
        "proxy_set_header X-Forwarded-Protocol http",
    )
    # Nobody may listen on port 80 here: the page's origin loses its port on the way.
    origin = 'map $http_origin $page { ~^(?<site>https?://[^:]+) $site; default ""; }'
    place = f"location / {{ proxy_pass {server.url}; {'; '.join(lines)}; }}"
    nginx = Nginx(tmp_path, f"{origin} server {{ listen 127.0.0.1:{{port}}; {place} }}")
    nginx.start()
    try:
        talks(new_context(locale="en-GB"), f"http://my_pc.localhost:{nginx.port}/")
    finally:
        nginx.end()


def talks(context: BrowserContext, url: str) -> None:
    """Open the page, enter and talk."""
    tab = Tab(context.new_page(), url)
    tab.open()
    tab.enter("Alice")
    tab.say("hello")
    tab.shows("hello")
    expect(tab.waiting).to_have_count(0)
    tab.page.close()
