"""`tchat connect` on a real server: what is on the screen, and what becomes of what is typed."""

from __future__ import annotations

import asyncio
import os
import pty
import select
import subprocess
import termios
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

import pytest
from rich.console import Console
from textual.pilot import Pilot
from textual.widgets import Static

from chat.cli.connect import conversation
from chat.cli.connect.app import ChatApp, is_over, unsent
from chat.cli.connect.conversation import MessageView, Notice, WaitingView
from chat.client import Client
from tests.support.client import Client as Peer
from tests.support.servers import MODULE, ROOT, ChatServer

MakeServer = Callable[..., ChatServer]
Play = Callable[["Screen"], Awaitable[None]]

_WITHIN_S = 60.0


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")


class Screen:
    """A room in a terminal of 80 columns and 24 lines."""

    def __init__(self, app: ChatApp, pilot: Pilot[int], client: Client) -> None:
        self.app = app
        self.pilot = pilot
        self.client = client

    def of(self, kind: type[Static] | str) -> list[str]:
        """Give the texts of all parts of a kind, from above."""
        return [printed(part) for part in self.app.query(kind).results(Static)]

    @property
    def messages(self) -> list[str]:
        """Give the messages shown, each without its time and nick."""
        return [
            text.partition("\n")[2].strip().replace("\n  ", "\n") for text in self.of(MessageView)
        ]

    @property
    def line(self) -> str:
        return self.of("#line")[0]

    @property
    def state(self) -> str:
        return self.of("#state")[0]

    async def until(self, look: Callable[[], object]) -> None:
        """Wait until something is so."""
        deadline = monotonic() + _WITHIN_S
        while not look():
            assert monotonic() < deadline, "\n".join(self.of(Static))
            await self.pilot.pause(0.02)

    async def write(self, text: str) -> None:
        await self.pilot.press(*text, "enter")


def printed(part: Static) -> str:
    """Give the text of a part, without the spaces at the ends of its lines."""
    console = Console(width=200, color_system=None)
    with console.capture() as text:
        console.print(part.content, markup=False, highlight=False)
    return "\n".join(line.rstrip() for line in text.get().splitlines())


def play(url: str, nick: str, scene: Play) -> Client:
    """Open the terminal, play, and close it; give the client."""

    async def run() -> None:
        app = ChatApp(client, client.room)
        async with app.run_test(size=(80, 24)) as pilot:
            screen = Screen(app, pilot, client)
            await screen.until(lambda: screen.state == "connected")
            await scene(screen)

    client = Client(url, nick)
    try:
        apart(run)
    finally:
        client.close()
    return client


