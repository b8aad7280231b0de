"""The page of an error, as a reader meets it; and addresses that lead to their room."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.tab import Tab
from tests.browser.test_accessibility import axe
from tests.browser.test_offline import keeps
from tests.browser.test_page import PHONE, fits
from tests.support.servers import ChatServer

Enter = Callable[..., Tab]

# Chromium reports the 404 of a page as an error, so these pages are not watched as others are.
READERS = {
    "fr-FR": ("Aucun salon ne peut porter ce nom.", "Entrer dans le salon l-été", "Ouvrir"),
    "en-GB": ("No room can have this name.", "Enter the room l-été", "Open"),
}


@pytest.mark.parametrize("locale", READERS)
def test_page_of_an_error_can_be_read_and_leads_on(
    chat_server: ChatServer, new_context: Callable[..., BrowserContext], locale: str
) -> None:
    wrong, near, go = READERS[locale]
    context = new_context(locale=locale, viewport=PHONE, base_url=chat_server.url)
    page = context.new_page()
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.goto("/r/l'%C3%A9t%C3%A9")
        expect(page.get_by_role("heading", name=wrong)).to_be_visible()
        assert axe(page, whole=True) == []
        assert fits(page)
    # Without the sheet and without scripts, too: the files of the page may be missing.
    page.route("**/static/**", lambda route: route.abort())
    page.reload()
    expect(page.get_by_role("heading", name=wrong)).to_be_visible()
    page.unroute("**/static/**")
    page.get_by_role("textbox").fill("Salle 3 B !")
    page.get_by_role("button", name=go).click()
    expect(page).to_have_url(re.compile("/r/salle-3-b$"))
    page.go_back()
    page.get_by_role("link", name=near).click()
    expect(page).to_have_url(re.compile("/r/l-%C3%A9t%C3%A9$"))
    expect(page.get_by_role("heading", name="l-été")).to_be_visible()


def test_addresses_are_repaired_without_a_server_as_with_one(
    chat_server: ChatServer, enter: Enter
) -> None:
    alice = enter("Alice", path="/r/Le%20Salon%C2%A0!")
    expect(alice.page).to_have_url(re.compile("/r/le-salon$"))
    alice.say("one")
    keeps(alice, "one", room="le-salon")
    chat_server.kill()
    for path in ("/r/Le%2520Salon,", "/R/le+salon/"):
        alice.page.goto(path)
        expect(alice.page).to_have_url(re.compile("/r/le-salon$"))
        alice.shows("one")
    alice.page.goto("/r/a.b")
    expect(alice.page.get_by_role("alert").filter(has_text="No room can have")).to_be_visible()
    expect(alice.page).to_have_title("general · Tchat")
