"""Who asks how the server is waits for nobody, whatever strangers do."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from statistics import median

import pytest

from tests.support.raw import RawPeer
from tests.support.servers import ChatServer
from tests.support.siege import seconds_for, siege

STRANGER = "127.0.0.2"
CHECKS = ("/healthz", "/status", "/chat/healthz?x=y", "/chat/status")


@pytest.mark.alone
def test_health_never_queues(make_server: Callable[..., ChatServer]) -> None:
    # Without limits, so that all of them get in. `make siege` has the full number.
    settings = {"CHAT_MAX_CONNECTIONS": "20", "CHAT_LIMITS": "off", "SCRIPT_NAME": "/chat"}
    server = make_server(settings=settings)
    server.start()
    with siege(server, guests=20, silent=500, deaf=60, readers=4):
        assert server.status()["full"]
        took_s = [seconds_for(server, path, STRANGER) for path, _ in zip(cycle(CHECKS), range(100))]
        assert seconds_for(server, "/r/salon", STRANGER) < 1.0  # pages come too
        with RawPeer(server) as peer:
            peer.sock.sendall(b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert peer.sock.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert sorted(took_s)[94] < 0.1
    assert median(took_s) < 0.05
    assert max(took_s) < 1.0  # the machine may be busy with something else for a moment
    assert "Traceback" not in server.log()
