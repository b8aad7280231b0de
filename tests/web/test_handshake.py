"""The opening handshake: its answer, byte for byte, under both servers."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import flask_sock
import pytest

from chat.web.handshake import Handshake
from tests.support.raw import RawPeer
from tests.support.servers import FLASK_RUN, GUNICORN, ChatServer

MakeServer = Callable[..., ChatServer]

# RFC 6455, section 1.3, has this key and its answer.
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
REQUEST = (
    f"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
    f"Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"
    f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def read_head(sock: socket.socket) -> bytes:
    """Read up to the end of a head, and not one byte more."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)
        assert byte, head
        head += byte
    return head


def send_for_ever(sock: socket.socket) -> None:
    """Send until the other side resets the connection; bounded by the test's timeout."""
    while True:
        sock.sendall(b"x" * 1000)
        time.sleep(0.02)  # only a further write is told of the reset


@pytest.mark.parametrize("command", [GUNICORN, FLASK_RUN], ids=["gunicorn", "flask run"])
def test_upgrade_is_answered_by_our_own_handshake(
    make_server: MakeServer, command: tuple[str, ...]
) -> None:
    assert flask_sock.Server is Handshake  # the route's own name for it
    server = make_server(command)
    server.start()
    with RawPeer(server) as peer:
        peer.sock.sendall(REQUEST.encode())
        assert read_head(peer.sock) == ANSWER  # simple-websocket's own answer has other words
        peer.command(type="ping")
        peer.event("pong")


@pytest.mark.parametrize(
    ("asked", "instead"),
    [("GET /ws", "HEAD /ws"), ("GET /ws", "POST /ws"), ("HTTP/1.1", "HTTP/1.0")],
    ids=["HEAD", "POST", "HTTP/1.0"],
)
def test_only_get_and_http_1_1_can_upgrade(server: ChatServer, asked: str, instead: str) -> None:
    with RawPeer(server) as peer:
        peer.sock.sendall(REQUEST.replace(asked, instead).encode())
        assert read_head(peer.sock).split()[1] in (b"400", b"405")
    assert server.status()["connected_users"] == 0


@pytest.mark.parametrize("method", ["HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH", "FOO"])
def test_any_other_method_is_told_which_one_is_allowed(server: ChatServer, method: str) -> None:
    plain = f"{method} /ws HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    for asked in (REQUEST.replace("GET", method), plain):
        with RawPeer(server) as peer:
            peer.sock.sendall(asked.encode())
            head = read_head(peer.sock).decode().lower()
            assert head.split()[1] == "405"
            assert "\r\nallow: get\r\n" in head
    assert server.status()["connected_users"] == 0


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(REQUEST.replace("GET", "HEAD"), marks=pytest.mark.long),
        REQUEST.replace("GET", "POST"),
        REQUEST.replace("Host: x", "Host: x\r\nOrigin: http://evil.example"),
        pytest.param(REQUEST.replace("Version: 13", "Version: 8"), marks=pytest.mark.long),
        pytest.param(REQUEST.replace(KEY, "short"), marks=pytest.mark.long),
        REQUEST.replace("Upgrade: WebSocket\r\n", ""),
        pytest.param(REQUEST.replace("/ws", "/nowhere"), marks=pytest.mark.long),
    ],
    ids=["HEAD", "POST", "origin", "version", "key", "no upgrade", "another path"],
)
def test_refused_upgrade_ends_its_connection(server: ChatServer, asked: str) -> None:
    """Also for a peer that has sent more: its bytes may be frames, and are no further request."""
    with RawPeer(server) as peer:
        peer.sock.sendall(asked.encode() + b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
        answer = b""
        while data := peer.sock.recv(65536):
            answer += data
        assert answer.count(b"HTTP/1.1 ") == 1
        assert b"\r\nconnection: close\r\n" in answer.lower()
        # The server lets go of the whole socket, and not only of its half.
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            send_for_ever(peer.sock)
