"""Every way to write our host, and every header that proxies add, leads to the page and to `/ws`.

No other name does, and no answer leads elsewhere.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import pytest

from chat import create_app
from chat.config import read_settings
from chat.web.errors import Refusal
from chat.web.hosts import Hosts
from chat.web.refusals import Refusals
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
    ("-", "http://-"),
    (f"{'a' * 63}.local", f"http://{'a' * 63}.local"),
    ("a.wild.example", "https://a.wild.example"),
    ("été.example:8080".encode().decode("latin-1"), "http://xn--t-9fab.example:8080"),
]

# What no browser can be made to write into Host. gunicorn cannot read some of it.
MALFORMED = [
    "a b",
    "a\tb",
    "a\x01b",
    "a\x7fb",
    "user@a",
    "user:password@a",
    "a:1:2",
    "a:x",
    "a:-1",
    "a:99999",
    "a:123456",
    ":80",
    ".",
    "a..b",
    ".a",
    "x..",
    "a,b",
    "a\r\nHost: b",
    "a/b",
    "//a",
    "a\\b",
    "a?b",
    "http://a",
    "%41.example",
    "a!$&'()*+;=~b",
    "[::1",
    "[::1]x",
    "[1.2.3.4]",
    "[::g]",
    "\xff\xfe",
    f"{'a' * 64}.local",
    ".".join(["a" * 60] * 6),
    "é" * 1000,
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
    ("chat.example.org", "null"),
    ("chat.example.org", ""),
    ("chat.example.org", "chat.example.org"),
    ("chat.example.org", "file://chat.example.org"),
    ("[::1]", "http://[::2]"),
    ("[::1]", "http://[::1"),
    ("x", "http://x.."),
    ("x", "http://x y"),
    ("x", "null, http://x"),
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
    params=[(GUNICORN, "0"), (GUNICORN, "1"), (FLASK_RUN, "0")],
    ids=["gunicorn", "gunicorn behind a proxy", "flask run"],
)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ChatServer]:
    command, proxies = request.param
    settings = {
        "TRUSTED_PROXIES": proxies,
        "CHAT_HOSTS": "Chat.example.org.:443, *.wild.example, ÉTÉ.example",
        "CHAT_ALLOWED_ORIGINS": "https://ÉTÉ.example.:443",
    }
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


def test_browser_is_told_to_keep_to_tls_where_a_proxy_says_that_it_has_it(
    server: ChatServer,
) -> None:
    def strict(path: str, *lines: str) -> str | None:
        with RawPeer(server) as peer:
            request = (f"GET {path} HTTP/1.1", "Host: x", *lines, "Connection: close", "", "")
            peer.sock.sendall("\r\n".join(request).encode())
            head = peer.sock.recv(4096).decode("latin-1").partition("\r\n\r\n")[0]
        return next((line for line in head.split("\r\n") if line.startswith("Strict-")), None)

    year = "Strict-Transport-Security: max-age=31536000"
    is_proxied = server.settings["TRUSTED_PROXIES"] == "1"
    for path in (*pages(server), "/nothing", "/r/Salon"):
        for said in ("https", "HTTPS", "https, http"):
            told = strict(path, f"X-Forwarded-Proto: {said}")
            assert told == (year if is_proxied else None), path
        assert strict(path) is None
        assert strict(path, "X-Forwarded-Proto: http") is None


def test_page_is_given_also_to_who_offers_to_go_on_as_a_websocket(server: ChatServer) -> None:
    upgrade = ("Host: a", "Upgrade: websocket", "Connection: upgrade")
    for path in pages(server):
        assert status(server, path, *upgrade) == 200, path


def test_allowed_origin_is_known_in_the_form_that_browsers_send(server: ChatServer) -> None:
    assert handshake(server, "a", "Origin: https://xn--t-9fab.example") == 101
    assert handshake(server, "a", "Origin: http://xn--t-9fab.example") == 403


PATHS = [
    "/r//evil.example",
    "//evil.example",
    "//evil.example/r/Salon",
    "//evil.example/..",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/r/\\evil.example",
    "/r/%2f%2fevil.example",
    "/r/%2Fevil",
    "/r/%5cevil",
    "/r/%5C%5Cevil.example",
    "/%2f/evil.example",
    "/%5cevil.example",
    "/%09/evil.example",
    "/%0d%0aLocation:%20//evil.example",
    "/r/%0d%0aevil",
    "/r/?room=//evil.example",
    "/r/?room=/evil",
    "/r/?room=%5c%5cevil",
    "/r/?room=https://evil.example/r/Salon",
    "/r/?room=%0d%0aevil",
    "/r/..//evil.example",
    "/r/../../evil.example",
    "/r/Salon",
    "/r/Salon/",
    "/r/general",
    "//r/Salon",
    "/r//salon",
    "/Salon",
    "http://evil.example//evil.example",
    "http://evil.example/r/Salon",
    "http://x//evil.example/r/Salon",
    "http://x/r/Salon",
    "",
    "?",
    "@evil.example",
]


def test_no_redirect_names_a_host(server: ChatServer) -> None:
    prefixes = ("", "//evil.example", "/\\evil.example", "https://evil.example", "/%2fevil", "/a/")
    seen = set()
    for path in PATHS:
        for prefix in prefixes:
            with RawPeer(server) as peer:
                lines = (f"GET {path} HTTP/1.1", "Host: x", f"X-Forwarded-Prefix: {prefix}")
                peer.sock.sendall("\r\n".join((*lines, "Connection: close", "", "")).encode())
                answer = peer.sock.recv(65536).decode()
            head = answer.partition("\r\n\r\n")[0]
            for line in head.split("\r\n"):
                name, _, value = line.partition(": ")
                if name.lower() in ("location", "content-location", "refresh"):
                    assert re.fullmatch(r"/(?![/\\])[^\\\s]*", value), (path, prefix, line)
                    seen.add(value)
    assert {"/", "/r/salon"} <= seen


def test_x_forwarded_host_is_believed_behind_a_proxy_alone(server: ChatServer) -> None:
    """Apache sends it by itself, and not the page's Host."""
    forwarded = ("X-Forwarded-Host: chat.example.org", "Origin: https://chat.example.org")
    expected = 101 if server.settings["TRUSTED_PROXIES"] == "1" else 403
    assert handshake(server, "127.0.0.1:8080", *forwarded) == expected
    assert handshake(server, "127.0.0.1:8080", forwarded[0], "Origin: http://evil.example") == 403


