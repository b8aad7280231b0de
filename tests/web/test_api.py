"""The HTTP API, on a real server, with requests as curl makes them."""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.conftest import OPERATOR
from tests.support.api import WAIT_S, Answer, Caller, events_of
from tests.support.client import Client
from tests.support.logs import Past
from tests.support.servers import ChatServer
from tests.support.waiting import wait_until

pytestmark = pytest.mark.shared


@pytest.fixture
def ann(chat_server: ChatServer) -> Caller:
    return Caller(chat_server)


@pytest.fixture
def bob(chat_server: ChatServer) -> Caller:
    return Caller(chat_server)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def new_owner() -> str:
    return secrets.token_urlsafe(16)


def made(server: ChatServer, room: str, **rules: Any) -> Caller:
    """Make a room, and give its owner, who has no other key."""
    owner = Caller(server, key="", owner=new_owner())
    answer = owner.ask("PUT", f"/rooms/{room}", rules)
    assert (answer.status, answer.body) == (201, {"room": room, "owner": owner.owner})
    return owner


# --- posting --------------------------------------------------------------------------------------


def test_post_is_answered_with_the_message_and_a_page_sees_it(
    chat_server: ChatServer, ann: Caller, own_room: str
) -> None:
    with Client(chat_server.ws_url) as page:
        page.join("Eve", own_room)
        message = ann.posted(own_room, "m1", "hello", nick="Ann")
        seen = page.expect("message")
    assert message == seen
    assert (message["id"], message["text"], message["member"]["nick"]) == ("m1", "hello", "Ann")


def test_post_that_is_repeated_at_once_from_everywhere_is_there_once(
    ann: Caller, own_room: str, threads: ThreadPoolExecutor
) -> None:
    answers = list(
        threads.map(lambda n: ann.post(own_room, "m1", f"try {n}", nick="Ann"), range(8))
    )

    # 201: it was stored while the request waited; that may be another one's.
    assert {answer.status for answer in answers} <= {200, 201}
    assert len({answer.body["text"] for answer in answers}) == 1
    assert len(ann.read(own_room)["entries"]) == 1


def test_same_id_of_another_member_is_another_message(
    ann: Caller, bob: Caller, own_room: str
) -> None:
    one, other = ann.posted(own_room, "m1", "mine"), bob.posted(own_room, "m1", "mine too")
    assert (one["seq"], other["seq"]) == (1, 2)


def test_answer_to_a_message_quotes_it(ann: Caller, bob: Caller, own_room: str) -> None:
    first = ann.posted(own_room, "m1", "hello")
    second = bob.posted(own_room, "m1", "hello yourself", reply=first["seq"])
    assert second["reply"] == {"seq": 1, "member": first["member"], "text": "hello"}


def test_key_is_the_same_member_on_the_socket(
    chat_server: ChatServer, ann: Caller, own_room: str
) -> None:
    message = ann.posted(own_room, "m1", "hello")
    with Client(chat_server.ws_url) as page:
        page.key = ann.key
        welcome = page.join(None, own_room)
    assert welcome["member"]["id"] == message["member"]["id"]


def test_nobody_is_told_that_a_visitor_comes_and_goes(
    chat_server: ChatServer, ann: Caller, own_room: str
) -> None:
    with Client(chat_server.ws_url) as page, Client(chat_server.ws_url) as last:
        page.join("Eve", own_room)
        ann.posted(own_room, "m1", "hello", nick="Ann")
        last.join("Zoé", own_room)
        kinds = []
        while (event := page.receive())["type"] != "joined":
            kinds.append(event["type"])
    assert kinds == ["message"]
    assert event["member"]["nick"] == "Zoé"


# --- nicks ----------------------------------------------------------------------------------------


