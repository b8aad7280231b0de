"""Every way to write a host, and every header that proxies add, leads to the page and to `/ws`."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.support.raw import RawPeer
from tests.support.servers import FLASK_RUN, GUNICORN, ChatServer

HOSTS = [
    ("my_pc:8080", "http://my_pc:8080"),
    ("MY_PC", "https://my_pc"),
    ("x:80", "http://x"),
    ("x:443", "https://x"),
    ("x:80", "https://x"),  # TLS ends before the proxy that adds the port
    ("x", "http://x:80"),
    ("x:", "http://x"),
    ("x:08080", "http://x:8080"),
    ("chat.example.org.", "http://chat.example.org."),
    ("chat.example.org.:8080", "http://chat.example.org:8080"),
    ("chat.example.org", "https://chat.example.org."),
    ("CHAT.Example.ORG", "http://chat.example.org"),
    ("192.168.1.20:8080", "http://192.168.1.20:8080"),
    ("[::1]:8080", "http://[::1]:8080"),
    ("[0:0::1]", "http://[::1]"),
    ("[FE80::1%25eth0]:8080", "http://[fe80::1%25eth0]:8080"),
    ("a!$&'()*+,;=~b:8080", "http://a!$&'()*+,;=~b:8080"),
    ("%41.example", "http://%41.example"),
    ("a..b", "http://a..b"),
    (".", "http://."),
    ("-", "http://-"),
    (f"{'a' * 64}.local", f"http://{'a' * 64}.local"),
    ("été.example:8080".encode().decode("latin-1"), "http://xn--t-9fab.example:8080"),
    ("x:99999", "http://x:99999"),
]

FOREIGN = [
    ("chat.example.org", "http://evil.example"),
    ("chat.example.org", "http://chat.example.org.evil.example"),
    ("chat.example.org", "http://evil.example/chat.example.org"),
    ("chat.example.org", "http://evil.example?chat.example.org"),
    ("chat.example.org", "http://chat.example.org@evil.example"),
    ("chat.example.org", "http://chat.example.org:8080"),
    ("chat.example.org:8080", "http://chat.example.org"),
    ("chat.example.org:8080", "http://chat.example.org:8081"),
    ("chat.example.org:80", "http://chat.example.org:8000"),
    ("chat.example.org", "http://chat_example.org"),
    ("chat.example.org", "http://"),
    ("chat.example.org", "http://:80"),
    (":80", "http://"),
    ("chat.example.org", "null"),
    ("chat.example.org", ""),
    ("chat.example.org", "chat.example.org"),
    ("chat.example.org", "file://chat.example.org"),
    ("[::1]", "http://[::2]"),
    ("[::1]", "http://[::1"),
    ("x..", "http://x"),
]

# Ways of proxies to say https, alone and against each other; and what else they add.
HEADERS = [
    "X-Forwarded-Proto: https",
    "X-Forwarded-Proto: https,http",
    "X-Forwarded-Proto: https, http",
    "X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http",
    "X-Forwarded-Proto: HTTPS\r\nX-Forwarded-Ssl: on",
    "X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off",
    "X-Forwarded-Proto: http\r\nX-Forwarded-Ssl: on",
    "X-Forwarded-Proto: https\r\nX-Forwarded-Protocol: https",
    "X-Forwarded-Protocol: ssl\r\nX-Forwarded-Ssl: off",
    "X-Forwarded-Proto: wss",
    "X-Forwarded-Proto: ws",
    "X-Forwarded-Proto: javascript",
    "X-Forwarded-Scheme: https\r\nX-Scheme: http\r\nFront-End-Https: on\r\nX-Url-Scheme: https",
    "Forwarded: for=192.0.2.1;proto=https;host=other.example",
    "X-Forwarded-Host: other.example\r\nX-Forwarded-Port: 443\r\nX-Forwarded-Server: other",
    'X-Forwarded-For: unknown, _hidden, "[2001:db8::1]:4711"',
    "X_Forwarded_Proto: https",
]


@pytest.fixture(
    scope="module",
    params=[(GUNICORN, "0"), (GUNICORN, "1"), (FLASK_RUN, "1")],
    ids=["gunicorn", "gunicorn behind a proxy", "flask run behind a proxy"],
)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ChatServer]:
    command, proxies = request.param
    settings = {"TRUSTED_PROXIES": proxies, "CHAT_ALLOWED_ORIGINS": "https://ÉTÉ.example.:443"}
    server = ChatServer(tmp_path_factory.mktemp("server"), command, settings)
    server.start()
    yield server
    server.end()
    assert "Traceback" not in server.log()


def status(server: ChatServer, path: str, *lines: str) -> int:
    """Ask for a path, and give the answer's status."""
    with RawPeer(server) as peer:
        peer.sock.sendall("\r\n".join((f"GET {path} HTTP/1.1", *lines, "", "")).encode("latin-1"))
        return int(peer.sock.recv(12).split()[1])


