"""The client on a real server: it comes back, loses nothing, does nothing twice, and says why."""

from __future__ import annotations

import random
import secrets
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from itertools import count

import pytest

import chat.client.client as client_module
from chat.client import Client, Event, Full, Reset, State, Status, Stopped, Unsent
from chat.protocol import (
    Edited,
    End,
    ErrorCode,
    Gap,
    IsTyping,
    Joined,
    Message,
    Post,
    Refused,
    Removed,
    Renamed,
)
from tests.support.client import Client as Peer
from tests.support.house import House
from tests.support.proxy import Fault, FaultProxy, Towards
from tests.support.servers import ChatServer, free_port
from tests.support.waiting import wait_until

MakeServer = Callable[..., ChatServer]
Open = Callable[..., Client]

_WITHIN_S = 60.0  # longer than anything takes on a busy machine


@pytest.fixture
def open_client() -> Iterator[Open]:
    """Open clients that end with the test."""
    clients: list[Client] = []

    def open_one(url: str, nick: str, **options: str) -> Client:
        clients.append(Client(url, nick, **options))
        return clients[-1]

    yield open_one
    for client in clients:
        client.close()


@pytest.fixture
def house(shared_server: ChatServer, own_room: str) -> Iterator[House]:
    made = House(shared_server, own_room)
    yield made
    made.close()


def url_of(server: ChatServer, room: str) -> str:
    return f"{server.url}/r/{room}"


def posted(futures: list[Future[Message]]) -> list[Message]:
    return [future.result(_WITHIN_S) for future in futures]


def seen(client: Client, messages: int) -> list[Message]:
    """Read events until so many messages have come; fail at a reset that is not the first."""
    found: list[Message] = []
    while len(found) < messages:
        event = client.receive(_WITHIN_S)
        if isinstance(event, Reset):
            assert event.gap is None, event
            found += event.messages
        elif isinstance(event, Message):
            found.append(event)
    return found


def next_of(client: Client, kind: type) -> object:
    """Read events until one of this kind comes."""
    while not isinstance(event := client.receive(_WITHIN_S), kind):
        pass
    return event


def come(client: Client) -> list[Event]:
    """Give the events that have come and were not read yet."""
    events: list[Event] = []
    while True:
        try:
            events.append(client.receive(0))
        except TimeoutError:
            return events


def stopped(client: Client) -> Stopped:
    """Read all events until the client stops for good; give why."""
    with pytest.raises(Stopped) as why:
        deque(client.events(), maxlen=0)
    return why.value


# --- talking ---------------------------------------------------------------------------


@pytest.mark.shared
def test_people_talk_edit_remove_ask_and_rename(
    chat_server: ChatServer, own_room: str, open_client: Open
) -> None:
    ann = open_client(url_of(chat_server, own_room), "Ann")
    ann.wait_joined(_WITHIN_S)
    ben = open_client(chat_server.url, "Ben", room=own_room)
    ben.wait_joined(_WITHIN_S)
    assert next_of(ann, Joined) == Joined(ben.me)
    assert {member.nick for member in ann.people} == {"Ann", "Ben"}
    ben.typing()
    assert next_of(ann, IsTyping) == IsTyping(ben.me)

    question = ann.post("Is there any cake?").result(_WITHIN_S)
    answer = ben.post("One peice.", reply=question.seq).result(_WITHIN_S)
    assert answer.reply is not None
    assert answer.reply.text == "Is there any cake?"
    assert ben.edit(answer.seq, "One piece.").result(_WITHIN_S).text == "One piece."
    assert ann.remove(question.seq).result(_WITHIN_S).target == question.seq
    assert isinstance(next_of(ann, Message), Message)
    assert next_of(ann, Message) == answer
    assert isinstance(next_of(ann, Edited), Edited)
    assert isinstance(next_of(ann, Removed), Removed)

    assert [m.text for m in ann.history(answer.seq + 1, 1).messages] == ["One piece."]
    assert [m.seq for m in ben.find("piece").messages] == [answer.seq]
    assert ben.rename("Benjamin").nick == "Benjamin"
    assert next_of(ann, Renamed) == Renamed(ben.me, "Ben")
    with pytest.raises(Refused) as refused:
        ann.rename("admin")
    assert refused.value.code is ErrorCode.NICK_INVALID


@pytest.mark.shared
def test_what_no_server_takes_is_refused_at_once_and_the_rest_goes_on(
    chat_server: ChatServer, own_room: str, open_client: Open
) -> None:
    ann = open_client(url_of(chat_server, own_room), "Ann")
    for text, code in (
        (" \n", ErrorCode.TEXT_EMPTY),
        ("x" * 2001, ErrorCode.TEXT_TOO_LONG),
        ("x\ud800", ErrorCode.BAD_COMMAND),
    ):
        with pytest.raises(Refused) as refused:
            ann.post(text)
        assert refused.value.code is code, text
    with pytest.raises(Refused):
        ann.post("x", command_id="no id")
    nowhere, after = ann.post("to nobody", reply=999), ann.post("after")
    with pytest.raises(Refused) as refused:
        nowhere.result(_WITHIN_S)
    assert refused.value.code is ErrorCode.TARGET_UNKNOWN
    assert after.result(_WITHIN_S).text == "after"