def test_nick_is_kept_for_the_key_and_taken_for_others(
    ann: Caller, bob: Caller, own_room: str
) -> None:
    ann.posted(own_room, "m1", "hello", nick="Ann")
    again = ann.posted(own_room, "m2", "it is me")
    refused = bob.post(own_room, "m1", "me too", nick="ann")
    assert again["member"]["nick"] == "Ann"
    assert (refused.status, refused.code) == (409, "nick_taken")
    assert bob.posted(own_room, "m1", "me too", nick=refused.body["suggest"])


def test_without_a_nick_it_is_always_the_same_guests(ann: Caller, own_room: str) -> None:
    nicks = {ann.posted(own_room, f"m{n}", "hello")["member"]["nick"] for n in range(3)}
    assert len(nicks) == 1
    assert nicks.pop().startswith("invité")


def test_who_is_in_the_room_has_the_nick_that_it_has_there(
    chat_server: ChatServer, ann: Caller, own_room: str
) -> None:
    with Client(chat_server.ws_url) as page:
        page.key = ann.key
        page.join("Zoé", own_room)
        message = ann.posted(own_room, "m1", "hello", nick="Ann")
    assert message["member"]["nick"] == "Zoé"


def test_nick_of_somebody_in_the_room_is_taken(
    chat_server: ChatServer, ann: Caller, own_room: str
) -> None:
    with Client(chat_server.ws_url) as page:
        page.join("Zoé", own_room)
        assert ann.post(own_room, "m1", "hello", nick="zoé").code == "nick_taken"


def test_people_are_those_with_a_connection_since_they_came(
    chat_server: ChatServer, ann: Caller, own_room: str
) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    with Client(chat_server.ws_url) as page:
        page.join("Zoé", own_room)
        ann.posted(own_room, "m1", "hello")
        answer = ann.ask("GET", f"/rooms/{own_room}/people")
    (person,) = answer.body["people"]
    assert {name: person[name] for name in ("id", "nick")} == page.member
    assert before <= datetime.fromisoformat(person["since"]) <= datetime.now(UTC)
    assert ann.ask("GET", f"/rooms/{own_room}-empty/people").body["people"] == []


# --- reading --------------------------------------------------------------------------------------


def test_newest_messages_come_with_the_place_after_them(ann: Caller, own_room: str) -> None:
    for n in range(5):
        ann.posted(own_room, f"m{n}", str(n))
    found = ann.read(own_room, limit=3)
    assert [entry["text"] for entry in found["entries"]] == ["2", "3", "4"]
    ann.posted(own_room, "m5", "5")
    later = ann.read(own_room, after=found["next"])
    assert [entry["text"] for entry in later["entries"]] == ["5"]
    assert later["gap"] is None


def test_log_is_read_in_pieces_from_its_begin(ann: Caller, own_room: str) -> None:
    for n in range(7):
        ann.posted(own_room, f"m{n}", str(n))
    texts, place, more = [], "0", True
    while more:
        found = ann.read(own_room, after=place, limit=3)
        texts += [entry["text"] for entry in found["entries"]]
        place, more = found["next"], found["more"]
    assert texts == list("0123456")


def test_changes_come_as_entries_and_texts_are_as_they_are_now(ann: Caller, own_room: str) -> None:
    ann.posted(own_room, "m1", "helo")
    place = ann.read(own_room)["next"]
    assert ann.ask("PATCH", f"/rooms/{own_room}/messages/m1", {"text": "hello"}).status == 200
    (edited,) = ann.read(own_room, after=place)["entries"]
    (message, _) = ann.read(own_room, after="0")["entries"]
    assert (edited["type"], edited["target"], edited["text"]) == ("edited", 1, "hello")
    assert (message["text"], "edited" in message) == ("hello", True)


def test_older_messages_and_those_with_words(ann: Caller, own_room: str) -> None:
    for n, text in enumerate(("red apple", "green pear", "red pear")):
        ann.posted(own_room, f"m{n}", text)
    older = ann.read(own_room, before=3, limit=1)
    found = ann.read(own_room, find="red")
    assert [each["text"] for each in older["messages"]] == ["green pear"]
    assert older["more"]
    assert [each["text"] for each in found["messages"]] == ["red pear", "red apple"]


