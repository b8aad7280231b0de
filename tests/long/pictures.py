"""Take pictures of the page and the terminal, for people to look at: `make pictures`.

It writes ten states in three sizes, in both schemes and languages, into build/pictures/. It
copies the few pictures that introduce the project into docs/.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import tempfile
from contextlib import ExitStack
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from chat.cli.connect.app import ChatApp
from chat.client import Client as Member
from tests.browser.tab import Tab
from tests.conftest import OPERATOR
from tests.support.client import Client
from tests.support.servers import ROOT, ChatServer

_FOLDER = ROOT / "build" / "pictures"
_SIZES = {"phone": (360, 740), "tablet": (768, 1024), "screen": (1440, 900)}
_SCHEMES = ("light", "dark")
_BUSY = ("busy", "offline", "menu", "changed", "search")  # where people have talked
_MADE = ("making", "links", "panel")  # of a room that the reader makes
_STATES = ("empty", "full", *_BUSY, *_MADE)
_ROOM = "lausanne"
_READER = "Zoé"
# By language: the messages with their writers, and what the reader adds without a network.
_TALKS = {
    "en-GB": (
        [
            ("Jan", "Train's at **8:12**, platform 3. Who needs a lift to the station?"),
            ("Léa", "Me, please, if there's room 🙌"),
            ("Zoé", "@Jan I'll walk. Tickets: https://example.org/group/4711"),
            (
                "Jan",
                "What to bring:\n\n- rain jacket\n- `student card`\n- something for the picnic",
            ),
            ("Léa", "> rain jacket\n\nReally? The forecast says sun ☀️"),
        ],
        "I'm in the tunnel, see you at the stop.",
    ),
    "fr-FR": (
        [
            ("Jan", "Le train part à **8 h 12**, voie 3. Qui a besoin d’une place en voiture ?"),
            ("Léa", "Moi, volontiers, s’il en reste 🙌"),
            ("Zoé", "@Jan Je viens à pied. Les billets : https://example.org/groupe/4711"),
            ("Jan", "À prendre :\n\n- une veste de pluie\n- la `carte d’élève`\n- le pique-nique"),
            ("Léa", "> une veste de pluie\n\nVraiment ? On annonce du soleil ☀️"),
        ],
        "Je suis dans le tunnel, à tout de suite.",
    ),
}
_SHOWN = {
    "page.png": "busy-screen-light-en-GB",
    "page-dark.png": "busy-tablet-dark-en-GB",
    "page-phone.png": "busy-phone-light-fr-FR",
    "page-empty.png": "empty-phone-light-fr-FR",
    "page-offline.png": "offline-phone-dark-fr-FR",
    "page-full.png": "full-phone-light-en-GB",
    "page-changed.png": "changed-screen-light-en-GB",
    "page-menu.png": "menu-phone-light-fr-FR",
    "page-search.png": "search-phone-dark-fr-FR",
    "page-making.png": "making-phone-light-fr-FR",
    "page-links.png": "links-phone-light-en-GB",
    "page-panel.png": "panel-tablet-dark-en-GB",
    "terminal.png": "terminal",
}
_TERMINAL = {"width": 994, "height": 635}  # of 80 columns and 24 lines, as Textual draws them


def talk(server: ChatServer, locale: str, stack: ExitStack) -> dict[str, Client]:
    """Let people talk; all but the reader stay. Give all of them by their nicks."""
    people: dict[str, Client] = {}
    for nick, text in _TALKS[locale][0]:
        if nick not in people:
            people[nick] = stack.enter_context(Client(server.ws_url))
            people[nick].join(nick, _ROOM)
        people[nick].post(text)
    people[_READER].ws.close()
    return people


def change(server: ChatServer, locale: str, key: str | None) -> None:
    """Answer, edit, take back and pin something in the room, as somebody in it."""
    french = locale == "fr-FR"
    with Client(server.ws_url) as lea:
        lea.key = key
        lea.join("Léa", _ROOM, owner=OPERATOR)
        first = lea.messages[0]["seq"]
        lea.post("On se retrouve au quai ?" if french else "Shall we meet there?", reply=first)
        late = lea.post("Demain à 9 h." if french else "Tomorrow at 9.")["seq"]
        lea.edit(late, "Demain à **8 h**." if french else "Tomorrow at **8**.")
        lea.remove(lea.post("Oups" if french else "Oops")["seq"])
        lea.pin(first)


def show(tab: Tab, state: str) -> None:
    """Bring a page that is in the room into a state."""
    page = tab.page
    if state == "menu":
        words = tab.log.get_by_role("listitem").nth(1)
        box = words.bounding_box()
        assert box is not None
        session = page.context.new_cdp_session(page)
        point = {"x": box["x"] + 80, "y": box["y"] + box["height"] - 12}
        for kind, points in (("touchStart", [point]), ("touchEnd", [])):
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
            page.wait_for_timeout(1000)  # a finger that stays
        expect(page.get_by_role("dialog")).to_be_visible()
    elif state == "search":
        page.keyboard.press("Control+k")
        panel = page.get_by_role("search")
        panel.get_by_role("searchbox").fill("train")
        expect(panel.get_by_role("link").first).to_be_visible()
    elif state in _MADE:
        page.get_by_role("button", name=re.compile("^(New room|Nouveau salon)$")).click()
        if state != "making":
            own(tab, state)


def own(tab: Tab, state: str) -> None:
    """Make a room, and see its links or its panel."""
    page = tab.page
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox").first.fill("pique-nique")
    page.get_by_role("button", name=re.compile("Make the room|Créer le salon")).click()
    enter = page.get_by_role("link", name=re.compile("Enter the room|Entrer dans le salon"))
    expect(enter).to_be_visible()
    if state == "panel":
        enter.click()
        expect(tab.composer).to_be_visible()
        page.get_by_role("button", name="pique-nique").click()
        page.get_by_role("button", name=re.compile("Manage this room|Gérer ce salon")).click()
        expect(page.get_by_role("dialog")).to_be_visible()


def take(browser: Browser, name: str) -> None:
    """Take one picture, with a server of its own."""
    state, size, scheme, locale = name.split("-", 3)
    width, height = _SIZES[size]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        places = "1" if state == "full" else "10"
        settings = {"CHAT_MAX_CONNECTIONS": places, "CHAT_ADMIN_TOKEN": OPERATOR}
        server = ChatServer(folder, settings=settings)
        stack.callback(server.end)
        server.start()
        context = browser.new_context(
            base_url=server.url,
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            locale=locale,
            timezone_id="Europe/Paris",
        )
        stack.callback(context.close)
        tab = Tab(context.new_page(), f"/r/{_ROOM}")
        if state in _BUSY:
            people = talk(server, locale, stack)
            me = json.dumps({"nick": _READER, "key": people[_READER].key})
            tab.page.add_init_script(f"sessionStorage.setItem('tchat:me', JSON.stringify({me}))")
            tab.open()
            expect(tab.log.get_by_role("strong")).to_be_visible()
            tab.composer.click()  # the reader has seen as whom the page entered
            if state == "changed":
                change(server, locale, people["Léa"].key)
                expect(tab.page.locator("#pin")).to_be_visible()
        elif state != "full":
            tab.open()
            tab.enter(_READER)
            expect(tab.page.get_by_role("button", name=re.compile("QR"))).to_be_visible()
        else:
            stack.enter_context(Client(server.ws_url))
            tab.open()
            tab.nick.fill(_READER)
            tab.nick.press("Enter")
            expect(tab.state).to_have_text(re.compile("is full|Complet"))
        show(tab, state)
        if state == "offline":
            context.set_offline(True)
            tab.say(_TALKS[locale][1])
            expect(tab.state).to_have_text(re.compile("offline|Hors connexion"))
        tab.page.wait_for_timeout(500)  # until everything has faded in
        tab.page.screenshot(path=_FOLDER / f"{name}.png")


def draw_terminal() -> str:
    """Draw `tchat connect` while the server is away, as SVG."""
    os.environ["LC_ALL"] = "en_GB.UTF-8"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = ChatServer(folder, settings={"CHAT_ADMIN_TOKEN": OPERATOR})
        stack.callback(server.end)
        server.start()
        people = talk(server, "en-GB", stack)
        change(server, "en-GB", people["Léa"].key)
        client = Member(f"{server.url}/r/{_ROOM}", _READER, key=people[_READER].key)
        stack.callback(client.close)

        async def act() -> str:
            app = ChatApp(client, _ROOM)
            async with app.run_test(size=(80, 24)) as pilot:
                client.wait_joined()
                await pilot.pause(0.5)
                server.stop()
                await pilot.press(*_TALKS["en-GB"][1], "enter")
                await pilot.pause(1.0)
                return app.export_screenshot()

        # It names fonts of another host.
        return re.sub(r"@font-face \{.*?\}", "", asyncio.run(act()), flags=re.DOTALL)


def take_terminal(browser: Browser, drawing: str) -> None:
    """Take the picture of the terminal."""
    page = browser.new_page(viewport=_TERMINAL)
    page.set_content(f'<body style="margin: 0">{drawing}</body>')
    page.screenshot(path=_FOLDER / "terminal.png", omit_background=True)
    page.close()


def main() -> None:
    """Take all pictures, and copy those of the documents."""
    drawing = draw_terminal()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        take_terminal(browser, drawing)
        for parts in product(_STATES, _SIZES, _SCHEMES, _TALKS):
            take(browser, "-".join(parts))
        browser.close()
    for target, name in _SHOWN.items():
        shutil.copyfile(_FOLDER / f"{name}.png", ROOT / "docs" / target)


if __name__ == "__main__":
    main()
