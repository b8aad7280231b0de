"""Every command, event and error code, against a real server."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.client import Client, Event
from tests.support.raw import RawPeer
from tests.support.servers import ChatServer

KEY = "k" * 22


class Visitor(Client):
    """A client whose room, if it names none, is the test's own."""

    def __init__(self, ws_url: str, own_room: str) -> None:
        super().__init__(ws_url)
        self._own_room = own_room

    def join(self, nick: str | None = None, room: str = "", **fields: Any) -> Event:
        return super().join(nick, room or self._own_room, **fields)

    def send(self, **command: Any) -> None:
        if command.get("type") == "join":
            command.setdefault("room", self._own_room)
        super().send(**command)


@pytest.fixture
def open_client(shared_server: ChatServer, own_room: str) -> Callable[[], Client]:
    return lambda: Visitor(shared_server.ws_url, own_room)


def test_join_welcomes_with_everything_the_protocol_promises(
    open_client: Callable[[], Client],
) -> None:
    with open_client() as ann:
        welcome = ann.join("Ann", "general")
    assert welcome["protocol"] == 1
    assert welcome["room"] == "general"
    assert welcome["seq"] == 0
    assert welcome["member"] == {"id": ann.member["id"], "nick": "Ann"}
    assert welcome["members"] == [welcome["member"]]
    assert (welcome["messages"], welcome["more"], welcome["resumed"]) == ([], False, False)
    limits = {"text": 2000, "frame": 16384, "retention_messages": 100_000, "edit_within_s": 900}
    assert welcome["limits"] == limits
    assert re.fullmatch(r"[A-Za-z0-9_-]{22,128}", welcome["key"])
    assert welcome["key"] not in str(welcome["member"])


def test_message_reaches_everybody_in_the_room_and_nobody_else(
    open_client: Callable[[], Client],
) -> None:
    with open_client() as ann, open_client() as bob, open_client() as eve:
        ann.join("Ann")
        bob.join("Bob")
        eve.join("Eve", room="elsewhere")
        sent = ann.post("\r\n  bonjour\r\n\x07à tous  ", "a-1")
        got = bob.expect("message")
        assert got == sent
        assert got["text"] == "  bonjour\nà tous"
        assert got["seq"] == 1
        assert got["member"] == ann.member
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", got["at"])
        assert eve.post("me")["seq"] == 1
        assert eve.texts() == ["me"]


def test_same_id_posted_again_returns_the_original_to_its_sender_alone(
    open_client: Callable[[], Client],
) -> None:
    with open_client() as ann, open_client() as bob:
        ann.join("Ann")
        bob.join("Bob")
        original = ann.post("once", "a-1")
        assert ann.post("twice", "a-1") == original
        # The id is the sender's own: another member may use it too.
        assert bob.post("mine", "a-1")["seq"] == 2
        assert ann.post("after", "a-2")["seq"] == 3
        bob.expect("message", seq=3)
        assert bob.texts() == ["once", "mine", "after"]


def test_connections_with_one_key_are_one_member(open_client: Callable[[], Client]) -> None:
    with open_client() as ann, open_client() as other_tab, open_client() as bob:
        bob.join("Bob")
        ann.join("Ann", key=KEY)
        bob.expect("joined", member=ann.member)
        welcome = other_tab.join("Ann", key=KEY)
        assert welcome["member"] == ann.member
        assert [member["nick"] for member in welcome["members"]] == ["Bob", "Ann"]


def test_member_id_is_the_same_in_every_room(open_client: Callable[[], Client]) -> None:
    with open_client() as one, open_client() as two:
        one.join("Ann", key=KEY)
        two.join("Anna", room="elsewhere", key=KEY)
        assert one.member["id"] == two.member["id"]


def test_nick_of_another_is_taken_with_a_suggestion_that_is_free(
    open_client: Callable[[], Client],
) -> None:
    with open_client() as ann, open_client() as other:
        ann.join("Annalie")
        for lookalike in ("Annalie", "ANNALlE", "annaIie", "ａnnalıe", "Annalie."):
            refusal = other.refusal(type="join", nick=lookalike)
            assert refusal["code"] == "nick_taken"
        assert other.join(refusal["suggest"])["member"]["nick"] == refusal["suggest"]