def test_waiting_reader_is_given_what_is_posted_meanwhile(
    chat_server: ChatServer, ann: Caller, own_room: str, threads: ThreadPoolExecutor
) -> None:
    place = ann.read(own_room)["next"]
    waiting = [threads.submit(ann.read, own_room, after=place, wait=50) for _ in range(3)]
    with Client(chat_server.ws_url) as page:
        page.join("Zoé", own_room)
        page.post("at last")
        found = [each.result(WAIT_S)["entries"] for each in waiting]
    assert [[entry["text"] for entry in entries] for entries in found] == [["at last"]] * 3


def test_waiting_ends_with_nothing_when_nothing_comes(ann: Caller, own_room: str) -> None:
    ann.posted(own_room, "m1", "hello")
    place = ann.read(own_room)["next"]
    found = ann.read(own_room, after=place, wait=0.2)
    assert (found["entries"], found["next"], found["gap"]) == ([], place, None)


@pytest.mark.parametrize(
    ("other", "gap"),
    [
        ("{seq}~{at}~another", "lost"),
        ("9~{at}~{epoch}", "lost"),
        ("{seq}~2020-01-01T00:00:00.000Z~{epoch}", "changed"),
    ],
)
def test_place_in_another_log_is_told_and_the_newest_are_given(
    ann: Caller, own_room: str, other: str, gap: str
) -> None:
    for n in range(3):
        ann.posted(own_room, f"m{n}", str(n))
    place = ann.read(own_room)["next"]
    seq, at, epoch = place.split("~")
    found = ann.read(own_room, after=other.format(seq=seq, at=at, epoch=epoch))
    assert found["gap"] == gap
    assert [entry["text"] for entry in found["entries"]] == ["0", "1", "2"]
    assert found["next"] == place


def test_reader_is_told_what_was_pruned_and_given_the_rest(
    make_server: Callable[..., ChatServer],
) -> None:
    settings = {"CHAT_RETENTION_MESSAGES": "1000", "CHAT_RETENTION_MIN_HOURS": "0"}
    server = make_server(settings=settings)
    server.fill("general", [Past("Eve", str(n), 1_700_000_000_000) for n in range(1200)])
    server.start()
    ann = Caller(server)
    ann.posted("general", "m1", "the last one")

    def read() -> dict[str, Any] | None:
        found = ann.read("general", after="1", limit=500)
        return found if found["gap"] else None

    found = wait_until(read)
    seqs = [entry["seq"] for entry in found["entries"]]
    assert found["gap"] == "skipped"
    assert 2 < seqs[0] <= 202
    assert seqs == list(range(seqs[0], seqs[0] + 500))


# --- changing -------------------------------------------------------------------------------------


def test_message_is_removed_by_its_id_and_a_repetition_does_no_harm(
    ann: Caller, bob: Caller, own_room: str
) -> None:
    message = ann.posted(own_room, "m1", "hello")
    foreign = bob.remove(own_room, "m1", member=message["member"]["id"])
    assert (foreign.status, foreign.code) == (403, "not_yours")
    assert [ann.remove(own_room, "m1").status for _ in range(2)] == [204, 204]
    found = ann.ask("GET", f"/rooms/{own_room}/messages/m1").body
    assert (found["text"], found["removed"]) == ("", True)


def test_post_that_was_removed_before_it_came_never_comes(ann: Caller, own_room: str) -> None:
    assert ann.remove(own_room, "m1").status == 204
    late = ann.post(own_room, "m1", "too late")
    assert (late.status, late.code) == (410, "gone")
    assert ann.read(own_room, before=100)["messages"] == []


def test_edit_with_an_idempotency_key_is_done_once(ann: Caller, own_room: str) -> None:
    ann.posted(own_room, "m1", "one")
    address, once = f"/rooms/{own_room}/messages/m1", {"Idempotency-Key": "edit-1"}
    first = ann.ask("PATCH", address, {"text": "two"}, once)
    ann.ask("PATCH", address, {"text": "three"})
    again = ann.ask("PATCH", address, {"text": "two"}, once)
    assert (first.body["text"], again.body["text"]) == ("two", "three")


