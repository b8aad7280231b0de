"""What a room is told of who comes, goes and writes: to whom, in which order, at which cost."""

from __future__ import annotations

import json
import socket
import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from chat.protocol import Event, IsTyping, Joined, Left, Member, Renamed
from chat.rooms.announcer import Announcer
from chat.rooms.registry import Registry
from chat.sockets.connection import Connection
from chat.sockets.frames import encode_event
from tests.support.peers import FLUSHER, WAIT_S, Peer

ANN, BOB, EVE = Member("ann", "Ann"), Member("bob", "Bob"), Member("eve", "Eve")
MIB = 1024 * 1024


@contextmanager
def room(
    members: Sequence[Member], buffer_bytes: int = MIB
) -> Iterator[tuple[Announcer, list[Peer]]]:
    """Give a room with a connection for each member, and their peers."""
    registry = Registry()
    sockets: list[socket.socket] = []
    connections, peers = [], []
    for member in members:
        ours, theirs = socket.socketpair()
        sockets += ours, theirs
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_bytes)
        theirs.settimeout(WAIT_S)
        connection = Connection(ours, FLUSHER, outbox_bytes=MIB, ping_interval_s=WAIT_S)
        registry.add(connection)
        registry.join(connection, "general", member.id)
        connections.append(connection)
        peers.append(Peer(theirs))
    try:
        yield Announcer(registry), peers
    finally:
        for connection in connections:
            connection.finish()
        for sock in sockets:
            sock.close()


def told(peer: Peer, count: int) -> list[tuple[str, str]]:
    """Receive so many events; give the type and the member's id of each."""
    events = [json.loads(peer.text()) for _ in range(count)]
    return [(event["type"], event["member"]["id"]) for event in events]


def test_all_are_told_in_order_and_nobody_of_its_own_coming_leaving_and_writing() -> None:
    events: list[Event] = [
        Joined(ANN),
        Joined(BOB),
        IsTyping(BOB),
        Renamed(BOB, "Bobby"),
        Left(ANN),
        Joined(ANN),  # came back at once, with a leave grace of nothing
        IsTyping(ANN),
    ]
    with room([ANN, BOB, EVE]) as (announcer, (ann, bob, eve)):
        announcer.announce("general", events)
        announcer.announce("general", [IsTyping(EVE)])
        announcer.announce("general", [Joined(Member("end", "End"))])
        everything = [
            ("joined", "ann"),
            ("joined", "bob"),
            ("typing", "bob"),
            ("renamed", "bob"),
            ("left", "ann"),
            ("joined", "ann"),
            ("typing", "ann"),
        ]
        end = ("joined", "end")
        assert told(eve, 8) == [*everything, end]
        assert told(ann, 5) == [*everything[1:4], ("typing", "eve"), end]
        expected = [everything[0], *everything[3:], ("typing", "eve"), end]
        assert told(bob, 7) == expected


def test_crowd_that_comes_at_once_is_told_of_all_others_from_one_copy_of_the_news() -> None:
    crowd = [Member(f"member-{number:04}", f"Guest {number}") for number in range(300)]
    events = [Joined(member) for member in crowd]
    size = sum(len(encode_event(event)) for event in events)
    with room(crowd, buffer_bytes=4096) as (announcer, peers):  # nearly all of it has to wait
        tracemalloc.start()
        try:
            announcer.announce("general", events)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        # Each reads an event at a time: who waited for all before it would be too slow.
        heard = [[each for peer in peers for each in told(peer, 1)] for _ in range(len(crowd) - 1)]
        for member, news in zip(crowd, zip(*heard, strict=True), strict=True):
            assert list(news) == [("joined", other.id) for other in crowd if other != member]
    assert peak < 30 * size  # a copy for each would be 300 times