@pytest.mark.parametrize(
    "nick", ["Modérateur", "ADMlN", "аdmin", "Ad\u200bam", "Ada\ufffc"], ids=ascii
)
def test_nick_that_deceives_is_refused_and_the_connection_goes_on(
    open_client: Callable[[], Client], nick: str
) -> None:
    with open_client() as ann:
        assert ann.refusal(type="join", nick=nick)["code"] == "nick_invalid"
        ann.join("Ada")
        assert ann.refusal(type="rename", nick=nick)["code"] == "nick_invalid"


def test_ghost_does_not_block_its_own_member(open_client: Callable[[], Client]) -> None:
    with open_client() as ghost, open_client() as ann, open_client() as thief:
        ghost.join("Ann", key=KEY)
        assert thief.refusal(type="join", nick="Ann")["code"] == "nick_taken"
        assert ann.join("Ann", key=KEY)["member"] == ghost.member
        ghost.ws.close()
        ann.ws.close()
        # Nobody is in the room any more, but the nick stays reserved for its member for a while.
        assert thief.refusal(type="join", nick="Ann")["code"] == "nick_taken"


def test_rename_tells_everybody_the_old_and_the_new_nick(
    open_client: Callable[[], Client],
) -> None:
    with open_client() as ann, open_client() as bob:
        ann.join("Ann")
        bob.join("Bob")
        ann.send(type="rename", nick=" Anna ")
        renamed = {"type": "renamed", "member": {**ann.member, "nick": "Anna"}, "was": "Ann"}
        assert ann.expect("renamed") == renamed
        assert bob.expect("renamed") == renamed
        assert ann.post("hello")["member"]["nick"] == "Anna"
        refusal = bob.refusal(type="rename", nick="Anna")
        assert (refusal["code"], refusal["command"]) == ("nick_taken", "rename")
        assert bob.refusal(type="rename", nick="\u202e")["code"] == "nick_invalid"


def test_typing_is_told_to_the_others_only(open_client: Callable[[], Client]) -> None:
    with open_client() as ann, open_client() as bob:
        ann.join("Ann")
        bob.join("Bob")
        ann.send(type="typing")
        assert bob.expect("typing") == {"type": "typing", "member": ann.member}
        bob.send(type="typing")
        # Events come in order: if Ann got news of herself, that would have come first.
        told = ann.receive()
        while told["type"] == "joined":
            told = ann.receive()
        assert told == {"type": "typing", "member": bob.member}


def test_leave_is_told_after_the_grace(make_server: Callable[..., ChatServer]) -> None:
    server = make_server(settings={"CHAT_LEAVE_GRACE_S": "0.2"})
    server.start()
    with Client(server.ws_url) as ann, Client(server.ws_url) as bob:
        bob.join("Bob")
        ann.join("Ann")
        bob.expect("joined")
        ann.ws.close()
        assert bob.expect("left") == {"type": "left", "member": ann.member}


def test_history_pages_back_to_the_first_message(open_client: Callable[[], Client]) -> None:
    with open_client() as ann:
        ann.join("Ann")
        for number in range(1, 61):
            ann.post(str(number))
        ann.send(type="history", before=61, limit=50)
        page = ann.expect("history")
        assert page["before"] == 61
        assert [m["seq"] for m in page["messages"]] == list(range(11, 61))
        assert page["more"] is True
        ann.send(type="history", before=11)
        page = ann.expect("history")
        assert [m["seq"] for m in page["messages"]] == list(range(1, 11))
        assert page["more"] is False
        ann.send(type="history", before=1)
        empty = {"type": "history", "before": 1, "messages": [], "more": False}
        assert ann.expect("history") == empty


def test_ping_is_answered_before_and_after_join(open_client: Callable[[], Client]) -> None:
    with open_client() as ann:
        ann.send(type="ping")
        assert ann.receive() == {"type": "pong"}
        ann.join("Ann")
        ann.send(type="ping")
        assert ann.expect("pong") == {"type": "pong"}