@pytest.mark.parametrize("host", MALFORMED)
def test_host_that_is_none_gets_nothing(server: ChatServer, host: str) -> None:
    expected = (403, 400) if re.search(r"[\x00-\x08\x7f]|Host:", host) else (403,)
    for path in ("/", "/status", "/nothing"):
        assert status(server, path, f"Host: {host}") in expected
    assert handshake(server, host) in (403, 400)
    assert handshake(server, host, f"Origin: http://{host}".partition("\r")[0]) in (403, 400)


def test_port_of_a_host_may_be_any(server: ChatServer) -> None:
    assert status(server, "/", "Host: chat.example.org:8080") == 200


def test_request_without_a_host_is_a_programs(server: ChatServer) -> None:
    assert status(server, "/healthz") == 200
    assert status(server, "/healthz", "Host:") == 200


# --- names that are not ours -----------------------------------------------------------------

# Names that lead wherever their owner wants, also into the network that the reader is in.
STRANGERS = [
    "rebind.evil.org",
    "REBIND.Evil.org.:8080",
    "127.0.0.1.nip.io",
    "localhost.evil.org",
    "local.evil.org",
    "lan.evil.org",
    "evil.notlan",
    "evil-localhost.org",
    "home.arpa.evil.org",
    "evil.arpa",
    "192.168.1.20.evil.org",
    "192.168.1.20.5",
    "wild.example",
    "evilwild.example",
    "xchat.example.org",
    "chat.example.org.evil.org",
    "éte.example".encode().decode("latin-1"),
    "xn--80ak6aa92e.com",
]
OURS = [
    "127.0.0.1",
    "10.0.0.7:8080",
    "8.8.8.8",
    "[::1]",
    "[2001:db8::1]:8080",
    "2130706433",
    "localhost",
    "LOCALHOST.:8080",
    "my_pc",
    "pc.localhost",
    "pc.local.",
    "pc.lan:8080",
    "nas.office.internal",
    "pc.home.arpa",
    socket.gethostname(),
]
EVERYTHING = [
    "/", "/r/salon", "/status", "/healthz", "/metrics", "/sw.js", "/manifest.webmanifest",
    "/shell/0/fr", "/r/Salon", "/r/a.b", "/nothing", "//", "/ws",
]  # fmt: skip