def apart(run: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run on a thread of its own: that of the tests has Playwright's event loop at times."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(run())).result()


def url_of(server: ChatServer, room: str) -> str:
    return f"{server.url}/r/{room}"


@pytest.mark.shared
def test_people_talk_and_see_who_is_there_and_who_writes(
    chat_server: ChatServer, own_room: str
) -> None:
    async def scene(screen: Screen) -> None:
        await screen.until(lambda: "2 people" in screen.of("People Static")[0])
        assert screen.of("People Static")[0].split("\n")[1:] == ["Ann (you)", "Ben"]
        assert screen.of("#room") == [f"{own_room} · Ann"]
        ben.send(type="typing")
        await screen.until(lambda: screen.line == "Ben is writing …")
        question = ben.post("Is there any \u202ecake? https://example.org")
        await screen.until(lambda: screen.messages)
        assert screen.line == ""
        assert screen.messages == ["Is there any \\u202ecake? https://example.org"]
        await screen.pilot.press(*"One", "alt+enter", *"piece", "enter")
        assert ben.expect("message", text="One\npiece")["member"]["nick"] == "Ann"
        await screen.until(lambda: len(screen.messages) == 2 and not screen.of(WaitingView))
        assert screen.of(MessageView)[1].split("\n")[0].endswith(" Ann ✓")
        ben.post("Thanks", reply=question["seq"])
        await screen.until(lambda: len(screen.messages) == 3)
        assert screen.messages[2].startswith("│ Ben: Is there any \\u202ecake?")
        ben.edit(question["seq"], "Is there a pie?")
        await screen.until(lambda: screen.messages[0] == "Is there a pie?")
        assert "(edited)" in screen.of(MessageView)[0]
        assert screen.messages[2].startswith("│ Ben: Is there a pie?")
        ben.remove(question["seq"])
        await screen.until(lambda: screen.messages[0] == "(removed)")
        assert screen.messages[2].startswith("│ (removed)")

    with Peer(chat_server.ws_url) as ben:
        ben.join("Ben", own_room)
        play(url_of(chat_server, own_room), "Ann", scene)


@pytest.mark.shared
def test_reader_who_scrolls_up_keeps_the_place_and_is_told_what_is_new(
    chat_server: ChatServer, own_room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "MOST", 150)

    async def scene(screen: Screen) -> None:
        view = screen.app.query_one(conversation.Conversation)
        await screen.until(lambda: len(screen.messages) == 50 and view.max_scroll_y > 50)
        await screen.until(lambda: view.is_at_end)
        await screen.pilot.press("pageup")
        await screen.until(lambda: not view.is_at_end)
        place = view.scroll_y
        ben.post("new 1")
        ben.post("new 2")
        await screen.until(lambda: screen.line.startswith("▼ 2 new below"))
        assert view.scroll_y == place
        assert screen.of(Notice) == ["── new ──"]

        for _ in range(60):  # to what is older, as far as it is shown
            await screen.pilot.press("pageup")
            await screen.pilot.pause(0.02)
            if len(screen.messages) == 150:
                break
        await screen.until(lambda: len(screen.messages) == 150)
        assert screen.messages[-1] == "new 2"
        assert screen.messages[0] == "text 52"
        await screen.until(lambda: view.scroll_y > 0)

        await screen.pilot.press("ctrl+end")
        await screen.until(lambda: view.is_at_end and screen.line == "")
        ben.post("new 3")
        await screen.until(lambda: screen.messages[-1] == "new 3" and view.is_at_end)
        assert screen.line == ""
        assert len(screen.messages) == 150

    with Peer(chat_server.ws_url) as ben:
        ben.join("Ben", own_room)
        for number in range(200):
            if number % 90 == 89:  # within what one connection may post at once
                ben.ws.close()
                ben.resume()
            ben.post(f"text {number}")
        play(url_of(chat_server, own_room), "Ann", scene)


def test_what_is_typed_without_a_server_waits_and_is_sent_once(make_server: MakeServer) -> None:
    server = make_server()
    server.start()

    async def scene(screen: Screen) -> None:
        await screen.write("before")
        await screen.until(lambda: screen.messages == ["before"])
        server.kill()
        await screen.until(lambda: "again in" in screen.state)
        await screen.write("one")
        await screen.write("two")
        assert [text.split("\n")[1].strip() for text in screen.of(WaitingView)] == ["one", "two"]
        assert all("(waiting)" in text for text in screen.of(WaitingView))
        server.start()
        screen.client.wake()
        await screen.until(lambda: screen.messages == ["before", "one", "two"])
        assert screen.state == "connected"
        await screen.until(lambda: not screen.of(WaitingView))
        assert screen.of(Notice) == []

    play(server.url, "Ann", scene)
    assert [message.text for message in server.kept()["general"]] == ["before", "one", "two"]


@pytest.mark.long
@pytest.mark.embedded
def test_reset_is_told_above_what_is_there_now(make_server: MakeServer) -> None:
    server = make_server()
    server.start()

    async def scene(screen: Screen) -> None:
        await screen.write("of the old log")
        await screen.until(lambda: screen.messages == ["of the old log"])
        server.stop()
        server.database.unlink()
        server.start()
        screen.client.wake()
        await screen.until(lambda: screen.messages == [])
        assert "lost or replaced its messages" in screen.of(Notice)[0]
        await screen.write("of the new log")
        await screen.until(lambda: screen.messages == ["of the new log"])

    play(server.url, "Ann", scene)


@pytest.mark.shared
def test_refused_text_is_given_back_and_commands_are_done(
    chat_server: ChatServer, own_room: str
) -> None:
    async def scene(screen: Screen) -> None:
        composer = screen.app.query_one("Composer")
        composer.text = "x" * 2001  # type: ignore[attr-defined]
        await screen.pilot.press("enter")
        await screen.until(lambda: "2001 characters; 2000 are allowed." in screen.line)
        assert len(composer.text) == 2001  # type: ignore[attr-defined]
        composer.text = ""  # type: ignore[attr-defined]
        await screen.write("/nick Annabel")
        await screen.until(lambda: screen.of("#room") == [f"{own_room} · Annabel"])
        await screen.write("/nick admin")
        await screen.until(lambda: "reserved" in screen.line)
        await screen.pilot.press("f2")
        assert not screen.app.query_one("People").display
        await screen.write("/quit")
        await screen.until(lambda: screen.app.return_value is not None)

    play(url_of(chat_server, own_room), "Ann", scene)


@pytest.mark.shared
def test_owners_who_read_only_refuse_a_post_and_its_text_comes_back(
    chat_server: ChatServer, own_room: str
) -> None:
    key = "o" * 22
    with Peer(chat_server.ws_url) as olga:
        olga.send(type="make", room=own_room, owner=key, write="owners")
        olga.expect("made")

    async def scene(screen: Screen) -> None:
        await screen.write("Let me speak")
        await screen.until(lambda: "Only the owners of this room write here." in screen.line)
        assert screen.app.query_one("Composer").text == "Let me speak"  # type: ignore[attr-defined]
        assert screen.of(WaitingView) == []

    play(url_of(chat_server, own_room), "Ann", scene)


@pytest.mark.shared
def test_french_locale_has_french_words(
    chat_server: ChatServer, own_room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")

    async def run() -> None:
        with Client(url_of(chat_server, own_room), "Ann") as client:
            app = ChatApp(client, own_room)
            async with app.run_test(size=(80, 24)) as pilot:
                screen = Screen(app, pilot, client)
                await screen.until(lambda: screen.state == "connecté")
                keys = screen.of("#keys")[0]
                assert "Entrée\u00a0: envoyer" in keys
                assert len(keys) <= 78

    apart(run)


@pytest.mark.shared
def test_who_cannot_come_in_is_told_why(chat_server: ChatServer, own_room: str) -> None:
    async def run() -> None:
        app = ChatApp(client, own_room)
        async with app.run_test(size=(80, 24)) as pilot:
            screen = Screen(app, pilot, client)
            await screen.until(lambda: app.return_value is not None)

    with Peer(chat_server.ws_url) as ben:
        ben.join("Ann", own_room)
        client = Client(url_of(chat_server, own_room), "Ann")
        apart(run)
        stopped = is_over(client)
        assert stopped is not None
        assert (stopped.reason, stopped.suggest) == ("nick_taken", "Ann 2")
        assert unsent(client) == []


# --- a real terminal -------------------------------------------------------------------


def read_until(terminal: int, words: str) -> str:
    """Read what a terminal is given until words are there."""
    shown = ""
    deadline = monotonic() + _WITHIN_S
    while words not in shown:
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - monotonic()))
        assert ready, shown
        shown += os.read(terminal, 65536).decode(errors="replace")
    return shown