def test_all_of_a_members_messages_are_erased_by_itself_alone(
    ann: Caller, bob: Caller, own_room: str
) -> None:
    for n in range(3):
        member = ann.posted(own_room, f"m{n}", "mine")["member"]["id"]
    bob.posted(own_room, "m", "his")
    address = f"/rooms/{own_room}/people/{member}/messages"
    assert bob.ask("DELETE", address).code == "not_owner"
    assert ann.ask("DELETE", address).status == 204

    def left() -> bool:
        texts = [each["text"] for each in ann.read(own_room, before=100)["messages"]]
        return texts == ["", "", "", "his"]

    assert wait_until(left)


# --- rooms and owners -----------------------------------------------------------------------------


def test_made_room_has_its_rules_and_its_owner_key(
    chat_server: ChatServer, ann: Caller, own_room: str
) -> None:
    owner = made(chat_server, own_room, write="owners")
    assert made_again(owner, own_room).status == 201
    assert made_again(Caller(chat_server, owner=new_owner()), own_room).code == "room_exists"
    assert ann.post(own_room, "m1", "hello").code == "read_only"
    assert owner.posted(own_room, "m1", "welcome")["seq"] == 1
    about = ann.ask("GET", f"/rooms/{own_room}").body
    assert (about["made"], about["rules"]["write"], about["people"]) == (True, "owners", 0)


def made_again(caller: Caller, room: str) -> Answer:
    return caller.ask("PUT", f"/rooms/{room}", {"write": "owners"})


def test_private_room_has_a_name_of_its_key_and_a_title(chat_server: ChatServer) -> None:
    owner = Caller(chat_server, key="", owner=new_owner())
    answers = [owner.ask("POST", "/rooms", {"title": "Family"}) for _ in range(2)]
    assert answers[0].body == answers[1].body
    room = answers[0].body["room"]
    assert len(room) == 26
    assert owner.ask("GET", f"/rooms/{room}").body["title"] == "Family"


def test_without_an_owner_key_one_is_made(chat_server: ChatServer, own_room: str) -> None:
    answer = Caller(chat_server).ask("PUT", f"/rooms/{own_room}", {})
    owner = Caller(chat_server, key="", owner=answer.body["owner"])
    assert owner.ask("PATCH", f"/rooms/{own_room}/rules", {"locked": True}).status == 200


def test_owner_changes_the_rules_and_pins(
    chat_server: ChatServer, ann: Caller, own_room: str
) -> None:
    owner = made(chat_server, own_room)
    message = ann.posted(own_room, "m1", "hello")
    rules = owner.ask("PATCH", f"/rooms/{own_room}/rules", {"pace_s": 60})
    assert rules.body["rules"]["pace_s"] == 60
    too_soon = ann.post(own_room, "m2", "again")
    assert (too_soon.status, too_soon.code) == (429, "too_soon")
    assert 0 < int(too_soon.headers["Retry-After"]) <= 60
    pin = {"target": message["seq"]}
    assert ann.ask("PUT", f"/rooms/{own_room}/pin", pin).code == "not_owner"
    assert owner.ask("PUT", f"/rooms/{own_room}/pin", pin).status == 204
    assert ann.ask("GET", f"/rooms/{own_room}").body["pin"] == 1
    assert owner.ask("DELETE", f"/rooms/{own_room}/pin").status == 204
    assert ann.ask("GET", f"/rooms/{own_room}").body["pin"] is None


def test_owner_removes_a_message_of_anybody(
    chat_server: ChatServer, ann: Caller, own_room: str
) -> None:
    owner = made(chat_server, own_room)
    member = ann.posted(own_room, "m1", "hello")["member"]["id"]
    assert owner.remove(own_room, "m1", member=member).status == 204
    assert owner.remove(own_room, "m1", member=member).status == 204
    assert ann.ask("GET", f"/rooms/{own_room}/messages/m1").body["removed"]


