"""Tchat behind the reverse proxy that docs/nginx.conf describes, with TLS."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.nginx import WITHIN_S, Nginx, documented
from tests.support.servers import ChatServer

HALF = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Never"


class Site(Nginx):
    """nginx with docs/nginx.conf, in front of a server."""

    def __init__(self, folder: Path, server: ChatServer) -> None:
        site = documented(
            "nginx.conf",
            ("listen 443 ssl;", "listen 127.0.0.1:{port} ssl;"),
            ("listen [::]:443 ssl;", ""),
            ("/etc/letsencrypt/live/chat.example.org", str(folder)),
            ("127.0.0.1:8080", f"127.0.0.1:{server.port}"),
        )
        super().__init__(folder, site)
        self.trust = self._certify(folder)

    def _certify(self, folder: Path) -> ssl.SSLContext:
        certificate = folder / "fullchain.pem"
        command = (
            "openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=Tchat"
        )
        names = ("-addext", "subjectAltName=IP:127.0.0.1")
        files = ("-keyout", folder / "privkey.pem", "-out", certificate)
        subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
        return ssl.create_default_context(cafile=certificate)

    def dial(self) -> ssl.SSLSocket:
        """Open a TLS connection."""
        sock = socket.create_connection(("127.0.0.1", self.port), WITHIN_S)
        return self.trust.wrap_socket(sock, server_hostname="127.0.0.1")

    def get(self, path: str) -> str:
        """Fetch a path, and wait no longer than a second."""
        url = f"https://127.0.0.1:{self.port}{path}"
        with urllib.request.urlopen(url, timeout=1.0, context=self.trust) as response:
            return str(response.read().decode())

    def client(self, **options: object) -> Client:
        """Open a WebSocket as a page of this server does."""
        address = f"127.0.0.1:{self.port}"
        return Client(f"wss://{address}/ws", ssl=self.trust, origin=f"https://{address}", **options)


@pytest.fixture
def nginx(make_server: Callable[..., ChatServer], tmp_path: Path) -> Iterator[Site]:
    server = make_server(settings={"TRUSTED_PROXIES": "1", "CHAT_LIMITS": "off"})
    server.start()
    nginx = Site(tmp_path, server)
    try:
        nginx.start()
        yield nginx
    finally:
        nginx.end()
    assert "Traceback" not in server.log()


def test_page_and_conversation_pass_through(nginx: Site) -> None:
    assert "Tchat" in nginx.get("/")
    with nginx.client() as ann, nginx.client() as bob:
        ann.join("Ann")
        bob.join("Bob")
        ann.post("hello")
        assert bob.expect("message")["text"] == "hello"
        assert json.loads(nginx.get("/status"))["connected_users"] == 2


def test_200_half_requests_do_not_keep_health_waiting(nginx: Site) -> None:
    with ExitStack() as stack, nginx.client() as ann:
        ann.join("Ann")
        for _ in range(200):
            stack.enter_context(nginx.dial()).sendall(HALF)
        until = time.monotonic() + 3.0
        while time.monotonic() < until:
            assert nginx.get("/healthz") == "ok\n"  # each within a second
            ann.post("still here")