@pytest.mark.shared
def test_real_terminal_shows_the_room_and_is_left_by_a_key(
    chat_server: ChatServer, own_room: str, tmp_path: Path
) -> None:
    terminal, its_end = pty.openpty()
    termios.tcsetwinsize(its_end, (24, 80))
    process = subprocess.Popen(
        [*MODULE, "connect", "--nick", "Ann", url_of(chat_server, own_room)],
        cwd=ROOT,
        env={**os.environ, "HOME": str(tmp_path), "TERM": "xterm-256color", "NO_COLOR": "1"},
        stdin=its_end,
        stdout=its_end,
        stderr=its_end,
        start_new_session=True,
    )
    try:
        with Peer(chat_server.ws_url) as ben:
            ben.join("Ben", own_room)
            read_until(terminal, "connected")
            os.write(terminal, b"Hello\r")
            assert ben.expect("message", _WITHIN_S, text="Hello")["member"]["nick"] == "Ann"
            os.write(terminal, b"\x11")  # Ctrl+Q
            read_until(terminal, "\x1b[?1049l")  # the screen of before is back
        assert process.wait(_WITHIN_S) == 0
    finally:
        process.kill()
        process.wait()
        os.close(terminal)
        os.close(its_end)


def test_pipe_is_no_terminal(make_server: MakeServer) -> None:
    done = make_server().run("connect", "http://localhost:8080")
    assert done.returncode == 1
    assert done.stderr == "Tchat: connect needs a terminal; say and tail are for pipes\n"