def test_operator_owns_every_room(chat_server: ChatServer, ann: Caller, own_room: str) -> None:
    member = ann.posted(own_room, "m1", "hello")["member"]["id"]
    stranger = Caller(chat_server, owner="not the token")
    operator = Caller(chat_server, key="", owner=OPERATOR)
    assert stranger.remove(own_room, "m1", member=member).code == "not_yours"
    assert operator.remove(own_room, "m1", member=member).status == 204


def test_who_is_put_out_reads_and_writes_no_more(
    chat_server: ChatServer, ann: Caller, own_room: str, threads: ThreadPoolExecutor
) -> None:
    owner = made(chat_server, own_room)
    member = ann.posted(own_room, "m1", "hello")["member"]["id"]
    place = ann.read(own_room)["next"]
    waiting = threads.submit(ann.ask, "GET", f"/rooms/{own_room}/messages", after=place, wait=50)
    address = f"/rooms/{own_room}/people/{member}/put-out"
    assert owner.ask("PUT", address, {"for_s": 3600}).status == 204
    # It may have come just before, or just after.
    assert waiting.result(WAIT_S).status in (200, 403)
    refused = ann.ask("GET", f"/rooms/{own_room}/messages")
    assert (refused.status, refused.code) == (403, "banned")
    assert ann.post(own_room, "m2", "hello").code == "banned"
    assert owner.ask("PUT", address, {"for_s": 0}).status == 204
    assert ann.posted(own_room, "m2", "back")


def test_muted_member_reads_and_does_not_write(
    chat_server: ChatServer, ann: Caller, own_room: str
) -> None:
    owner = made(chat_server, own_room)
    member = ann.posted(own_room, "m1", "hello")["member"]["id"]
    address = f"/rooms/{own_room}/people/{member}/mute"
    assert owner.ask("PUT", address, {"for_s": 3600}).status == 204
    assert ann.post(own_room, "m2", "hello").code == "muted"
    assert ann.read(own_room)["entries"]


def test_ended_room_is_gone(chat_server: ChatServer, ann: Caller, own_room: str) -> None:
    owner = made(chat_server, own_room)
    ann.posted(own_room, "m1", "hello")
    assert ann.ask("DELETE", f"/rooms/{own_room}").code == "not_owner"
    assert owner.ask("DELETE", f"/rooms/{own_room}").status == 204
    gone = ann.ask("GET", f"/rooms/{own_room}/messages")
    assert (gone.status, gone.code) == (410, "room_ended")


def test_locked_room_lets_no_newcomer_in(
    chat_server: ChatServer, ann: Caller, bob: Caller, own_room: str
) -> None:
    owner = made(chat_server, own_room)
    ann.posted(own_room, "m1", "hello")
    assert owner.ask("PATCH", f"/rooms/{own_room}/rules", {"locked": True}).status == 200
    assert ann.posted(own_room, "m2", "still here")
    assert bob.ask("GET", f"/rooms/{own_room}/messages").code == "room_locked"


# --- server-sent events ---------------------------------------------------------------------------


def test_stream_gives_each_entry_and_goes_on_where_it_was(
    chat_server: ChatServer, ann: Caller, own_room: str
) -> None:
    address, accept = f"/rooms/{own_room}/messages", {"Accept": "text/event-stream"}
    ann.posted(own_room, "m1", "one")
    with ann.asked("GET", address, headers=accept, after="0") as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        events = events_of(response)
        first = next(events)
        ann.posted(own_room, "m2", "two")
        second = next(events)
    ann.posted(own_room, "m3", "three")
    back = {**accept, "Last-Event-ID": second["id"]}
    with ann.asked("GET", address, headers=back) as response:
        third = next(events_of(response))
    assert [each["event"] for each in (first, second, third)] == ["message"] * 3
    assert [each["data"]["text"] for each in (first, second, third)] == ["one", "two", "three"]