def test_guest_gets_a_nick_and_a_key(open_client: Callable[[], Client]) -> None:
    with open_client() as guest:
        guest.join()
        assert guest.member["nick"]
        assert guest.key


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ({"type": "post", "id": "1", "text": "x"}, "join_first"),
        ({"type": "rename", "nick": "x"}, "join_first"),
        ({"type": "typing"}, "join_first"),
        ({"type": "history", "before": 1}, "join_first"),
        ({"type": "join", "nick": ""}, "nick_invalid"),
        ({"type": "join", "nick": "x" * 33}, "nick_invalid"),
        ({"type": "join", "nick": "a\u202eb"}, "nick_invalid"),
        ({"type": "join", "room": "No"}, "room_invalid"),
        ({"type": "join", "room": ""}, "room_invalid"),
        ({"type": "join", "room": "r" * 33}, "room_invalid"),
        ({"type": "join", "key": "short"}, "bad_command"),
        ({"type": "join", "after": {"epoch": "e"}}, "bad_command"),
        ({"type": "join", "after": {"epoch": "e", "seq": -1}}, "bad_command"),
        ({"type": "shout"}, "bad_command"),
        ({}, "bad_command"),
    ],
)
def test_command_that_cannot_be_is_refused_and_the_connection_stays(
    open_client: Callable[[], Client], command: dict[str, object], code: str
) -> None:
    kind = command.get("type")
    with open_client() as ann:
        refusal = ann.refusal(**command)
        assert refusal["code"] == code
        assert refusal.get("command") == (None if kind in (None, "shout") else kind)
        assert refusal["detail"].endswith(".")
        ann.join("Ann")
        assert ann.post("still here")["seq"] == 1


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ({"type": "post", "id": "7", "text": " \n\u200b "}, "text_empty"),
        ({"type": "post", "id": "7", "text": "x" * 2001}, "text_too_long"),
    ],
)
def test_refused_post_names_its_id(
    open_client: Callable[[], Client], command: dict[str, object], code: str
) -> None:
    with open_client() as ann:
        ann.join("Ann")
        refusal = ann.refusal(**command)
        assert (refusal["code"], refusal["command"], refusal["id"]) == (code, "post", "7")
        assert ann.post("x" * 2000, "7")["seq"] == 1  # the id is not used up


def test_second_join_is_refused(open_client: Callable[[], Client]) -> None:
    with open_client() as ann:
        ann.join("Ann")
        refusal = ann.refusal(type="join", room="other")
        assert (refusal["code"], refusal["command"]) == ("already_joined", "join")
        assert ann.post("here")["seq"] == 1


def test_unknown_fields_are_ignored(open_client: Callable[[], Client]) -> None:
    with open_client() as ann:
        ann.join("Ann", colour="blue")
        ann.send(type="post", id="1", text="x", extra=[1, {"deep": None}])
        assert ann.acknowledged("1")["text"] == "x"


def test_flood_is_slowed_with_the_time_to_wait_and_nothing_is_lost(
    open_client: Callable[[], Client],
) -> None:
    with open_client() as ann:
        ann.join("Ann")
        for number in range(150):
            ann.send(type="post", id=f"f{number}", text=str(number))
        answers = [ann.receive() for _ in range(150)]
        refused = [event for event in answers if event["type"] == "error"]
        assert refused
        assert {event["code"] for event in refused} == {"rate_limited"}
        assert {event["command"] for event in refused} == {"post"}
        assert all(0 < event["retry_after"] < 1 and event["id"] for event in refused)
        accepted = {event["id"] for event in answers if event["type"] == "message"}
        assert len(accepted) + len(refused) == 150


def test_abuse_is_closed_and_others_are_served(
    open_client: Callable[[], Client], shared_server: ChatServer
) -> None:
    # The client of a library refuses to send after the close, which may come during this loop.
    with open_client() as bob, RawPeer(shared_server) as flooder:
        bob.join("Bob")
        flooder.open()
        for _ in range(600):
            flooder.frame(b"not json")
        assert flooder.close_code() == 1008
        assert bob.post("calm")["seq"] == 1


def test_limits_can_be_off_for_benchmarks(make_server: Callable[..., ChatServer]) -> None:
    server = make_server(settings={"CHAT_LIMITS": "off"})
    server.start()
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        for number in range(700):
            ann.send(type="post", id=f"f{number}", text=str(number))
        ann.acknowledged("f699")
        assert ann.texts() == [str(number) for number in range(700)]