@pytest.mark.parametrize("host", STRANGERS)
def test_name_of_another_site_reads_nothing(server: ChatServer, host: str) -> None:
    """What a browser sends whose page's name was turned to lead here (DNS rebinding)."""
    if server.settings["TRUSTED_PROXIES"] == "1":
        assert status(server, "/status", f"Host: {host}") == 200, "the proxy looks at names"
        return
    is_gunicorn = "gunicorn" in server.log()
    for path in EVERYTHING if host == STRANGERS[0] else ("/", "/status"):
        assert status(server, path, f"Host: {host}") == 421, path
        if host.isascii():  # gunicorn reads no other address
            assert status(server, f"http://{host}{path}", "Host: 127.0.0.1") == 421, path
        if is_gunicorn:  # for Werkzeug the address alone counts (RFC 9112, section 3.2.2)
            assert status(server, f"http://127.0.0.1{path}", f"Host: {host}") == 421, path
    assert handshake(server, host, f"Origin: http://{host}") == 421
    assert handshake(server, host) == 421


@pytest.mark.parametrize("host", OURS)
def test_address_and_name_of_a_network_are_ours(server: ChatServer, host: str) -> None:
    assert status(server, "/status", f"Host: {host}") == 200
    assert status(server, "/status", f"Host: {host.removesuffix('.')}") == 200


def test_refusal_names_the_setting_and_the_value_that_helps(server: ChatServer) -> None:
    if server.settings["TRUSTED_PROXIES"] == "1":
        return
    value = "*.wild.example,chat.example.org.:443,été.example,friends.example"
    for accept, words in (
        ("*/*", f"If friends.example is this server, set CHAT_HOSTS={value} there.\n"),
        ("text/html", f"<code>CHAT_HOSTS={value}</code>"),
    ):
        with RawPeer(server) as peer:
            lines = "Host: friends.example\r\nConnection: close\r\n"
            peer.sock.sendall(f"GET / HTTP/1.1\r\n{lines}Accept: {accept}\r\n\r\n".encode())
            answer = b""
            while data := peer.sock.recv(65536):
                answer += data
        assert words in answer.decode()
    (line,) = [line for line in server.logged("with 421").splitlines() if "with 421" in line]
    assert "CHAT_HOSTS=" in line
    assert "TRUSTED_PROXIES=1" in line


@pytest.mark.parametrize("own", ["8.8.8.8", "192.168.1.20", "127.0.0.1", "100.64.0.1"])
def test_any_name_leads_to_a_public_address(own: str) -> None:
    """The kernel lets a socket have an address that the machine has not; nothing is sent."""
    hosts = Hosts(read_settings(), Refusals(create_app().logger))
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IP, 15, 1)  # IP_FREEBIND
        sock.bind((own, 0))
        environ = {"HTTP_HOST": "vps.example.org", "gunicorn.socket": sock}
        if own == "8.8.8.8":
            hosts.check(environ)
        else:
            with pytest.raises(Refusal):
                hosts.check(environ)