def test_stream_tells_of_another_log(ann: Caller, own_room: str) -> None:
    ann.posted(own_room, "m1", "one")
    headers = {"Accept": "text/event-stream", "Last-Event-ID": "1~2020-01-01T00:00:00Z~another"}
    with ann.asked("GET", f"/rooms/{own_room}/messages", headers=headers) as response:
        events = events_of(response)
        assert next(events)["data"] == {"gap": "lost"}
        assert next(events)["data"]["text"] == "one"


def test_stream_ends_for_who_is_put_out_and_when_the_room_ends(
    chat_server: ChatServer, ann: Caller, bob: Caller, own_room: str
) -> None:
    owner = made(chat_server, own_room)
    member = ann.posted(own_room, "m1", "hello")["member"]["id"]
    address, accept = f"/rooms/{own_room}/messages", {"Accept": "text/event-stream"}
    with (
        ann.asked("GET", address, headers=accept, after="0") as put_out,
        bob.asked("GET", address, headers=accept, after="0") as other,
    ):
        its, others = events_of(put_out), events_of(other)
        assert next(its)["data"] == next(others)["data"]
        bar = f"/rooms/{own_room}/people/{member}/put-out"
        assert owner.ask("PUT", bar, {"for_s": 3600}).status == 204
        assert list(its) == []
        assert owner.ask("DELETE", f"/rooms/{own_room}").status == 204
        assert list(others) == []


@pytest.mark.embedded
def test_server_that_stops_ends_streams_and_waits(
    make_server: Callable[..., ChatServer], threads: ThreadPoolExecutor
) -> None:
    server = make_server(settings={"CHAT_MAX_CONNECTIONS": "2", "CHAT_ADDRESS_WEBSOCKETS": "9"})
    server.start()
    ann = Caller(server)
    ann.posted("general", "m1", "hello")
    place = ann.read("general")["next"]
    accept = {"Accept": "text/event-stream"}
    with ann.asked("GET", "/rooms/general/messages", headers=accept, after="0") as response:
        events = events_of(response)
        next(events)
        waiting = threads.submit(ann.read, "general", after=place, wait=50)
        wait_until(lambda: server.status()["full"])
        server.stop()
        assert list(events) == []
    assert waiting.result(WAIT_S)["entries"] == []


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("PUT", "/rooms/general/messages/m1", b"{", 400, "bad_json"),
        ("PUT", "/rooms/general/messages/m1", b"\xff", 400, "bad_json"),
        ("PUT", "/rooms/general/messages/m1", b"[]", 400, "bad_command"),
        ("PUT", "/rooms/general/messages/m1", {}, 400, "bad_command"),
        ("PUT", "/rooms/general/messages/m1", {"text": 1}, 400, "bad_command"),
        ("PUT", "/rooms/general/messages/m1", {"text": "a", "reply": 0}, 400, "bad_command"),
        ("PUT", "/rooms/general/messages/m1", {"text": " \n"}, 422, "text_empty"),
        ("PUT", "/rooms/general/messages/m1", {"text": "x" * 2001}, 422, "text_too_long"),
        ("PUT", "/rooms/general/messages/m1", {"text": "x" * 20_000}, 413, "too_large"),
        ("PUT", "/rooms/general/messages/m1", {"text": "a", "nick": ""}, 422, "nick_invalid"),
        ("PUT", "/rooms/general/messages/m1", {"text": "a", "nick": "admin"}, 422, "nick_invalid"),
        ("PUT", "/rooms/general/messages/" + "m" * 65, {"text": "a"}, 400, "bad_command"),
        ("PUT", "/rooms/general/messages/m 1", {"text": "a"}, 400, "bad_command"),
        ("PUT", "/rooms/Not A Room/messages/m1", {"text": "a"}, 422, "room_invalid"),
        ("PATCH", "/rooms/general/messages/never", {"text": "a"}, 404, "target_unknown"),
        ("GET", "/rooms/general/messages/never", None, 404, "target_unknown"),
        ("PUT", "/rooms/general", {}, 409, "room_exists"),
        ("PUT", "/rooms/a-room", {"ends_at": "yesterday"}, 400, "bad_command"),
        ("PUT", "/rooms/general/people/short/mute", {"for_s": 1}, 400, "bad_command"),
        ("PUT", "/rooms/general/people/" + "m" * 22 + "/mute", {"for_s": 1}, 403, "not_owner"),
        ("DELETE", "/rooms/general", None, 403, "not_owner"),
        ("GET", "/nothing", None, 404, "not_found"),
        ("POST", "/rooms/general", None, 405, "method_not_allowed"),
    ],
)
def test_bad_request_is_a_problem(
    ann: Caller, method: str, path: str, body: Any, status: int, code: str
) -> None:
    answer = ann.ask(method, path, body)
    assert (answer.status, answer.code) == (status, code)
    assert answer.body["title"]
    assert answer.body["detail"]


