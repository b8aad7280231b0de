"""Strangers at one address who ask for too much: they are limited, and another address is not.

Each attacker has an address of its own, so that the tests share a server whose budgets are small.
Afterwards a stranger at another address talks on the same server, as if nothing had happened.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from itertools import chain
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from chat.client.ids import new_id
from tests.support.client import Client, Refused
from tests.support.crowd import Page, Transcript, run
from tests.support.frames import FIN, NO_CHANGE, TEXT, frame
from tests.support.raw import RawPeer
from tests.support.servers import ChatServer

LARGEST = "\U0001f600" * 2000  # 8,000 bytes
KEPT = 1000  # messages a room
CROWD = 40  # people behind one address who may do what they like

TOKEN = "the operator of strangers"

SETTINGS = {
    "CHAT_MAX_CONNECTIONS": "200",
    "CHAT_RETENTION_MESSAGES": str(KEPT),
    "CHAT_ADDRESS_CONNECTS": "80",
    "CHAT_ADDRESS_JOINS": "60",
    "CHAT_ADDRESS_NEW_ROOMS": "5",
    "CHAT_ADDRESS_POST_BYTES": "65536",
    "CHAT_ADDRESS_RENAMES": "5",
    "CHAT_ADDRESS_TYPING": "20",
    "CHAT_ADDRESS_ACTS": "5",
    "CHAT_ADDRESS_REPORTS": "3",
    "CHAT_ADDRESS_WRONG_KEYS": "3",
    "CHAT_ADMIN_TOKEN": TOKEN,
    "CHAT_ADDRESS_SENT_BYTES": str(1 << 20),
    "CHAT_JOIN_WITHIN_S": "1",
    "CHAT_COOL_DOWN_S": "1",
    "CHAT_ROOM_SHARE_PERCENT": "10",
}

_numbers = itertools.count(1)


class Place:
    """Where somebody connects from, to one server."""

    def __init__(self, server: ChatServer) -> None:
        self.server = server
        self.address = f"127.0.1.{next(_numbers)}"

    def client(self) -> Client:
        return Client(self.server.ws_url, source_address=(self.address, 0))

    def peer(self) -> RawPeer:
        return RawPeer(self.server, address=self.address).open()

    def refusal(self) -> tuple[int, int]:
        """Ask for a WebSocket in vain; give the status, and the seconds to wait."""
        with pytest.raises(InvalidStatus) as refused:
            self.client()
        response = refused.value.response
        return response.status_code, int(response.headers["Retry-After"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    """Give a server with small budgets for all tests here."""
    server = ChatServer(tmp_path_factory.mktemp("server"), settings=SETTINGS)
    server.start()
    yield server
    server.end()
    assert "Traceback" not in server.log()


@pytest.fixture
def attacker(server: ChatServer) -> Place:
    return Place(server)


@pytest.fixture
def stranger(server: ChatServer, own_room: str) -> Iterator[Client]:
    """Somebody at another address, who is in the test's room and talks before and after it."""
    with Place(server).client() as stranger:
        stranger.join("Eve", own_room)
        before = stranger.post("before")
        yield stranger
        stranger.post("after")
        stranger.send(type="history", before=before["seq"] + 1, limit=1)
        assert stranger.expect("history")["messages"] == [before]


def until_limited(act: Callable[[], object], most: int = 300) -> tuple[int, dict[str, Any]]:
    """Act until that is refused; give how often it was not, and the refusal."""
    error: dict[str, Any] = {}
    count = 0
    while not error and count < most:
        try:
            act()
            count += 1
        except Refused as refused:
            error = refused.error
    assert error["code"] == "rate_limited"
    assert error["retry_after"] > 0
    return count, error


def test_one_address_cannot_push_out_what_others_said(
    attacker: Place, stranger: Client, own_room: str
) -> None:
    def spam(_number: int) -> list[dict[str, Any]]:
        """Post as much as one connection may at once; give the refusals."""
        refused = []
        with attacker.client() as client:
            client.join(room=own_room)
            for _ in range(100):
                try:
                    client.post("spam")
                except Refused as refusal:
                    refused.append(refusal.error)
        return refused

    with ThreadPoolExecutor(11) as threads:
        refused = list(chain(*threads.map(spam, range(11))))
    # Of 1,100, which is more than the room keeps. Some of its share comes back meanwhile.
    assert 1100 - len(refused) <= KEPT * 0.1 + 2
    assert {error["code"] for error in refused} == {"rate_limited"}
    assert all(error["id"] for error in refused), "the page must know which post it was"
    server = attacker.server
    assert "CHAT_ROOM_SHARE_PERCENT" in server.logged("An address is limited: CHAT_ROOM_SHARE")


def test_one_address_cannot_take_all_places(
    attacker: Place, stranger: Client, own_room: str
) -> None:
    with ExitStack() as stack:
        for _ in range(50):  # a quarter of them
            stack.enter_context(attacker.client()).join(room=own_room)  # who does not is closed
        assert attacker.refusal()[0] == 429
        with Place(attacker.server).client() as other:
            other.join()


