"""Tchat behind the reverse proxy that deploy/nginx.conf describes, with TLS."""

from __future__ import annotations

import json
import re
import socket
import ssl
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.daemons import WITHIN_S
from tests.support.frames import upgrade
from tests.support.nginx import Nginx, deployed
from tests.support.servers import ChatServer
from tests.support.tls import certify

HALF = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Never"


class Site(Nginx):
    """nginx with deploy/nginx.conf, in front of a server."""

    def __init__(self, folder: Path, server: ChatServer) -> None:
        site = deployed(
            "nginx.conf",
            ("listen 443 ssl;", "listen 127.0.0.1:{port} ssl;"),
            ("listen [::]:443 ssl;", ""),
            ("/etc/letsencrypt/live/chat.example.org", str(folder)),
            ("127.0.0.1:8080", f"127.0.0.1:{server.port}"),
        )
        super().__init__(folder, site)
        self.trust = certify(folder, "127.0.0.1")

    def dial(self) -> ssl.SSLSocket:
        """Open a TLS connection, as 127.0.0.1."""
        sock = socket.create_connection(("127.0.0.1", self.port), WITHIN_S)
        return self.trust.wrap_socket(sock, server_hostname="127.0.0.1")

    def handshake(self, stack: ExitStack, **headers: str) -> tuple[int, str]:
        """Ask for a WebSocket that stays open; give the status and the answer's headers."""
        sock = stack.enter_context(self.dial())
        sock.sendall(upgrade(self.port, **headers))
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += sock.recv(65536) or b"\r\n\r\n"
        return int(answer.split()[1]), answer.decode("latin-1").lower()

    def get(self, path: str) -> str:
        """Fetch a path, and wait no longer than a second; browsers are told to keep to TLS."""
        url = f"https://127.0.0.1:{self.port}{path}"
        with urllib.request.urlopen(url, timeout=1.0, context=self.trust) as response:
            assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
            return str(response.read().decode())

    def client(self, **options: object) -> Client:
        """Open a WebSocket as a page of this server does."""
        address = f"127.0.0.1:{self.port}"
        return Client(f"wss://{address}/ws", ssl=self.trust, origin=f"https://{address}", **options)


@pytest.fixture
def nginx(
    request: pytest.FixtureRequest, make_server: Callable[..., ChatServer], tmp_path: Path
) -> Iterator[Site]:
    settings = getattr(request, "param", {"CHAT_LIMITS": "off"})
    server = make_server(
        settings={"TRUSTED_PROXIES": "1", "CHAT_LOG_ADDRESSES": "full", **settings}
    )
    server.start()
    nginx = Site(tmp_path, server)
    try:
        nginx.start()
        yield nginx
    finally:
        nginx.end()
    # Whatever else a header claimed was believed by nobody.
    peers = set(re.findall(r"(?:/ws refused|disconnect) (\S+)", server.log()))
    assert peers <= {"127.0.0.1", "127.0.0.2"}
    assert "Traceback" not in server.log()


def test_page_and_conversation_pass_through(nginx: Site) -> None:
    assert "Tchat" in nginx.get("/")
    with nginx.client() as ann, nginx.client() as bob:
        ann.join("Ann")
        bob.join("Bob")
        ann.post("hello")
        assert bob.expect("message")["text"] == "hello"
        while json.loads(nginx.get("/status"))["connected_users"] != 2:
            pass  # bounded by the test's timeout: workers tell each other within a second


def test_200_half_requests_do_not_keep_health_waiting(nginx: Site) -> None:
    with ExitStack() as stack, nginx.client() as ann:
        ann.join("Ann")
        for _ in range(200):
            stack.enter_context(nginx.dial()).sendall(HALF)
        for _ in range(200):
            assert nginx.get("/healthz") == "ok\n"  # each within a second
            ann.post("still here")


def test_200_websockets_of_one_address_get_429_and_a_stranger_is_served(nginx: Site) -> None:
    with ExitStack() as stack, nginx.client(source_address=("127.0.0.2", 0)) as stranger:
        stranger.join("Stranger")
        answers = [
            nginx.handshake(stack, X_Forwarded_For=f"192.0.2.{number}") for number in range(200)
        ]
        statuses = [status for status, _ in answers]
        assert (statuses.count(101), statuses.count(429)) == (120, 80)
        assert all("\nretry-after: 30\r" in head for status, head in answers if status == 429)
        stranger.post("still here")
        with nginx.client(source_address=("127.0.0.2", 0)) as another:
            another.join("Another")
        assert nginx.get("/healthz") == "ok\n"  # the attacker may still read pages


# At another worker an address has as many again, until the two have told each other.
@pytest.mark.embedded
@pytest.mark.parametrize("nginx", [{"CHAT_ADDRESS_WEBSOCKETS": "3"}], indirect=True)
def test_forwarded_headers_of_a_client_gain_nothing(nginx: Site) -> None:
    forged = {"X_Forwarded_For": "192.0.2.1", "X_Forwarded_Host": "evil.example"}
    with ExitStack() as stack:
        evil = nginx.handshake(stack, Origin="https://evil.example", **forged)
        assert evil[0] == 403
        prefix = nginx.handshake(stack, X_Forwarded_Prefix="/evil", Upgrade="", **forged)
        assert (prefix[0], "evil" in prefix[1]) == (400, False)
        # Tchat's budget of one address too is that of the address that nginx saw.
        claims = (f"192.0.2.{number}" for number in range(5))
        answers = [nginx.handshake(stack, X_Forwarded_For=claim) for claim in claims]
        assert [status for status, _ in answers] == [101, 101, 101, 429, 429]
        assert all(head.count("retry-after:") == (status == 429) for status, head in answers)
        stranger = stack.enter_context(nginx.client(source_address=("127.0.0.2", 0)))
        stranger.join("Stranger")