def test_300_posts_at_once_obey_the_limits_and_keep_their_order(
    make_server: MakeServer, open_client: Open
) -> None:
    server = make_server(settings={"CHAT_CONNECTION_POSTS": "200"})
    server.start()
    ann = open_client(server.url, "Ann")
    messages = posted([ann.post(f"text {number}") for number in range(300)])
    assert [message.seq for message in messages] == list(range(1, 301))
    assert [message.text for message in messages] == [f"text {number}" for number in range(300)]
    assert seen(ann, 300) == messages


@pytest.mark.shared
def test_who_reads_no_events_is_told_that_some_are_gone(
    chat_server: ChatServer, own_room: str, open_client: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "EVENTS_LIMIT", 10)
    ann = open_client(url_of(chat_server, own_room), "Ann")
    messages = posted([ann.post(f"text {number}") for number in range(20)])
    read = [ann.receive(_WITHIN_S)]
    while read[-1] != messages[-1]:
        read.append(ann.receive(_WITHIN_S))
    assert read[0] == Reset(Gap.SKIPPED, (), more=True)
    assert read[1:] == messages[-len(read) + 1 :]


# --- coming back -----------------------------------------------------------------------


def test_cut_connections_lose_nothing_and_repeat_nothing(
    make_server: MakeServer, open_client: Open
) -> None:
    server = make_server(settings={"CHAT_LIMITS": "off"})
    server.start()
    cuts = [
        (Fault.RESET, Towards.SERVER),
        (Fault.RESET, Towards.CLIENT),
        (Fault.MID_FRAME, Towards.SERVER),
        (Fault.MID_FRAME, Towards.CLIENT),
    ]
    with FaultProxy(server.port, random.Random(7)) as proxy:
        url = f"http://127.0.0.1:{proxy.port}"
        ann, ben = open_client(url, "Ann"), open_client(url, "Ben")
        for client in (ann, ben):
            client.wait_joined(_WITHIN_S)
        number = count()
        messages: list[Message] = []
        for cut in cuts:
            proxy.arm(*cut)
            while proxy.armed:
                messages += posted([ann.post(f"text {next(number)}") for _ in range(5)])
        assert proxy.cuts.total() == len(cuts)
        messages += posted([ann.post("the last one")])
        assert [message.seq for message in messages] == list(range(1, len(messages) + 1))
        assert seen(ben, len(messages)) == messages
        assert seen(ann, len(messages)) == messages
    assert server.kept()["general"] == messages


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_posts_wait_for_a_server_that_starts_again(
    end: str, make_server: MakeServer, open_client: Open
) -> None:
    server = make_server()
    server.start()
    ann, ben = open_client(server.url, "Ann"), open_client(server.url, "Ben")
    for client in (ann, ben):
        client.wait_joined(_WITHIN_S)
    futures = [ann.post(f"before {number}") for number in range(20)]
    futures[5].result(_WITHIN_S)
    getattr(server, end)()
    wait_until(lambda: ann.state.status is Status.WAITING)
    futures += [ann.post(f"meanwhile {number}") for number in range(20)]
    assert not futures[-1].done()
    server.start()
    ann.wake()
    messages = posted(futures)
    assert [message.seq for message in messages] == list(range(1, 41))
    assert seen(ben, 40) == messages == seen(ann, 40)
    assert server.kept()["general"] == messages
    reasons = {event.reason for event in come(ben) if isinstance(event, State)}
    assert reasons <= {"", "lost", "restarting", "unreachable", "full"}


@pytest.mark.embedded
def test_log_that_was_replaced_is_told_and_no_stranger_is_edited_or_answered(
    make_server: MakeServer, open_client: Open
) -> None:
    server = make_server()
    server.start()
    with FaultProxy(server.port, random.Random(7)) as proxy:
        ann = open_client(f"http://127.0.0.1:{proxy.port}", "Ann")
        first = ann.post("first").result(_WITHIN_S)
        proxy.lead_to(None)
        edit = ann.edit(first.seq, "another text")
        answer = ann.post("an answer", reply=first.seq)
        plain = ann.post("a post")
        server.stop()
        server.database.unlink()
        server.start()
        with Peer(server.ws_url) as ben:
            ben.join("Ben")
            assert ben.post("of somebody else")["seq"] == first.seq
        proxy.lead_to(server.port)
        ann.wake()
        for future in (edit, answer):
            with pytest.raises(Refused) as refused:
                future.result(_WITHIN_S)
            assert refused.value.code is ErrorCode.TARGET_UNKNOWN
        assert plain.result(_WITHIN_S).seq == first.seq + 1
    assert next_of(ann, Reset) == Reset(None, (), more=False)
    assert next_of(ann, Message) == first
    again = next_of(ann, Reset)
    assert isinstance(again, Reset)
    assert again.gap is Gap.LOST
    assert [message.text for message in again.messages] == ["of somebody else"]
    assert next_of(ann, Message) == plain.result()