@pytest.mark.parametrize(
    "query",
    [
        {"after": "x"},
        {"after": "-1"},
        {"after": str(2**53)},
        {"after": "٣"},
        {"after": "1", "before": "2"},
        {"before": "0"},
        {"before": "x"},
        {"find": ""},
        {"find": "x" * 101},
        {"limit": "0"},
        {"limit": "501"},
        {"wait": "51"},
        {"wait": "nan"},
        [("limit", "1"), ("limit", "2")],
    ],
)
def test_bad_query_is_a_problem(
    ann: Caller, own_room: str, query: dict[str, str] | list[tuple[str, str]]
) -> None:
    answer = ann.ask("GET", f"/rooms/{own_room}/messages?{urlencode(query)}")
    assert (answer.status, answer.code) == (400, "bad_command")


@pytest.mark.parametrize("header", ["", "Basic abc", "Bearer short", "Bearer " + "x" * 129])
def test_without_a_key_nothing_is_written(
    chat_server: ChatServer, own_room: str, header: str
) -> None:
    headers = {"Authorization": header} if header else {}
    body = {"text": "hello"}
    address = f"/rooms/{own_room}/messages/m1"
    answer = Caller(chat_server, key="").ask("PUT", address, body, headers)
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.code in ("key_missing", "key_invalid")
    assert Caller(chat_server, key="").read(own_room)["entries"] == []


def test_page_of_another_site_may_not_ask(ann: Caller) -> None:
    answer = ann.ask("POST", "/rooms", {}, {"Origin": "https://elsewhere.example"})
    assert (answer.status, answer.code) == (403, "forbidden")


def raw(server: ChatServer, *pieces: bytes) -> bytes:
    """Send the pieces of a request one after the other; give the whole answer."""
    with socket.create_connection(("127.0.0.1", server.port), WAIT_S) as sock:
        for piece in pieces:
            sock.sendall(piece)
        answer = b""
        while data := sock.recv(65536):
            answer += data
        return answer


def head(room: str, *lines: str) -> bytes:
    key = "Authorization: Bearer abcdefghijklmnopqrstuvwx"
    given = (f"PUT /api/rooms/{room}/messages/m1 HTTP/1.1", "Host: localhost", key, *lines, "", "")
    return "\r\n".join(given).encode()


def test_body_may_come_in_pieces_after_its_head(chat_server: ChatServer, own_room: str) -> None:
    body = json.dumps({"text": "hello"}).encode()
    pieces = (body[n : n + 1] for n in range(len(body)))
    answer = raw(chat_server, head(own_room, f"content-length: {len(body)}"), *pieces)
    assert answer.startswith(b"HTTP/1.1 201 ")


def test_body_without_a_length_is_refused(chat_server: ChatServer, own_room: str) -> None:
    answer = raw(chat_server, head(own_room, "Transfer-Encoding: chunked"))
    assert answer.startswith(b"HTTP/1.1 411 ")