def test_connection_that_asks_for_no_room_is_closed_and_one_that_asked_in_vain_is_not(
    attacker: Place, stranger: Client, own_room: str
) -> None:
    with attacker.client() as silent, attacker.client() as busy, attacker.client() as ann:
        assert ann.refusal(type="join", room=own_room, nick="Eve")["code"] == "nick_taken"
        for _ in range(5):
            busy.send(type="ping")
            busy.expect("pong")
        assert silent.close_code() == 1008
        assert busy.close_code() == 1008
        ann.join("Ann", own_room)


def test_connections_of_one_address_are_counted_by_the_minute(
    attacker: Place, stranger: Client
) -> None:
    began_at = time.monotonic()
    count, statuses = 0, []
    while not statuses and count < 300:
        try:
            attacker.client().ws.close()
            count += 1
        except InvalidStatus as refused:
            statuses.append(refused.response.status_code)
    assert statuses == [429]
    assert 80 <= count <= 81 + (time.monotonic() - began_at) * 80 / 60


def test_one_address_cannot_fill_a_room_with_ghosts(
    attacker: Place, stranger: Client, own_room: str
) -> None:
    def come_and_go() -> None:
        with attacker.client() as ghost:
            ghost.join(room=own_room)

    began_at = time.monotonic()
    count, _ = until_limited(come_and_go)
    most = 61 + time.monotonic() - began_at  # one more each second
    assert count <= most
    with Place(attacker.server).client() as other:
        assert len(other.join(room=own_room)["members"]) <= most + 2


def test_one_address_cannot_enter_room_after_room(attacker: Place, stranger: Client) -> None:
    rooms = (f"{new_id().lower()}" for _ in range(100))

    def enter() -> None:
        with attacker.client() as visitor:
            visitor.join(room=next(rooms))

    count, refused = until_limited(enter)
    assert count == 5
    assert refused["retry_after"] > 600  # one of five an hour
    assert refused["command"] == "join"


def test_bytes_of_one_address_are_counted_before_they_are_stored(
    attacker: Place, stranger: Client, own_room: str
) -> None:
    with attacker.client() as writer:
        writer.join(room=own_room)
        count, refused = until_limited(lambda: writer.post(LARGEST, new_id()))
        assert 8 <= count <= 10  # the budget comes back by 1 kB a second
        assert refused["command"] == "post"
        writer.post("a short text finds room")


def test_history_of_one_address_is_counted_by_its_bytes(
    attacker: Place, stranger: Client, own_room: str
) -> None:
    for place in (Place(attacker.server) for _ in range(2)):
        with place.client() as writer:
            writer.join(room=own_room)
            for _ in range(8):
                writer.post(LARGEST)
    with attacker.client() as reader:
        reader.join(room=own_room)

        def ask() -> None:
            reader.send(type="history", before=2**52, limit=100)
            reader.expect("history")

        count, _ = until_limited(ask)
        assert count <= 10  # 128 kB each
    with attacker.client() as again:
        refusal = again.refusal(type="join", room=own_room)
        assert refusal["code"] == "rate_limited", "a welcome would send as much"


def test_searches_of_one_address_are_counted_even_if_they_find_nothing(
    attacker: Place, stranger: Client, own_room: str
) -> None:
    with attacker.client() as reader:
        reader.join(room=own_room)

        def ask() -> None:
            reader.send(type="find", words="nothing")
            reader.expect("found")

        count, refused = until_limited(ask)
        assert 14 <= count <= 20  # as if each had sent 64 KiB
        assert refused["command"] == "find"


def test_history_of_many_connections_at_once_is_counted_too(
    attacker: Place, stranger: Client, own_room: str
) -> None:
    with ExitStack() as stack:
        readers = []
        for _ in range(30):
            readers.append(stack.enter_context(attacker.client()))
            readers[-1].join(room=own_room)  # at once: who does not is closed
        for place in (Place(attacker.server) for _ in range(2)):
            with place.client() as writer:
                writer.join(room=own_room)
                for _ in range(8):
                    writer.post(LARGEST)
        for reader in readers:
            reader.send(type="history", before=2**52, limit=100)
        answered = 0
        for reader in readers:
            with suppress(Refused):
                reader.expect("history")
                answered += 1
    assert 1 <= answered <= 10  # 128 kB each, of 1 MB


