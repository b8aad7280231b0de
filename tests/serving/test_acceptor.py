"""One address takes a share of the sockets and places; strangers at others get theirs."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tests.support.client import Client
from tests.support.raw import RawPeer
from tests.support.servers import ChatServer

MakeServer = Callable[..., ChatServer]
STRANGER = "127.0.0.2"


def is_let_in(peer: RawPeer) -> bool:
    """Ask for a page, and tell whether an answer comes."""
    try:
        peer.sock.sendall(b"GET /r/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return peer.sock.recv(1) != b""
    except ConnectionError:
        return False


def come_and_go(server: ChatServer) -> None:
    """Let each kind of connection end, in each of the ways that the server ends one."""
    for words in (
        b"",
        b"GET / HTT",
        b"rubbish\r\n\r\n",
        b"GET /status HTTP/1.0\r\n\r\n",
        b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /ws HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"x" * 20_000,
    ):
        with RawPeer(server) as peer:
            peer.sock.sendall(words)
            peer.sock.shutdown(socket.SHUT_WR)
            try:
                while peer.sock.recv(65_536):
                    pass
            except ConnectionResetError:
                pass
    with RawPeer(server) as peer:
        peer.open()


def test_silent_sockets_of_one_address_leave_room_for_strangers(make_server: MakeServer) -> None:
    server = make_server(settings={"CHAT_ADDRESS_SOCKETS": "20", "CHAT_JOIN_WITHIN_S": "600"})
    server.start()
    for _ in range(5):
        come_and_go(server)
    with ExitStack() as stack:
        # The server ends no WebSocket meanwhile, however slow the machine is.
        staying = [stack.enter_context(RawPeer(server)).open() for _ in range(20)]
        silent = [stack.enter_context(RawPeer(server)) for _ in range(100)]
        assert not is_let_in(stack.enter_context(RawPeer(server)))
        with pytest.raises((EOFError, ConnectionResetError)):
            stack.enter_context(RawPeer(server)).open()
        assert server.get("/healthz") == "ok\n"  # who looks after the server may be there too
        assert not server.status()["full"]
        assert silent[10].at_end()  # it was among the oldest of too many
        with Client(server.ws_url, source_address=(STRANGER, 0)) as ann:
            ann.join("Ann")
            assert ann.post("hello")["seq"] == 1
        assert silent[-1].at_end()  # a moment later
        staying[0].sock.close()
        while not is_let_in(stack.enter_context(RawPeer(server))):
            pass  # bounded by the test's timeout: the server sees the end a moment later
    assert "CHAT_ADDRESS_SOCKETS=20" in server.logged("too many sockets")
    assert "Traceback" not in server.log()


def test_websockets_of_one_address_leave_places_for_strangers(make_server: MakeServer) -> None:
    server = make_server(settings={"CHAT_ADDRESS_WEBSOCKETS": "3"})
    server.start()
    with ExitStack() as stack:
        mine = [stack.enter_context(RawPeer(server)).open() for _ in range(3)]
        for forged in ({}, {"X_Forwarded_For": "203.0.113.7"}, {"Forwarded": "for=203.0.113.7"}):
            status, head = stack.enter_context(RawPeer(server)).handshake(**forged)
            assert status == 429
            assert "retry-after: " in head
        stack.enter_context(RawPeer(server, address=STRANGER)).open()
        mine[0].sock.close()
        while stack.enter_context(RawPeer(server)).handshake()[0] == 429:
            pass  # bounded by the test's timeout: the server sees the end a moment later
    log = server.logged("too many WebSockets: CHAT_ADDRESS_WEBSOCKETS=3")
    assert "203.0.113" not in log
    assert "set TRUSTED_PROXIES=1" in log


def test_behind_a_proxy_its_last_word_says_whose_a_connection_is(make_server: MakeServer) -> None:
    settings = {
        "CHAT_ADDRESS_WEBSOCKETS": "1",
        "CHAT_ADDRESS_SOCKETS": "1",  # all sockets are the proxy's
        "TRUSTED_PROXIES": "1",
    }
    server = make_server(settings=settings)
    server.start()
    with ExitStack() as stack:

        def status(forwarded_for: str) -> int:
            peer = stack.enter_context(RawPeer(server))
            return peer.handshake(X_Forwarded_For=forwarded_for)[0]

        assert status("203.0.113.7") == 101
        assert status("198.51.100.9, 203.0.113.7") == 429  # whatever it wrote itself
        assert status("203.0.113.7, 198.51.100.9") == 101
        assert status("2001:db8::1") == 101
        assert status("2001:db8::2") == 429  # of the same subscriber