def test_body_that_is_too_long_is_refused_by_its_head(
    chat_server: ChatServer, own_room: str
) -> None:
    answer = raw(chat_server, head(own_room, "Content-Length: 99999999999999999999"))
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.embedded
def test_bodies_that_never_come_hold_nobody_up(
    make_server: Callable[..., ChatServer],
) -> None:
    server = make_server()
    server.start()
    with ExitStack() as stack:
        for _ in range(20):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            sock.sendall(head("general", "Content-Length: 100") + b"{")
        assert Caller(server).posted("general", "m2", "hello")
        # Each of them is ended, without an answer.
        sock.settimeout(WAIT_S)
        assert sock.recv(100) == b""


@pytest.mark.embedded
def test_address_that_posts_too_much_is_told_when_to_try_again(
    make_server: Callable[..., ChatServer],
) -> None:
    server = make_server(settings={"CHAT_ADDRESS_POSTS": "3"})
    server.start()
    answers = [Caller(server).post("general", f"m{n}", "hello") for n in range(4)]
    assert [answer.status for answer in answers] == [201, 201, 201, 429]
    assert answers[-1].code == "rate_limited"
    assert int(answers[-1].headers["Retry-After"]) >= 1


@pytest.mark.embedded
def test_request_needs_one_of_the_places(make_server: Callable[..., ChatServer]) -> None:
    server = make_server(settings={"CHAT_MAX_CONNECTIONS": "1", "CHAT_ADDRESS_WEBSOCKETS": "10"})
    server.start()
    with Client(server.ws_url) as page:
        page.join("Zoé")
        full = Caller(server).ask("GET", "/rooms/general/messages")
    assert (full.status, full.code) == (503, "full")
    wait_until(lambda: Caller(server).ask("GET", "/rooms/general/messages").status == 200)


@pytest.mark.embedded
def test_address_that_is_refused_all_the_time_has_to_cool_down(
    make_server: Callable[..., ChatServer],
) -> None:
    server = make_server(settings={"CHAT_ADDRESS_REFUSALS": "3"})
    server.start()
    answers = [Caller(server).post("general", "m1", "") for _ in range(5)]
    assert [answer.status for answer in answers] == [422] * 4 + [429]
    assert answers[-1].code == "too_many"


# --- webhooks -------------------------------------------------------------------------------------


def test_webhook_posts_the_text_as_it_is_and_its_key_is_not_in_the_log(
    chat_server: ChatServer, own_room: str
) -> None:
    key, anybody = secrets.token_urlsafe(24), Caller(chat_server, key="")
    body = {"text": "build <https://ci/1|#1> failed: 5*3 &amp; more", "username": "CI"}
    answer = anybody.ask("POST", f"/rooms/{own_room}/hook", body, key=key)
    assert answer.status == 201
    (message,) = anybody.read(own_room)["entries"]
    assert (message["text"], message["member"]["nick"]) == (body["text"], "CI")
    assert (
        Caller(chat_server, key=key).posted(own_room, "m1", "it is me")["member"]
        == (message["member"])
    )
    assert key not in chat_server.log()


def test_webhook_without_a_key_in_its_address_posts_nothing(
    chat_server: ChatServer, ann: Caller, own_room: str
) -> None:
    body = {"text": "hello"}
    assert ann.ask("POST", f"/rooms/{own_room}/hook", body).status == 400
    assert ann.ask("POST", f"/rooms/{own_room}/hook", body, key="short").status == 401
    assert ann.read(own_room)["entries"] == []


# --- two workers ----------------------------------------------------------------------------------


def test_what_one_worker_takes_another_one_gives(ann: Caller, own_room: str) -> None:
    seqs = [ann.posted(own_room, f"m{n}", str(n))["seq"] for n in range(20)]
    assert seqs == list(range(1, 21))
    assert [each["seq"] for each in ann.read(own_room, after="0")["entries"]] == seqs