def handshake(server: ChatServer, host: str, *lines: str) -> int:
    """Ask for a WebSocket, and give the answer's status."""
    return status(
        server,
        "/ws",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: keep-alive, Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        *lines,
    )


def pages(server: ChatServer) -> list[str]:
    """Give the address of the page, of a file and of what a machine asks."""
    files = re.findall(r'href="(/static/[^"]+css)"', server.get("/"))
    return ["/", "/r/%C3%A9t%C3%A9", files[0], "/status"]


@pytest.mark.parametrize(("host", "origin"), HOSTS)
def test_host_in_any_form_is_ours(server: ChatServer, host: str, origin: str) -> None:
    for path in pages(server):
        assert status(server, path, f"Host: {host}") == 200, path
    assert handshake(server, host, f"Origin: {origin}") == 101
    assert handshake(server, host, "Origin: http://evil.example") == 403


@pytest.mark.parametrize(("host", "origin"), FOREIGN)
def test_page_of_another_site_is_refused(server: ChatServer, host: str, origin: str) -> None:
    assert handshake(server, host, f"Origin: {origin}") == 403


@pytest.mark.parametrize("headers", HEADERS)
def test_whatever_proxies_add_changes_nothing(server: ChatServer, headers: str) -> None:
    for path in pages(server):
        assert status(server, path, "Host: a", headers) == 200, path
    assert handshake(server, "a", "Origin: https://a", headers) == 101
    assert handshake(server, "a", "Origin: https://b", headers) == 403


def test_page_is_given_also_to_who_offers_to_go_on_as_a_websocket(server: ChatServer) -> None:
    upgrade = ("Host: a", "Upgrade: websocket", "Connection: upgrade")
    for path in pages(server):
        assert status(server, path, *upgrade) == 200, path


def test_allowed_origin_is_known_in_the_form_that_browsers_send(server: ChatServer) -> None:
    assert handshake(server, "a", "Origin: https://xn--t-9fab.example") == 101
    assert handshake(server, "a", "Origin: http://xn--t-9fab.example") == 403


def test_no_redirect_names_a_host(server: ChatServer) -> None:
    for path in ("/r/Salon", "//r/Salon", "/r//salon", "//evil.example/..", "/r/general"):
        with RawPeer(server) as peer:
            peer.sock.sendall(f"GET {path} HTTP/1.1\r\nHost: evil.example\r\n\r\n".encode())
            answer = peer.sock.recv(65536).decode().lower()
        places = re.findall(r"^location: (.*)\r$", answer, re.MULTILINE)
        assert all(re.match("/(r/|$)", place) for place in places), (path, places)


def test_x_forwarded_host_is_believed_behind_a_proxy_alone(server: ChatServer) -> None:
    """Apache sends it by itself, and not the page's Host."""
    forwarded = ("X-Forwarded-Host: chat.example.org", "Origin: https://chat.example.org")
    expected = 101 if server.settings["TRUSTED_PROXIES"] == "1" else 403
    assert handshake(server, "127.0.0.1:8080", *forwarded) == expected
    assert handshake(server, "127.0.0.1:8080", forwarded[0], "Origin: http://evil.example") == 403
