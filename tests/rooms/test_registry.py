"""The table of open connections and their rooms, while many threads change it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from queue import SimpleQueue
from threading import Event, Thread

import pytest

from chat.protocol import CloseCode, Entry, Error, ErrorCode, Pong
from chat.rooms.registry import Registry
from chat.sockets.connection import Connection
from chat.sockets.frames import Batch, encode_event
from tests.support.peers import WAIT_S, Peer, message, opened, run_together

WELCOME = encode_event(Pong())


@pytest.fixture
def registry() -> Registry:
    return Registry()


def go_live(
    registry: Registry, connection: Connection, room: str, member_id: str, position: int = 0
) -> None:
    """Let a connection join as the hub does."""
    connection.hold()
    registry.join(connection, room, member_id)
    connection.go_live(WELCOME, position)


@contextmanager
def joined(
    registry: Registry, room: str, member_id: str = "m", position: int = 0
) -> Iterator[tuple[Connection, Peer]]:
    """Give a connection in a room, and its peer, which has read the welcome."""
    with opened() as (connection, peer, _):
        registry.add(connection)
        go_live(registry, connection, room, member_id, position)
        assert json.loads(peer.text())["type"] == "pong"
        yield connection, peer
        registry.discard(connection)


def seqs(peer: Peer, connection: Connection) -> list[int]:
    """Close a connection, and give the seqs that had been delivered to it."""
    connection.close(1000)
    texts, code = peer.until_closed()
    assert code == 1000
    return [event["seq"] for event in map(json.loads, texts) if event["type"] == "message"]


def news(name: str) -> bytes:
    """Make a frame that differs from all others."""
    return encode_event(Error(ErrorCode.BANNED, name))


# --- delivery ---------------------------------------------------------------------


def test_messages_are_delivered_to_their_room_alone(registry: Registry) -> None:
    with ExitStack() as stack:
        one, one_peer = stack.enter_context(joined(registry, "general"))
        two, two_peer = stack.enter_context(joined(registry, "general"))
        other, other_peer = stack.enter_context(joined(registry, "kitchen"))
        waiting, waiting_peer, _ = stack.enter_context(opened())
        registry.add(waiting)

        registry.deliver("general", [message(1), message(2)])
        registry.deliver("general", [message(3)])
        registry.deliver("kitchen", [message(1)])
        registry.deliver("empty", [message(1)])

        assert seqs(one_peer, one) == [1, 2, 3]
        assert seqs(two_peer, two) == [1, 2, 3]
        assert seqs(other_peer, other) == [1]
        assert seqs(waiting_peer, waiting) == []
        registry.discard(waiting)


def test_connection_that_left_is_delivered_nothing_more(registry: Registry) -> None:
    with joined(registry, "general") as (gone, gone_peer), joined(registry, "general") as (_, peer):
        registry.deliver("general", [message(1)])
        registry.discard(gone)
        registry.deliver("general", [message(2)])

        assert json.loads(peer.text())["seq"] == 1
        assert json.loads(peer.text())["seq"] == 2
        assert seqs(gone_peer, gone) == [1]


def test_news_reach_everybody_in_the_room_but_those_who_get_others_instead(
    registry: Registry,
) -> None:
    with ExitStack() as stack:
        ann, ann_peer = stack.enter_context(joined(registry, "general", "ann"))
        _, bob_peer = stack.enter_context(joined(registry, "general", "bob"))
        eve, eve_peer = stack.enter_context(joined(registry, "general", "eve"))

        pieces = [memoryview(news("for Bob")), memoryview(news("alone"))]
        registry.notify("general", news("for all"), {"bob": pieces, "eve": []})
        registry.notify("kitchen", news("elsewhere"), {})

        assert json.loads(ann_peer.text())["detail"] == "for all"
        assert json.loads(bob_peer.text())["detail"] == "for Bob"
        assert json.loads(bob_peer.text())["detail"] == "alone"
        assert seqs(ann_peer, ann) == []
        eve.close(1000)
        assert eve_peer.until_closed() == ([], 1000)


# --- what is known ----------------------------------------------------------------


def test_users_are_members_and_connections_that_have_not_joined(registry: Registry) -> None:
    with ExitStack() as stack:
        assert registry.connected_users() == 0
        stack.enter_context(joined(registry, "general", "ann"))
        stack.enter_context(joined(registry, "general", "ann"))
        stack.enter_context(joined(registry, "kitchen", "ann"))
        stack.enter_context(joined(registry, "kitchen", "bob"))
        assert registry.connected_users() == 2
        waiting, _, _ = stack.enter_context(opened())
        registry.add(waiting)
        assert registry.connected_users() == 3
        assert registry.rooms_count() == 2
        assert len(registry.connections()) == 5
        registry.discard(waiting)
    assert registry.connected_users() == 0
    assert registry.rooms_count() == 0
    assert registry.connections() == ()


def test_discarding_twice_is_harmless(registry: Registry) -> None:
    with joined(registry, "general") as (connection, _):
        registry.discard(connection)
        registry.discard(connection)

        assert registry.connected_users() == 0


# --- at once ----------------------------------------------------------------------


def test_connections_that_join_during_deliveries_miss_nothing_and_get_nothing_twice(
    registry: Registry,
) -> None:
    joiners = 12
    arrivals = SimpleQueue[int]()
    written = Event()
    head = 0

    def write() -> None:
        nonlocal head
        while arrivals.qsize() < joiners or head < 100:
            assert head < 100_000, "somebody does not manage to join"
            head += 1  # committed; from here on a replay includes it
            registry.deliver("general", [message(head)])
        written.set()

    def join(connection: Connection, peer: Peer) -> None:
        connection.hold()
        registry.join(connection, "general", "m")
        position = head
        connection.go_live(WELCOME, position)
        arrivals.put(position)
        assert written.wait(WAIT_S)
        assert json.loads(peer.text())["type"] == "pong"
        expected = list(range(position + 1, head + 1))
        assert [json.loads(peer.text())["seq"] for _ in expected] == expected

    with ExitStack() as stack:
        joins = []
        for _ in range(joiners):
            connection, peer, _ = stack.enter_context(opened(outbox_bytes=64_000_000))
            registry.add(connection)
            joins.append(partial(join, connection, peer))
        run_together(write, *joins)


def test_everything_may_happen_at_once(registry: Registry) -> None:
    stop = Event()

    def live(connection: Connection, number: int) -> None:
        for turn in range(150):
            registry.add(connection)
            registry.join(connection, f"room-{(number + turn) % 3}", f"m{number}")
            registry.discard(connection)

    def deliver(room: str) -> None:
        while not stop.is_set():
            registry.deliver(room, [message(1)])
            registry.notify(room, news("for all"), {"m1": []})

    def look() -> None:
        while not stop.is_set():
            assert 0 <= registry.connected_users() <= 6
            assert registry.rooms_count() <= 3
            for connection in registry.connections():
                assert connection.close_code in (None, 4008)

    with ExitStack() as stack:
        connections = [stack.enter_context(opened())[0] for _ in range(6)]

        def live_all() -> None:
            try:
                run_together(*(partial(live, one, n) for n, one in enumerate(connections)))
            finally:
                stop.set()

        run_together(live_all, look, *(partial(deliver, f"room-{n}") for n in range(3)))

    assert registry.connected_users() == 0
    assert registry.rooms_count() == 0


class Stuck(Connection):
    """A connection whose send does not return; a real one never does that."""

    entered: Event
    unstuck: Event

    def deliver(self, batch: Batch) -> None:
        del batch
        self.entered.set()
        self.unstuck.wait(WAIT_S)

    def enqueue(self, data: bytes) -> None:
        del data
        self.entered.set()
        self.unstuck.wait(WAIT_S)


class Broken(Connection):
    """A connection in which there is a bug."""

    def deliver(self, batch: Batch) -> None:
        raise ZeroDivisionError("a bug")

    def enqueue(self, data: bytes | memoryview) -> None:
        raise ZeroDivisionError("a bug")


class Hopeless(Broken):
    """A connection that cannot even be closed."""

    def close(self, code: int | None, reason: str = "") -> None:
        raise ZeroDivisionError("another bug")


@pytest.mark.parametrize("way", ["deliver", "notify", "close"])
def test_bug_in_one_connection_ends_that_one_and_nobody_else(
    registry: Registry, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    with ExitStack() as stack:
        broken, broken_peer, _ = stack.enter_context(opened(kind=Broken))
        hopeless, hopeless_peer, hopeless_route = stack.enter_context(opened(kind=Hopeless))
        for connection in (broken, hopeless):
            registry.add(connection)
            go_live(registry, connection, "general", "m")
        other, other_peer = stack.enter_context(joined(registry, "general"))
        with caplog.at_level(logging.ERROR):
            if way == "deliver":
                registry.deliver("general", [message(1)])
                assert json.loads(other_peer.text())["seq"] == 1
            elif way == "notify":
                registry.notify("general", news("for all"), {})
                assert json.loads(other_peer.text())["detail"] == "for all"
            else:
                registry.close(CloseCode.RESTARTING)
                assert other_peer.close_code() == 1012
        assert broken_peer.close_code() == 1012
        assert hopeless_peer.close_code() is None
        assert hopeless_route.ends()
        # One traceback for all to whom the same happened.
        assert caplog.text.count("ZeroDivisionError: a bug") == (way != "close")
        assert "ZeroDivisionError: another bug" in caplog.text
        registry.discard(broken)
        registry.discard(hopeless)
        other.close(1000)


def test_messages_that_cannot_be_encoded_send_everybody_to_the_log(registry: Registry) -> None:
    with joined(registry, "general") as (_, peer), joined(registry, "kitchen") as (other, also):
        registry.deliver("general", [message(1, "\ud800")])

        assert peer.close_code() == 1012
        assert seqs(also, other) == []


@pytest.mark.parametrize("way", ["deliver", "notify"])
def test_no_send_holds_up_the_registry(registry: Registry, way: str) -> None:
    with opened(kind=Stuck) as (stuck, _, _), opened() as (other, _, _):
        assert isinstance(stuck, Stuck)
        stuck.entered, stuck.unstuck = Event(), Event()
        registry.add(stuck)
        registry.join(stuck, "general", "stuck")
        send = (
            partial(registry.deliver, "general", [message(1)])
            if way == "deliver"
            else partial(registry.notify, "general", news("for all"), {})
        )
        sender = Thread(target=send)
        sender.start()
        assert stuck.entered.wait(WAIT_S)

        registry.add(other)
        registry.join(other, "general", "other")
        assert registry.connected_users() == 2
        registry.discard(other)
        registry.discard(stuck)

        assert sender.is_alive()  # all of that happened during the send
        stuck.unstuck.set()
        sender.join(WAIT_S)
        assert not sender.is_alive()


def test_peer_that_does_not_read_delays_nobody(registry: Registry) -> None:
    with ExitStack() as stack:
        slow, _, _ = stack.enter_context(opened(buffer_bytes=4096, outbox_bytes=65_536))
        registry.add(slow)
        go_live(registry, slow, "general", "slow")
        _, peer = stack.enter_context(joined(registry, "general", "quick"))

        for seq in range(1, 201):
            registry.deliver("general", [message(seq, "x" * 2000)])
            assert json.loads(peer.text())["seq"] == seq

        assert slow.close_code == 4008
        registry.discard(slow)


# --- followers --------------------------------------------------------------------


class Follower:
    """One who follows a room, and notes what it is told."""

    def __init__(self) -> None:
        self.seqs: list[int] = []
        self.closed_with: CloseCode | None = None

    def deliver(self, entries: Sequence[Entry]) -> None:
        self.seqs += [entry.seq for entry in entries]

    def close(self, code: CloseCode) -> None:
        self.closed_with = code


def test_follower_is_told_of_its_room_alone_and_is_nobody_there(registry: Registry) -> None:
    follower = Follower()
    registry.follow("general", follower)
    registry.deliver("general", [message(1), message(2)])
    registry.deliver("kitchen", [message(1)])
    assert follower.seqs == [1, 2]
    assert registry.is_occupied("general")
    assert (registry.connected_users(), registry.rooms_count()) == (0, 0)
    registry.unfollow("general", follower)
    registry.deliver("general", [message(3)])
    assert follower.seqs == [1, 2]
    assert not registry.is_occupied("general")


def test_followers_are_closed_with_their_room_and_with_all(registry: Registry) -> None:
    general, kitchen = Follower(), Follower()
    registry.follow("general", general)
    registry.follow("kitchen", kitchen)
    registry.close(CloseCode.ENDED, ["general"])
    assert (general.closed_with, kitchen.closed_with) == (CloseCode.ENDED, None)
    registry.close(CloseCode.RESTARTING)
    assert kitchen.closed_with == CloseCode.RESTARTING
