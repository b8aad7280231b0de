"""Every state that the page has, one after the other, in one tab."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Locator, expect

from tests.browser.tab import Tab, Wire
from tests.support.client import Client
from tests.support.servers import ChatServer

LONGEST_NICK = "W" * 32
LONGEST_ROOM = "/r/" + "m" * 32
WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}

_RICH = """**bold**, *slanted*, ~~gone~~, `code`, https://example.org/a/page, [named](http://x.org)

> a quote
> > of a quote

- one
- two
  1. deep

@Zoé and @Bob :tada:"""
_CODE = "```python\ndef greet(name: str) -> int:\n    # says hello\n    return len('x' * 42)  " + (
    "and a line that is far too long for any phone, whatever way it is held\n```"
)
_RTL = "שלום לכולם, מה שלומכם? **חזק** 123"
_LINES = "\n".join(f"line {number}" for number in range(200))
_SAID = [_CODE, _LINES, "x" * 2000, "word " * 399, _RTL, "> " + _RTL + "\n\n- " + _RTL, "🎉", _RICH]

State = tuple[str, tuple[dict[str, int], ...]]
_BOTH = (WIDE, PHONE)
_NARROW = (PHONE,)


def either(*names: str) -> re.Pattern[str]:
    """Match a name in any of the languages."""
    return re.compile("^(" + "|".join(names) + ")$")


class Tour:
    """A tab that goes through all states and makes rooms for them. `open_tab` is the fixture."""

    def __init__(self, server: ChatServer, tab: Tab, tag: str) -> None:
        self.server = server
        self.tab = tab
        self.page = tab.page
        self.wire = Wire(tab.page)
        self.room = f"talk-{tag}"
        self.alone = f"/r/alone-{tag}"

    def button(self, *names: str) -> Locator:
        """Find a button, by its English and its French name."""
        return self.page.get_by_role("button", name=either(*names)).filter(visible=True)

    def dialog(self) -> Locator:
        """Find the dialog that is open."""
        return self.page.get_by_role("dialog").filter(visible=True).last

    def open(self, *names: str) -> None:
        """Press the button that opens a dialog, and wait for a dialog that was not open before."""
        before = self.page.get_by_role("dialog").filter(visible=True).count()
        self.button(*names).click()
        expect(self.page.get_by_role("dialog").filter(visible=True)).to_have_count(before + 1)

    def states(self) -> Iterator[State]:
        """Give each state's name, and the part of the page that differs, when the tab is in it."""
        with Client(self.server.ws_url) as bob, Client(self.server.ws_url) as longest:
            bob.join("Bob", self.room)
            longest.join(LONGEST_NICK, self.room)
            for number in range(24):
                (bob if number % 3 else longest).post(f"message {number}")
            for text in _SAID:
                bob.post(text)
            yield from self._entering()
            yield from self._alone()
            yield from self._talking(bob)
            yield from self._searching()
            yield from self._changing(bob)
            yield from self._dialogs()
            yield from self._made()
            yield from self._posts()
            yield from self._connection()
            yield from self._crowd()

    def _entering(self) -> Iterator[State]:
        tab = self.tab
        self.page.goto("/privacy")
        expect(self.page.get_by_role("heading", level=2)).to_be_visible()
        yield "what is kept", _BOTH
        tab.path = f"/r/{self.room}"
        tab.open()
        expect(tab.nick).to_be_visible()
        yield "first visit", _BOTH
        self.wire.refusals["join"] = {"code": "rate_limited", "retry_after": 60}
        tab.nick.fill("Zoé")
        tab.nick.press("Enter")
        expect(self.page.get_by_role("alert").filter(visible=True)).to_be_visible()
        yield "entering later", _NARROW
        self.wire.refusals.clear()
        self.page.evaluate("sessionStorage.clear()")  # as if no nick had been chosen
        tab.open()
        expect(tab.nick).to_be_visible()
        tab.nick.press("Enter")
        expect(self.page.get_by_role("alert").filter(visible=True)).to_be_visible()
        yield "invalid nick", _BOTH
        tab.nick.fill(LONGEST_NICK)
        tab.nick.press("Enter")
        expect(self.button("Take “.*”", "Prendre «.*»")).to_be_visible()
        yield "taken nick", _BOTH
        self.wire.deaf = True
        tab.nick.fill("Zoé")
        tab.nick.press("Enter")
        expect(self.button("Enter", "Entrer")).to_be_disabled()
        yield "entering", _NARROW
        self.wire.deaf = False
        self.page.reload()  # the nick was chosen before: the tab enters at once
        expect(tab.log.get_by_role("listitem").last).to_be_visible()
        self.wire.deaf = True
        tab.path = self.alone
        tab.open()
        expect(self.page.get_by_text(re.compile("Entering the room|Entrée dans"))).to_be_visible()
        yield "joining", _BOTH
        self.wire.deaf = False

    def _alone(self) -> Iterator[State]:
        self.tab.open()
        expect(self.button("Enlarge the QR code", "Agrandir le code QR")).to_be_visible()
        yield "empty room of one", _BOTH
        self.tab.path = LONGEST_ROOM
        self.tab.open()
        expect(self.button("Enlarge the QR code", "Agrandir le code QR")).to_be_visible()
        yield "empty room with the longest name", _NARROW

    def _talking(self, bob: Client) -> Iterator[State]:
        tab, page = self.tab, self.page
        tab.path = f"/r/{self.room}"
        tab.open()
        items = tab.log.get_by_role("listitem")
        expect(items.get_by_role("emphasis").first).to_have_count(1)
        expect(tab.log.get_by_text("def", exact=True)).to_be_attached()  # coloured
        expect(tab.log.get_by_text("🎉").last).to_be_attached()
        yield "busy", _BOTH
        tab.point_at(items.last)
        expect(self.button("Copy", "Copier").last).to_be_visible()
        yield "what a message offers", _BOTH
        page.mouse.move(0, 0)
        self.wire.tell(type="typing", member={"id": "carl", "nick": LONGEST_NICK[:-1] + "V"})
        for nick in ("Carl", LONGEST_NICK, "שלמה"):  # the longest is another member's already
            self.wire.tell(type="joined", member={"id": nick, "nick": nick})
        expect(page.get_by_text(re.compile("V\u2069 (is writing|écrit)"))).to_be_visible()
        expect(page.get_by_role("status").filter(has_text="Carl")).to_be_visible()
        tab.composer.fill("x" * 1900)
        yield "writing, comings, characters left", _BOTH
        tab.composer.fill("one\n" * 12 + "x" * 2001)
        yield "too long a text", _NARROW
        tab.composer.fill("")
        tab.composer.press_sequentially("@")
        expect(page.get_by_role("listbox")).to_be_visible()
        tab.composer.press("ArrowDown")
        yield "nicks suggested", _BOTH
        tab.composer.press("Escape")
        tab.composer.fill("")
        tab.composer.press_sequentially(":tad")
        expect(page.get_by_role("listbox")).to_be_visible()
        yield "emoji suggested", _NARROW
        tab.composer.press("Escape")
        tab.composer.fill("")
        tab.composer.press("PageUp")
        tab.composer.press("PageUp")
        to_end = self.button("Latest messages", "Derniers messages")
        expect(to_end).to_be_visible()
        bob.post("news")
        to_end = self.button("1 new message", "1 nouveau message")
        expect(to_end).to_be_visible()
        yield "scrolled up, new messages", _BOTH
        page.get_by_role("region", name="Conversation").evaluate("(it) => { it.scrollTop = 0 }")
        expect(page.get_by_text(re.compile("This is where|commence ici"))).to_be_visible()
        yield "the beginning", _NARROW
        to_end.click()

    def _searching(self) -> Iterator[State]:
        page = self.page
        page.keyboard.press("Control+k")
        panel = page.get_by_role("search")
        panel.get_by_role("searchbox").fill("message")
        expect(panel.get_by_role("link").first).to_be_visible()
        yield "words found", _BOTH
        panel.get_by_role("searchbox").fill("nothing at all")
        words = re.compile("No message has|Aucun message ne contient")
        expect(panel.get_by_role("status")).to_have_text(words)
        yield "no words found", _BOTH
        page.keyboard.press("Escape")

    def _changing(self, bob: Client) -> Iterator[State]:
        tab, page = self.tab, self.page
        items = tab.log.get_by_role("listitem")
        seq = bob.post("who comes? " + "and when " * 12)["seq"]
        bob.post("a **word** of mine", reply=seq)
        bob.edit(bob.post("frist")["seq"], "first")
        bob.post("an answer to what is gone", reply=bob.post("a mistake")["seq"])
        bob.remove(bob.messages[-2]["seq"])
        expect(tab.log.get_by_text(re.compile("message (removed|retiré)"))).to_have_count(2)
        tab.say("mine")
        expect(items.last).to_contain_text("mine")
        tab.composer.press("ArrowUp")
        expect(self.button("Save", "Enregistrer")).to_be_visible()
        yield "edited, removed, answered; editing", _BOTH
        tab.composer.press("Escape")
        items.nth(-2).hover()
        self.button("Reply", "Répondre").click()
        expect(self.button("Cancel", "Annuler")).to_be_visible()
        self.wire.tell(type="muted", until="2099-01-01T00:00:00.000Z")
        yield "answering, muted", _BOTH
        self.wire.tell(type="muted", until=None)
        tab.composer.press("Escape")
        items.last.hover()
        self.button("Take back", "Retirer").click()
        yield "taking back asked", _NARROW
        page.mouse.move(0, 0)
        self.wire.refusals["edit"] = {"code": "too_late"}
        tab.composer.press("ArrowUp")
        tab.composer.fill("mine, changed")
        tab.composer.press("Enter")
        expect(tab.log.get_by_text(re.compile("too late|trop tard"))).to_be_visible()
        pinned = next(each for each in bob.messages if each["seq"] == seq)
        member, at = bob.member, pinned["at"]
        self.wire.tell(
            type="pinned", seq=bob.seq + 2, id="pin", member=member, target=seq, at=at,
            message={**pinned, "type": "message", "text": "a long text " * 30},
        )  # fmt: skip
        self.button("More", "Plus").click()
        yield "edit refused, something pinned", _BOTH
        self.wire.refusals.clear()
        page.reload()
        expect(tab.log.get_by_text(re.compile("too late|trop tard"))).to_be_visible()
        self.button("Close", "Fermer").click()

    def _dialogs(self) -> Iterator[State]:
        tab, page = self.tab, self.page
        self.button("Mute Bob", "Masquer Bob").press("Enter")
        expect(tab.log.get_by_text(re.compile("You muted|masqu")).first).to_be_attached()
        yield "somebody muted", _BOTH
        self.open("Change my nick", "Changer de pseudo")
        yield "rename", _BOTH
        self.dialog().get_by_role("textbox").fill(LONGEST_NICK)
        page.keyboard.press("Enter")
        expect(self.dialog().get_by_role("alert")).to_have_text(re.compile("."))
        yield "rename refused", _NARROW
        page.keyboard.press("Escape")
        self.open(self.room)
        yield "rooms", _BOTH
        self.dialog().get_by_role("textbox").fill("a/b")
        page.keyboard.press("Enter")
        yield "room refused", _NARROW
        self.button("Show QR code", "Afficher le code QR").click()
        expect(page.get_by_role("img")).to_be_visible()
        yield "QR code", _BOTH
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")
        self.open("Settings", "Réglages")
        yield "settings", _BOTH
        page.keyboard.press("Escape")
        page.evaluate(
            "() => void Object.defineProperty(Notification, 'permission', { value: 'denied' })"
        )
        self.open("Settings", "Réglages")
        expect(self.dialog().get_by_role("combobox", name="Notifications")).to_be_disabled()
        yield "settings without notifications", _NARROW
        self.button("Forget this device", "Oublier cet appareil").click()
        said = re.compile("no longer knows who you are|ne saura plus qui vous êtes")
        expect(self.dialog().get_by_text(said)).to_be_visible()
        yield "forgetting asked", _NARROW
        self.open("Continue on another device", "Continuer sur un autre appareil")
        self.button("Show the code", "Afficher le code").click()
        expect(self.dialog().get_by_role("img")).to_be_visible()
        yield "another device, code", _BOTH
        page.keyboard.press("Escape")
        self.open("Keyboard shortcuts", "Raccourcis clavier")
        yield "shortcuts", _BOTH
        page.keyboard.press("Escape")
        self.dialog().get_by_role("button", name=either("Unmute Bob", "Réafficher Bob")).click()
        page.keyboard.press("Escape")
        page.evaluate(f"location.hash = '#key={'k' * 32}&nick={LONGEST_NICK}'")
        expect(self.button("Enter as .*", "Entrer comme .*")).to_be_visible()
        yield "handed over", _NARROW
        page.keyboard.press("Escape")
        page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
        self.open("Copy link", "Copier le lien")
        yield "link", _BOTH
        page.keyboard.press("Escape")
        self.open("Insert an emoji", "Insérer un émoji")
        search = self.dialog().get_by_role("combobox")
        expect(search).to_be_focused()
        yield "emoji", _BOTH
        search.fill("a")
        search.press("ArrowDown")
        yield "emoji searched", _NARROW
        search.fill("nothing at all")
        yield "no emoji found", _NARROW
        search.press("Escape")
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        page.get_by_role("button", name=either(r"\d+ (people|personnes)")).click()
        yield "people", _NARROW
        page.keyboard.press("Escape")
        page.set_viewport_size(WIDE)  # type: ignore[arg-type]

    def _made(self) -> Iterator[State]:
        """Make a room, own it, and see it end."""
        tab, page = self.tab, self.page
        self.open(self.room)
        self.button("New room", "Nouveau salon").click()
        expect(self.dialog().get_by_role("radio").first).to_be_checked()
        yield "new room", _BOTH
        self.dialog().get_by_role("radio").nth(1).check()
        self.dialog().get_by_role("textbox").fill(LONGEST_NICK)
        self.dialog().get_by_role("combobox").select_option("moment")
        self.button("Make the room", "Créer le salon").click()
        expect(self.button("Copy owners’ link", "Copier le lien des propriétaires")).to_be_visible()
        self.button("Show QR code", "Afficher le code QR").last.click()
        expect(self.dialog().get_by_role("img")).to_be_visible()
        yield "the two links", _BOTH
        page.get_by_role("link", name=either("Enter the room", "Entrer dans le salon")).click()
        expect(tab.composer).to_be_visible()
        made = "/r/" + LONGEST_NICK.lower()
        with Client(self.server.ws_url) as carl:
            carl.join("Carl", made.removeprefix("/r/"))
            carl.post("something unkind")
            carl.ask("report", target=1, text="It is not kind. " * 20)
            self.button("Moderate Carl", "Modérer Carl").first.press("Enter")
            self.button("Silence", "Couper la parole").click()
            now = self.button("Let write again.*", "Rendre la parole.*")
            expect(now).to_be_visible()
            yield "somebody moderated", _BOTH
            page.keyboard.press("Escape")
            self.open(LONGEST_NICK.lower())
            self.button("Manage this room", "Gérer ce salon").click()
            expect(now).to_be_visible()
            self.button("End the conversation now", "Mettre fin à la conversation").click()
            yield "owners’ panel", _BOTH
            page.keyboard.press("Escape")
            tab.path = made
            page.evaluate("localStorage.clear()")  # no owner any more
            tab.open()
            expect(tab.composer).to_be_visible()
            tab.point_at(tab.log.get_by_role("listitem"))
            self.button("Report", "Signaler").click()
            expect(self.dialog().get_by_role("textbox")).to_be_focused()
            yield "reporting", _BOTH
            page.keyboard.press("Escape")
        page.mouse.move(0, 0)
        self.open("Settings", "Réglages")
        self.button("Operator", "Opérateur").click()
        self.dialog().get_by_role("textbox").fill("not the token")
        page.keyboard.press("Enter")
        expect(self.dialog().get_by_role("alert")).to_have_text(re.compile("."))
        yield "operator refused", _NARROW
        page.keyboard.press("Escape")
        rules = {"write": "all", "pace_s": 0, "locked": False, "ends_at": "2000-01-01T12:00:00Z"}
        member = {"id": "carl", "nick": "Carl"}
        self.wire.tell(
            type="rules", seq=2, id="r", member=member, at="2025-10-17T14:23:45.000Z", rules=rules
        )
        keep = self.button("Keep a copy", "Garder une copie")
        expect(keep).to_be_visible()
        yield "the end is near", _BOTH
        keep.click()
        self.wire.deaf = True
        self.button("To read .*", "Pour lire .*").click()
        expect(page.get_by_role("progressbar")).to_be_visible()
        yield "keeping a copy", _BOTH
        self.wire.deaf = False
        page.keyboard.press("Escape")
        self.wire.tell(type="ended", at="2025-10-17T14:23:45.000Z")
        expect(self.button("Other rooms", "Autres salons")).to_be_visible()
        yield "ended", _BOTH
        self.wire.refusals["join"] = {"code": "banned", "retry_after": 600}
        tab.path = f"/r/{self.room}"
        tab.open()
        expect(tab.state).to_have_text(re.compile("10 minutes"))
        expect(tab.log.get_by_role("listitem").last).to_be_visible()  # those that it has kept
        yield "put out", _BOTH
        self.wire.refusals.clear()
        tab.open()
        expect(tab.composer).to_be_visible()

    def _posts(self) -> Iterator[State]:
        tab = self.tab
        self.wire.refusals["post"] = {"code": "rate_limited", "retry_after": 40}
        tab.say("later")
        expect(tab.waiting.get_by_text(re.compile("your network|votre réseau"))).to_be_visible()
        yield "held back", _BOTH
        self.button("Delete", "Supprimer").click()
        tab.page.reload()  # a new page does not wait
        expect(tab.composer).to_be_visible()
        self.wire.refusals["post"] = {"code": "banned"}
        tab.say("refused")
        expect(tab.waiting).to_have_count(1)
        self.wire.refusals["post"] = {"code": "text_too_long"}
        tab.say("too long")
        expect(tab.waiting).to_have_count(2)
        expect(self.button("Try again", "Réessayer").last).to_be_visible()
        self.wire.refusals.clear()
        yield "failed", _BOTH
        self.wire.deaf = True
        tab.say("waits")
        words = re.compile("Waiting to be sent|En attente d’envoi")
        expect(tab.waiting.last.get_by_text(words)).to_be_visible()
        yield "pending", _BOTH
        self.wire.deaf = False
        for _ in range(2):
            self.button("Delete", "Supprimer").first.click()

    def _connection(self) -> Iterator[State]:
        page, now = self.page, self.button("Now", "Maintenant")
        back = either("Connected again.", "Connexion rétablie.")
        codes: dict[str, Any] = {"restarting": 1012, "full": 1013, "too many": 1008}
        for name, code in codes.items():
            self.wire.cut = True
            self.wire.close(code)
            expect(now).to_be_visible()
            yield name, _BOTH if name == "too many" else _NARROW
            self.wire.cut = False
            if code == 1008:  # the longest wait; nothing ends it earlier
                now.click()
            self.tab.wake()
            expect(self.tab.state).to_have_text(back)
        yield "resumed", _BOTH
        self.wire.cut = True
        page.context.set_offline(True)
        self.wire.close(1012)
        expect(self.tab.state).to_have_text(re.compile("You are offline|Hors connexion"))
        yield "offline", _BOTH
        page.context.set_offline(False)
        self.wire.cut = False
        self.tab.wake()
        expect(self.tab.state).to_have_text(back)
        expect(self.tab.waiting).to_have_count(0)

    def _crowd(self) -> Iterator[State]:
        page = self.page
        for number in range(300):
            nick = LONGEST_NICK[3:] + str(number) if number % 50 == 0 else f"Guest {number}"
            self.wire.tell(type="joined", member={"id": f"g{number}", "nick": nick})
        heading = page.get_by_role("heading", name=re.compile("30[0-9] (people|personnes)"))
        expect(heading).to_be_visible()
        yield "a room of 300", (WIDE,)
        member = {"id": "m1", "nick": "Zoé"}
        said = [
            {"seq": 1, "id": "a", "member": {"id": "b", "nick": "Bob"}, "text": "after", "at": at}
            for at in ("2025-10-17T14:23:45.000Z",)
        ]
        gaps = {"lost": "has lost|a perdu", "changed": "older copy|copie plus ancienne"}
        for gap, words in gaps.items():
            self.wire.tell(
                type="welcome", protocol=1, room=self.room, epoch="other", seq=1, at=said[0]["at"],
                member=member, key="k" * 24, members=[member], messages=said, more=False,
                resumed=False, gap=gap,
                limits={"text": 2000, "frame": 16384, "retention_messages": 1},
            )  # fmt: skip
            expect(page.get_by_role("alert").filter(has_text=re.compile(words))).to_be_visible()
            yield f"reset, {gap}", _BOTH
