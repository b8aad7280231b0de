"""Clients that are too many, too slow or silent are refused or closed, and nobody else notices."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tests.support.client import Client
from tests.support.raw import CLOSE, PING, PONG, RawPeer
from tests.support.servers import ChatServer


@pytest.mark.embedded
def test_full_server_refuses_with_503_and_still_answers(
    make_server: Callable[..., ChatServer],
) -> None:
    server = make_server(settings={"CHAT_MAX_CONNECTIONS": "3"})
    server.start()
    with ExitStack() as stack:
        peers = [stack.enter_context(RawPeer(server)).open() for _ in range(3)]
        while server.status()["connected_users"] != 3:
            pass  # bounded by the test's timeout; each turn is a request
        assert server.status()["full"] is True
        status, head = stack.enter_context(RawPeer(server)).handshake()
        assert status == 503
        assert "retry-after" in head
        assert "<title>Tchat</title>" in server.get("/")
        peers[0].frame(b"", CLOSE)
        assert peers[0].close_code() == 0  # the answer to an empty close frame is an empty one
        while server.status()["full"]:
            pass  # bounded by the test's timeout
        stack.enter_context(RawPeer(server)).open()


def test_slow_connection_is_closed_and_resumes_without_delaying_others(
    make_server: Callable[..., ChatServer],
) -> None:
    server = make_server(settings={"CHAT_LIMITS": "off", "CHAT_OUTBOX_BYTES": "65536"})
    server.start()
    with RawPeer(server, receive_buffer=4096) as slow, Client(server.ws_url) as ann:
        slow.open()
        slow.command(type="join", nick="Slow")
        welcome = slow.event("welcome")
        ann.join("Ann")
        text = "\U0001f600" * 2000  # 8,000 bytes
        # The kernel's own buffers take some megabytes first.
        while not re.search(r"disconnect .* code 4008", server.log()):
            ann.post(text)
        seen = 0
        try:
            while True:
                opcode, payload = slow.read_frame()
                if opcode == CLOSE:
                    assert int.from_bytes(payload[:2]) == 4008
                elif (event := json.loads(payload))["type"] == "message":
                    assert event["seq"] == seen + 1  # whole frames, in order, up to the end
                    seen = event["seq"]
        except (EOFError, ConnectionResetError):
            pass
        assert 0 < seen < ann.seq
        with RawPeer(server) as back:
            back.open()
            seen = ann.messages[-4]
            after = {"epoch": welcome["epoch"], "seq": seen["seq"], "at": seen["at"]}
            back.command(type="join", nick="Slow", key=welcome["key"], after=after)
            missed = back.event("welcome")["messages"]
            assert [message["seq"] for message in missed] == [ann.seq - 2, ann.seq - 1, ann.seq]


def test_silent_peer_is_pinged_and_a_dead_one_is_dropped(
    make_server: Callable[..., ChatServer],
) -> None:
    server = make_server(settings={"CHAT_PING_INTERVAL_S": "0.3"})
    server.start()
    with RawPeer(server) as alive, RawPeer(server) as dead:
        dead.open()
        alive.open()
        for _ in range(5):
            assert alive.read_frame() == (PING, b"")
            alive.frame(b"", PONG)
        assert dead.read_frame() == (PING, b"")
        assert dead.at_end()
        assert server.status()["connected_users"] == 1