def test_nick_changes_once_in_ten_seconds_also_with_another_connection(
    attacker: Place, stranger: Client, own_room: str
) -> None:
    with attacker.client() as ann, attacker.client() as bob:
        ann.join("Ann", own_room)
        bob.join("Bob", own_room)
        ann.send(type="rename", nick="Anna")
        ann.expect("renamed")
        refusal = ann.refusal(type="rename", nick="Annie")
        assert refusal["code"] == "rate_limited"
        assert 8 < refusal["retry_after"] <= 10
        ann.send(type="rename", nick="Anna")  # it is that already
        ann.expect("renamed")
        with attacker.client() as tab:
            refusal = tab.refusal(type="join", room=own_room, nick="Annie", key=ann.key)
            assert (refusal["code"], refusal["command"]) == ("rate_limited", "join")
            tab.join("Anna", own_room, key=ann.key)
        bob.send(type="rename", nick="Bobby")
        bob.expect("renamed", member={**bob.member, "nick": "Bobby"})
        for number in range(3):
            with attacker.client() as other:
                other.join(f"Zoe {number}", own_room)
                other.send(type="rename", nick=f"Yve {number}")
                if number < 2:
                    other.expect("renamed", was=f"Zoe {number}")
                else:
                    assert other.expect("error")["code"] == "rate_limited"  # the address's sixth


def test_typing_of_one_address_is_counted(attacker: Place, stranger: Client, own_room: str) -> None:
    with attacker.client() as ann:
        ann.join("Ann", own_room)
        for _ in range(21):
            ann.send(type="typing")
        error = ann.expect("error")
        assert (error["code"], error["command"]) == ("rate_limited", "typing")


def test_keys_cannot_be_tried_and_right_ones_are_not_limited(
    attacker: Place, stranger: Client, own_room: str
) -> None:
    for _ in range(5):  # more than wrong ones may be
        with attacker.client() as operator:
            assert operator.join(room=own_room, owner=TOKEN)["operator"] is True

    def guess(key: str) -> None:
        with attacker.client() as client:
            assert client.join(room=own_room, owner=key)["owner"] is False

    count, error = until_limited(lambda: guess("the operator of others"))
    assert (count, error["command"]) == (3, "join")
    assert error["retry_after"] > 60
    for key in ("k" * 22, TOKEN):  # the right one too: nobody learns which it is
        with attacker.client() as client:
            refusal = client.refusal(type="join", room=own_room, owner=key)
            assert refusal["code"] == "rate_limited"
            client.join(room=own_room)  # without a key there is no limit


def test_acts_and_reports_of_one_address_are_counted(
    attacker: Place, stranger: Client, own_room: str
) -> None:
    seq = stranger.post("fine")["seq"]

    def report() -> None:
        with attacker.client() as client:  # with a new key each time
            client.join(room=own_room)
            client.ask("report", target=seq)

    count, error = until_limited(report)
    assert (count, error["command"]) == (3, "report")
    with attacker.client() as operator:
        operator.join(room=own_room, owner=TOKEN)
        count, error = until_limited(lambda: operator.ask("mute", member="m" * 22, for_s=1))
        assert (count, error["command"]) == (5, "mute")
        assert operator.refusal(type="erase", id="e")["code"] == "rate_limited"


def test_who_goes_on_is_closed_and_its_address_cools_down(
    attacker: Place, stranger: Client, own_room: str
) -> None:
    with attacker.peer() as ann, attacker.client() as neighbour:
        neighbour.join("Bob", own_room)
        ann.command(type="join", nick="Ann", room=own_room)
        junk = frame(FIN | TEXT, b'{"type":"post","id":"p","text":""}', mask=NO_CHANGE)
        ann.sock.sendall(junk * 800)
        assert ann.close_code() == 1008
        assert attacker.refusal() == (429, 1)
        neighbour.post("who was there stays")
    with Place(attacker.server).client() as other:
        other.join()
    deadline = time.monotonic() + 10
    while True:
        try:
            with attacker.client() as back:
                back.join("Zoe", own_room)
                return
        except InvalidStatus:
            assert time.monotonic() < deadline, "it is not let in again"
            time.sleep(0.05)  # bounded by the deadline: the server says "in a second"


def test_class_behind_one_address_is_never_limited_and_comes_back_after_a_restart(
    chat_server: ChatServer,
) -> None:
    async def talk(page: Page, number: int) -> None:
        page.nick = f"Élève {number}"
        page.command(type="rename", nick=page.nick)
        for turn in range(6):
            page.command(type="typing")
            page.post(f"{turn} " + "du texte " * 20)
        page.command(type="history", before=2**52, limit=100)
        await page.until_acknowledged()

    async def lesson() -> None:
        transcript = Transcript()
        pages = [Page(chat_server.port, n, transcript, room="classe") for n in range(CROWD)]
        for day in range(3):
            if day:
                chat_server.stop()
                chat_server.start()
            await asyncio.gather(*(page.enter() for page in pages))
            following = [asyncio.create_task(page.follow()) for page in pages]
            assert {page.welcome["resumed"] for page in pages} == {day > 0}
            if day == 0:
                await asyncio.gather(*(talk(page, n) for n, page in enumerate(pages)))
            for page in pages:
                page.leave()
            await asyncio.gather(*following)
        assert [page.errors for page in pages] == [[]] * CROWD

    run(lesson)
    assert "limited" not in chat_server.log()
