"""nginx, Caddy and HAProxy in front of Tchat: the few lines of docs/deploy.md, and the whole files.

tests/whole/test_reverse_proxy.py has more of deploy/nginx.conf, tests/browser/test_prefix.py
deploy/nginx-path.conf, and tests/long/network.py nginx and HAProxy in front of three machines.
"""

from __future__ import annotations

import re
import shutil
import textwrap
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.api import Caller, events_of
from tests.support.client import Client
from tests.support.daemons import Daemon
from tests.support.nginx import Nginx, deployed
from tests.support.servers import ROOT, ChatServer, free_port

_HERE = "127.0.0.1:8080"  # where the documents' Tchat is
_NAME = "chat.example.org"
#: What /etc/haproxy/haproxy.cfg of Debian has above that matters here.
_DEBIAN = (
    "defaults\n mode http\n timeout connect 5000\n timeout client 50000\n timeout server 50000\n"
)
_NGINX_HEADERS = """proxy_pass http://127.0.0.1:8080; proxy_set_header Host $http_host;
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"""
#: Headers of a client who claims to be somebody, somewhere else.
_FORGED = {
    "X-Forwarded-For": "192.0.2.1",
    "X-Forwarded-Proto": "https",
    "X-Real-IP": "192.0.2.1",
    "Forwarded": "for=192.0.2.1",
}


def part(head: str, number: int = 0) -> str:
    """Read the lines that docs/deploy.md shows below a head; there may be several such places."""
    below = (ROOT / "docs/deploy.md").read_text().partition(f"### {head}\n")[2]
    shown = re.findall(
        r"(?:^    .*\n)+", below.partition("\n## ")[0].partition("\n### ")[0], re.MULTILINE
    )
    return textwrap.dedent(shown[number])


class Caddy(Daemon):
    """A Caddy with a Caddyfile, in which `{address}` stands for its own address."""

    def __init__(self, folder: Path, sites: str) -> None:
        self.port = free_port(self)
        own = f"http://127.0.0.1:{self.port}"
        file = folder / "Caddyfile"
        file.write_text(sites.replace("{address}", own))
        program = shutil.which("caddy") or ROOT / "build/caddy/usr/bin/caddy"
        # It writes below its home.
        command = (
            "env",
            f"HOME={folder}",
            program,
            "run",
            "--adapter",
            "caddyfile",
            "--config",
            file,
        )
        super().__init__(folder, command, ("127.0.0.1", self.port))


class HAProxy(Daemon):
    """An HAProxy with a configuration, in which `{port}` stands for its port."""

    def __init__(self, folder: Path, configuration: str) -> None:
        self.port = free_port(self)
        file = folder / "haproxy.cfg"
        file.write_text(configuration.replace("{port}", str(self.port)))
        program = shutil.which("haproxy") or "/usr/sbin/haproxy"
        super().__init__(folder, (program, "-db", "-f", file), ("127.0.0.1", self.port))


Front = Nginx | Caddy | HAProxy


def nginx_lines(folder: Path, tchat: str) -> Front:
    """Give nginx with the three lines, and what every site has."""
    location = (part("nginx") + _NGINX_HEADERS).replace(_HERE, tchat)
    return Nginx(folder, f"server {{ listen 127.0.0.1:{{port}}; location / {{ {location} }} }}")


def caddy_lines(folder: Path, tchat: str) -> Front:
    """Give Caddy with three lines alone, but for the programs' own network."""
    site = part("Caddy")
    assert len(site.splitlines()) == 3
    return Caddy(folder, "{\nadmin off\n}\n" + _caddy(site, tchat))


def caddy_file(folder: Path, tchat: str) -> Front:
    """Give Caddy with the whole file."""
    text = deployed("Caddyfile", ("\n{\n", "\n{\nadmin off\n"))
    return Caddy(folder, _caddy(text, tchat))


def _caddy(text: str, tchat: str) -> str:
    assert f"\n{_NAME} {{" in f"\n{text}"
    return text.replace(f"{_NAME} {{", "{address} {").replace(_HERE, tchat)


def haproxy_lines(folder: Path, tchat: str) -> Front:
    """Give HAProxy with the three lines, below what Debian's file has."""
    lines = part("HAProxy")
    assert len(lines.splitlines()) == 3
    listen = f"listen chat\nbind 127.0.0.1:{{port}}\n{lines}"
    return HAProxy(folder, _DEBIAN + listen.replace(_HERE, tchat))


