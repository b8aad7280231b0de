"""Peers that send too much or read too slowly: memory does not grow, and nobody else notices."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from threading import Event

import pytest

from chat.client.ids import new_id
from tests.support.client import Client
from tests.support.frames import FIN, NO_CHANGE, PING, TEXT, frame
from tests.support.processes import (
    forget_peak,
    peak_bytes,
    resident_bytes,
    worker_pid,
    worker_pids,
)
from tests.support.raw import RawPeer
from tests.support.servers import ChatServer
from tests.support.waiting import wait_until

MakeServer = Callable[..., ChatServer]
MIB = 1024 * 1024
FLOOD_BYTES = 60_000_000
LARGEST = "\U0001f600" * 2000
_WITHIN_S = 20.0


@contextmanager
def bystander(server: ChatServer) -> Iterator[None]:
    """Talk on one connection during the whole test."""
    served, done = Event(), Event()

    def talk() -> None:
        with Client(server.ws_url) as client:
            client.join(room=f"bystander-{new_id().lower()}")
            last = False
            while not last:
                last = done.wait(0.05)
                client.post("still here")
                served.set()

    with ThreadPoolExecutor(1) as threads:
        talking = threads.submit(talk)
        try:
            assert served.wait(_WITHIN_S), "the bystander was not served"
            yield
        finally:
            done.set()
            talking.result()


def masked(payload: bytes, first: int = FIN | TEXT) -> bytes:
    """Make a frame as a browser would, with a mask that changes nothing."""
    return frame(first, payload, mask=NO_CHANGE)


def command(**fields: object) -> bytes:
    return masked(json.dumps(fields).encode())


FLOODS = {
    "posts": command(type="post", id="x", text="y" * 2000),
    "posts that are too long": command(type="post", id="x", text="y" * 14_000),
    "rubbish": masked(b"x" * 10_000),
    "pings": masked(b"x" * 125, FIN | PING),
    "history": command(type="history", before=2**52, limit=100),
    "one message without end": masked(b"x" * 10_000, 0x00),
}


LONG = ("posts that are too long", "rubbish", "pings")


@pytest.mark.parametrize(
    "flood",
    [
        pytest.param(flood, id=name, marks=pytest.mark.long if name in LONG else ())
        for name, flood in FLOODS.items()
    ],
)
def test_60_megabytes_of_one_peer_that_reads_nothing_cost_no_memory(
    chat_server: ChatServer, flood: bytes
) -> None:
    with Client(chat_server.ws_url) as ann, RawPeer(chat_server) as flooder:
        ann.join("Ann")
        for _ in range(90):
            ann.post("z" * 2000)  # for the clients that ask for the history
        flooder.open()
        flooder.command(type="join")
        flooder.event("welcome")
        if not flood[0] & 0x0F:  # a continuation needs something to continue
            flooder.frame(b"x", first=TEXT)
        pids = worker_pids(chat_server)
        for pid in pids:
            forget_peak(pid)
        before = sum(map(resident_bytes, pids))
        with bystander(chat_server):
            piece = flood * (MIB // len(flood))
            sent, give_up_at = 0, time.monotonic() + _WITHIN_S
            flooder.sock.settimeout(1.0)
            try:
                while sent < FLOOD_BYTES and time.monotonic() < give_up_at:
                    flooder.sock.sendall(piece)
                    sent += len(piece)
            except (ConnectionError, TimeoutError):
                pass  # closed, or held back
        assert sum(map(peak_bytes, pids)) - before < 10 * MIB
        assert re.search(r"disconnect .* code (1008|1009|4008|1002)", wait_for_end(chat_server))
    assert "Traceback" not in chat_server.log()


def wait_for_end(server: ChatServer) -> str:
    """Wait until one connection has ended, and give what the server has printed."""
    wait_until(
        lambda: " disconnect " in re.sub(r"disconnect .* room bystander.*", "", server.log()),
        lambda: "nobody was closed",
        within_s=_WITHIN_S,
    )
    return server.log()


def post_many(client: Client, count: int) -> None:
    """Post texts of 8,000 bytes, and wait only for the last one."""
    ids = [new_id() for _ in range(count)]
    for post_id in ids:
        client.send(type="post", id=post_id, text=LARGEST)
    client.acknowledged(ids[-1])


def overflow_a_peer(server: ChatServer, ann: Client) -> None:
    """Let a client join that never reads, and post until it is closed for that."""
    closed = server.log().count("code 4008")
    deadline = time.monotonic() + 2 * _WITHIN_S
    with RawPeer(server, receive_buffer=4096) as slow:
        slow.open()
        slow.command(type="join")
        slow.event("welcome")
        while server.log().count("code 4008") == closed:
            assert time.monotonic() < deadline, "it was not closed"
            post_many(ann, 100)


@pytest.mark.embedded
@pytest.mark.long
def test_memory_of_a_peer_that_never_reads_is_given_back(make_server: MakeServer) -> None:
    settings = {"CHAT_LIMITS": "off", "CHAT_OUTBOX_BYTES": str(16 * MIB)}
    server = make_server(settings=settings)
    server.start()
    pid = worker_pid(server)
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        before = resident_bytes(pid)
        overflow_a_peer(server, ann)
        assert peak_bytes(pid) - before > 12 * MIB, "nothing was kept for it"
        # The allocator keeps some of the memory for the next clients, in steps of some MiB. From
        # the third client on, nothing more is needed.
        overflow_a_peer(server, ann)
        before = resident_bytes(pid)
        for _ in range(2):
            overflow_a_peer(server, ann)
        assert resident_bytes(pid) - before < 2 * 5 * MIB


def test_peer_that_takes_no_byte_is_closed_within_ten_seconds_also_in_a_quiet_room(
    make_server: MakeServer,
) -> None:
    server = make_server(settings={"CHAT_LIMITS": "off", "CHAT_OUTBOX_BYTES": str(64 * MIB)})
    server.start()
    with Client(server.ws_url) as ann, RawPeer(server, receive_buffer=4096) as slow:
        ann.join("Ann")
        slow.open()
        slow.command(type="join")
        slow.event("welcome")
        for _ in range(7):  # 5.6 MB: more than the kernel keeps for it
            post_many(ann, 100)
        asked_at = time.monotonic()
        while not re.search(r"disconnect .* code 4008", server.log()):
            # It took its last byte earlier, and closing it may take another second.
            assert time.monotonic() - asked_at < 12.0
            time.sleep(0.05)  # bounded: the log is a file


def test_10_000_garbage_writes_on_500_connections_leave_no_traceback(
    make_server: MakeServer,
) -> None:
    chat_server = make_server(settings={"CHAT_ADDRESS_WEBSOCKETS": "500"})
    chat_server.start()
    rng = random.Random(20261124)
    with bystander(chat_server), ExitStack() as stack:
        for half in range(2):  # before the upgrade, and after it
            peers = [stack.enter_context(RawPeer(chat_server)) for _ in range(250)]
            for peer in peers:
                if half:
                    peer.open()
            for _ in range(20):
                for peer in peers:
                    try:
                        peer.sock.sendall(rng.randbytes(rng.randrange(1, 400)))
                    except ConnectionError:
                        continue  # it has been closed, as expected
        while chat_server.status()["connected_users"] != 1:
            pass  # bounded by the test's timeout; each turn is a request
    assert "Traceback" not in chat_server.log()


def test_half_open_peers_are_gone_after_two_intervals(make_server: MakeServer) -> None:
    interval_s = 0.5  # the default is 25 s: closed within 90 s
    server = make_server(settings={"CHAT_PING_INTERVAL_S": str(interval_s)})
    server.start()
    with ExitStack() as stack:
        for _ in range(50):
            peer = stack.enter_context(RawPeer(server)).open()
            peer.command(type="join")
            peer.event("welcome")
        silent_since = time.monotonic()
        while server.status()["connected_users"] != 0:
            # Members leave 10 s after their last connection, but they are not counted then.
            assert time.monotonic() - silent_since < 2 * interval_s + 5.0
        assert time.monotonic() - silent_since > interval_s