@pytest.mark.embedded
def test_nick_that_was_taken_meanwhile_is_changed_and_told(
    make_server: MakeServer, open_client: Open
) -> None:
    server = make_server()
    server.start()
    with FaultProxy(server.port, random.Random(7)) as proxy:
        ann = open_client(f"http://127.0.0.1:{proxy.port}", "Ann")
        ann.wait_joined(_WITHIN_S)
        proxy.lead_to(None)
        server.stop()
        server.start()  # one worker remembers no nicks
        with Peer(server.ws_url) as other:
            other.join("Ann")
            post = ann.post("It is me.")
            proxy.lead_to(server.port)
            ann.wake()
            assert post.result(_WITHIN_S).member.nick == "Ann 2"
    assert next_of(ann, Renamed) == Renamed(ann.me, "Ann")


@pytest.mark.long
def test_line_that_goes_dead_is_noticed(make_server: MakeServer, open_client: Open) -> None:
    server = make_server()
    server.start()
    with FaultProxy(server.port, random.Random(7)) as proxy:
        ann = open_client(f"http://127.0.0.1:{proxy.port}", "Ann")
        ann.wait_joined(_WITHIN_S)
        proxy.arm(Fault.HALF_OPEN, Towards.SERVER)
        assert ann.post("Is anybody there?").result(_WITHIN_S).seq == 1


# --- the end ---------------------------------------------------------------------------


def test_nick_that_is_taken_at_first_stops_with_a_free_one(house: House, open_client: Open) -> None:
    house.come("Ann")
    why = stopped(open_client(url_of(house.server, house.room), "ANN"))
    assert (why.reason, why.suggest) == ("nick_taken", "ANN 2")


def test_who_is_put_out_stays_away(house: House, open_client: Open) -> None:
    house.make()
    olga = house.owner()
    ben = open_client(url_of(house.server, house.room), "Ben")
    member = ben.wait_joined(_WITHIN_S)
    olga.ask("put_out", member=member.id, for_s=600)
    assert stopped(ben).reason == "removed"
    with pytest.raises(Stopped):
        ben.post("I was not done.")
    again = open_client(url_of(house.server, house.room), "Ben", key=ben.key)
    with pytest.raises(Stopped) as why:
        again.wait_joined(_WITHIN_S)
    assert why.value.reason == "banned"


def test_room_that_ends_stops_everybody(house: House, open_client: Open) -> None:
    house.make()
    owner = f"{url_of(house.server, house.room)}#owner={house.owner_key}"
    olga = open_client(owner, "Olga")
    ben = open_client(url_of(house.server, house.room), "Ben")
    for client in (olga, ben):
        client.wait_joined(_WITHIN_S)
    olga.act(End(secrets.token_hex(4))).result(_WITHIN_S)
    assert {stopped(ben).reason, stopped(olga).reason} == {"ended"}
    late = open_client(url_of(house.server, house.room), "Nina")
    assert stopped(late).reason == "room_ended"


@pytest.mark.shared
def test_address_where_no_chat_is_stops_and_says_what_was_answered(
    chat_server: ChatServer, open_client: Open
) -> None:
    why = stopped(open_client(f"{chat_server.url}/nothing/here", "Ann"))
    assert why.reason == "refused"
    assert "HTTP 404" in why.detail


def test_what_waits_is_given_back_and_done_once_by_the_next_client(
    make_server: MakeServer, open_client: Open
) -> None:
    server = make_server()
    first = open_client(server.url, "Ann")
    waiting = [first.post("text 0", command_id="a-0")]
    with pytest.raises(ValueError, match="waits already"):
        first.post("text 0", command_id="a-0")
    waiting += [first.post(f"text {number}") for number in range(1, 1000)]
    with pytest.raises(Full):
        first.post("one too many")
    left = first.close()
    assert [command.text for command in left if isinstance(command, Post)] == [
        f"text {number}" for number in range(1000)
    ]
    with pytest.raises(Stopped):
        waiting[0].result(_WITHIN_S)

    server.start()
    for told in (10, 0):  # the second time, each command is answered by what was told before
        with Client(server.url, "Ann", key=first.key) as later:
            later.wait_joined(_WITHIN_S)
            futures = [later.act(command) for command in left[:10]]
            assert [future.result(_WITHIN_S).seq for future in futures] == list(range(1, 11))
            assert len([each for each in come(later) if isinstance(each, Message)]) == told
    assert [message.text for message in server.kept()["general"]] == [
        f"text {number}" for number in range(10)
    ]


def test_block_that_ends_too_early_says_what_was_not_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client_module, "_LEAVING_S", 0.1)
    with (
        pytest.raises(Unsent) as unsent,
        Client(f"http://127.0.0.1:{free_port(monkeypatch)}", "Ann") as ann,
    ):
        ann.post("into the void")
    assert [command.text for command in unsent.value.commands] == ["into the void"]