def haproxy_file(folder: Path, tchat: str) -> Front:
    """Give HAProxy with the whole file, but TLS, in front of one server in the place of three."""
    return HAProxy(
        folder,
        deployed(
            "haproxy.cfg",
            ("    user haproxy\n    group haproxy\n", ""),
            ("    bind :80\n", "    bind 127.0.0.1:{port}\n"),
            (f"    bind :443 ssl crt /etc/haproxy/{_NAME}.pem alpn h2,http/1.1\n", ""),
            ("    http-request redirect scheme https unless { ssl_fc }\n", ""),
            *((f"10.0.0.{number}:8080", tchat) for number in (11, 12, 13)),
        ),
    )


@pytest.fixture
def server(make_server: Callable[..., ChatServer]) -> ChatServer:
    """Give a server that believes one proxy, and says whole addresses."""
    server = make_server(
        settings={"TRUSTED_PROXIES": "1", "CHAT_LOG_ADDRESSES": "full", "CHAT_LIMITS": "off"}
    )
    server.start()
    return server


@pytest.fixture
def front(request: pytest.FixtureRequest, tmp_path: Path, server: ChatServer) -> Iterator[Front]:
    """Put a proxy in front of it."""
    folder = tmp_path / "front"
    folder.mkdir()
    front: Front = request.param(folder, f"127.0.0.1:{server.port}")
    try:
        front.start()
        yield front
    finally:
        front.end()


def get(front: Front, path: str) -> str:
    """Fetch a path through the proxy."""
    with urllib.request.urlopen(f"http://127.0.0.1:{front.port}{path}", timeout=10) as response:
        return str(response.read().decode())


def client(front: Front, path: str = "/ws", **options: object) -> Client:
    """Open a WebSocket through the proxy, as a page of the site does."""
    own = f"127.0.0.1:{front.port}"
    return Client(f"ws://{own}{path}", origin=f"http://{own}", **options)


@pytest.mark.parametrize(
    "front", [nginx_lines, caddy_lines, caddy_file, haproxy_lines, haproxy_file], indirect=True
)
def test_page_and_conversation_pass_and_each_address_is_seen(
    front: Front, server: ChatServer
) -> None:
    assert "Tchat" in get(front, "/")
    with (
        client(front) as ann,
        client(front, source_address=("127.0.0.2", 0), additional_headers=_FORGED) as stranger,
    ):
        ann.join("Ann")
        stranger.join("Stranger")
        ann.post("hello")
        assert stranger.expect("message", text="hello")
    server.logged("disconnect 127.0.0.2 ")
    server.logged("disconnect 127.0.0.1 ")
    assert "192.0.2.1" not in server.log()


@pytest.mark.parametrize("front", [nginx_lines, caddy_file, haproxy_file], indirect=True)
def test_api_passes_and_a_stream_is_not_held_back(front: Front) -> None:
    bot, path = Caller(front), "/rooms/general/messages"
    with bot.asked("GET", path, headers={"Accept": "text/event-stream"}, after="0") as response:
        events = events_of(response)
        for n in range(3):
            bot.posted("general", f"m{n}", "x" * 2000)
            assert next(events)["data"]["id"] == f"m{n}"


@pytest.mark.parametrize("front", [caddy_file, haproxy_lines, haproxy_file], indirect=True)
def test_nobody_can_claim_a_path_or_a_name(front: Front) -> None:
    """nginx's file is asked the same in tests/whole/test_reverse_proxy.py."""
    forged = {"X-Forwarded-Prefix": "/evil", "X-Forwarded-Host": "evil.example"}
    request = urllib.request.Request(f"http://127.0.0.1:{front.port}/", headers=forged)
    with urllib.request.urlopen(request, timeout=10) as response:
        assert b"evil" not in response.read()


def caddy_path(folder: Path, tchat: str) -> Front:
    """Give a site of Caddy that has the chat under a path."""
    place = part("Caddy", 1).replace(_HERE, tchat)
    return Caddy(folder, "{\nadmin off\n}\n{address} {\n" + place + 'respond "the site"\n}\n')


@pytest.mark.parametrize("front", [caddy_path], indirect=True)
def test_caddy_shows_the_chat_under_a_path(front: Front) -> None:
    assert get(front, "/") == "the site"
    page = get(front, "/chat/")
    files = re.findall(r'(?:href|src)="(/[^"]+)"', page)
    assert files
    assert all(file.startswith("/chat/") for file in files)
    assert get(front, files[0])
    with client(front, "/chat/ws") as ann:
        ann.join("Ann")
        ann.post("hello")
