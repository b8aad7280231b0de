"""The bench's visitors load what a browser loads."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page

from bench.page import crawl
from tests.browser.tab import Tab
from tests.support.servers import ChatServer

# A browser without a window, as in this test, does not fetch the manifest.
_MANIFESTS = {"/manifest.webmanifest"}


def _note(page: Page) -> set[str]:
    paths: set[str] = set()
    page.on("request", lambda request: paths.add(urlsplit(request.url).path))
    return paths


@pytest.mark.whole_browser  # which asks for the icon of its tab
def test_a_visitor_of_the_bench_loads_what_a_browser_loads(
    open_tab: Callable[..., Tab], chat_server: ChatServer
) -> None:
    tab = open_tab(service_workers="block")
    asked = _note(tab.page)
    with tab.page.expect_request("**/static/icon-*"):  # the icon may come after the page
        tab.open()  # until the page reports that all files that it names are loaded
        at_once = set(asked)
    tab.page.wait_for_load_state("networkidle")

    port = urlsplit(chat_server.url).port
    assert port is not None
    named = set(crawl(port).names)

    assert at_once <= named
    assert named - asked == _MANIFESTS
