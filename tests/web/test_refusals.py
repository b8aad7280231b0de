"""Who is turned away leaves a line that says what to set: one a minute and kind."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from chat.web.refusals import Refusals, Sparing, quoted
from tests.support.client import Client
from tests.support.nginx import Nginx
from tests.support.raw import RawPeer
from tests.support.servers import ChatServer

pytestmark = pytest.mark.embedded
MakeServer = Callable[..., ChatServer]

# --- what the lines say --------------------------------------------------------------------


def lines(server: ChatServer, words: str) -> list[str]:
    """Give the lines of the log that have these words; there is one at least, soon."""
    return [line for line in server.logged(words).splitlines() if words in line]


def test_page_behind_a_proxy_that_forgets_host_is_told_of_with_what_to_set(
    chat_server: ChatServer, tmp_path: Path
) -> None:
    """The proxy is nginx with the four lines that most people write first."""
    upgrade = 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'
    place = f"proxy_pass {chat_server.url}; proxy_http_version 1.1; {upgrade}"
    nginx = Nginx(tmp_path, f"server {{ listen 127.0.0.1:{{port}}; location / {{ {place} }} }}")
    nginx.start()
    try:
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", nginx.port)) as sock:
                ask = (
                    f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{nginx.port}\r\nOrigin: {nginx.url}\r\n"
                    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
                )
                sock.sendall(ask.encode())
                assert b" 403 " in sock.recv(4096)
    finally:
        nginx.end()

    (line,) = lines(chat_server, "with 403")
    assert "WARNING" in line
    assert f"origin is '{nginx.url}'" in line
    assert f"Host is '127.0.0.1:{chat_server.port}'" in line
    assert "proxy_set_header Host $http_host;" in line
    assert f"CHAT_ALLOWED_ORIGINS='{nginx.url}'" in line


@pytest.mark.parametrize(
    ("headers", "status", "words"),
    [
        ({"Upgrade": ""}, 400, ("proxy_set_header Upgrade $http_upgrade;", "Connection")),
        ({"Connection": "close"}, 400, ("proxy_set_header Upgrade $http_upgrade;",)),
        ({"Host": ""}, 400, ("proxy_set_header Host $http_host;",)),
        ({"Sec_WebSocket_Version": "8"}, 426, ("'8'", "13")),
        ({"Sec_WebSocket_Key": "short"}, 400, ("'short'",)),
        ({"Origin": "null"}, 403, ("'null'",)),
    ],
)
def test_each_refusal_leaves_a_line(
    chat_server: ChatServer, headers: dict[str, str], status: int, words: tuple[str, ...]
) -> None:
    for _ in range(5):
        with RawPeer(chat_server) as peer:
            assert peer.handshake(**headers)[0] == status
    (line,) = lines(chat_server, f"refused 127.0.0.x with {status}")
    for word in words:
        assert word in line


def test_http_1_0_names_the_setting_of_the_proxy(chat_server: ChatServer) -> None:
    with RawPeer(chat_server) as peer:
        peer.sock.sendall(
            b"GET /ws HTTP/1.0\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"
        )
        assert b" 400 " in peer.sock.recv(4096)
    (line,) = lines(chat_server, "refused")
    assert "proxy_http_version 1.1;" in line


def test_full_server_names_the_setting_for_more_places(make_server: MakeServer) -> None:
    server = make_server(settings={"CHAT_MAX_CONNECTIONS": "1"})
    server.start()
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        for _ in range(5):
            with RawPeer(server) as peer:
                assert peer.handshake()[0] == 503
    (line,) = lines(server, "with 503")
    assert "CHAT_MAX_CONNECTIONS" in line
    assert "all 1 places" in line


def test_what_gunicorn_refuses_is_told_of_once_too(chat_server: ChatServer) -> None:
    for name in ("a b", "c d", "e f"):
        for _ in range(5):
            with RawPeer(chat_server) as peer:
                peer.sock.sendall(f"GET /ws HTTP/1.1\r\n{name}{'x' * 5000}: y\r\n\r\n".encode())
                assert b" 400 " in peer.sock.recv(4096)
    (line,) = lines(chat_server, "Invalid request")
    assert line.endswith("Invalid request from ip=127.0.0.x: Invalid HTTP header name")


def test_head_that_is_too_large_is_answered_and_told_of_once(chat_server: ChatServer) -> None:
    """Cookies of all the sites that share a name come with every request."""
    cookies = "\r\n".join(f"Cookie: {number}={'x' * 4000}" for number in range(10))
    for _ in range(5):
        with RawPeer(chat_server) as peer:
            peer.sock.sendall(f"GET /ws HTTP/1.1\r\nHost: x\r\n{cookies}\r\n\r\n".encode())
            answer = b""
            while data := peer.sock.recv(4096):
                answer += data
            assert answer.startswith(b"HTTP/1.1 431 ")
    (line,) = lines(chat_server, "with 431")
    assert "16384" in line


# --- what strangers send does not act in the log --------------------------------------------


def test_headers_are_quoted_and_cut(make_server: MakeServer) -> None:
    server = make_server(settings={"TRUSTED_PROXIES": "1"})
    server.start()
    evil = "http://\x9b31mred\x85[2026] INFO all is well"
    with RawPeer(server) as peer:
        peer.handshake(Origin=evil + "o" * 5000, X_Forwarded_For="1.2.3.4\x9bx" + "f" * 5000)
    server.logged("with 403")
    log = server.output.read_bytes().decode("utf-8", "surrogateescape")
    (line,) = [line for line in log.split("\n") if "with 403" in line]
    assert "\x9b" not in line
    assert "\x85" not in line
    assert "refused 127.0.0.x with" in line, "that header is no address"
    assert "o" * 200 not in line
    assert "f" * 20 not in line


def test_quoted_text_has_no_character_that_acts() -> None:
    assert quoted("a\n\x1b[31m'\u202e") == r'"a\n\x1b[31m' + "'" + r'\u202e"'
    assert len(quoted("\x00" * 100_000)) < 600


# --- how many there are ---------------------------------------------------------------------


def test_one_a_minute_and_kind_and_the_next_tells_how_many_were_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = [0.0]
    refusals = Refusals(logging.getLogger("chat.test"), Sparing(lambda: now[0]))
    with caplog.at_level(logging.INFO):
        for _ in range(13):
            refusals.note("origin", "no")
            refusals.note("full", "full")
            now[0] += 4.0
        now[0] = 60.0
        refusals.note("origin", "no")
        now[0] = 500.0
        refusals.note("origin", "no")
    assert caplog.messages == [
        "no",
        "full",
        "no (and 12 more since the line before)",
        "no",
    ]


def test_a_thousand_refusals_leave_as_many_lines_as_kinds(chat_server: ChatServer) -> None:
    with ExitStack() as stack:
        for number in range(1000):
            if number % 100 == 0:
                stack.pop_all().close()
            peer = stack.enter_context(RawPeer(chat_server))
            origin = f"http://evil-{number}.example"
            assert peer.handshake(Origin=origin)[0] == 403
    assert len(lines(chat_server, "refused")) == 1
    assert chat_server.logged("evil-0.example")
