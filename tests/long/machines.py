"""What only root can try: a real container's limit of processes and threads (`make machines`)."""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from chat.serving.limits import RESERVE
from tests.support.client import Client
from tests.support.raw import RawPeer
from tests.support.servers import GUNICORN, ChatServer

MakeServer = Callable[..., ChatServer]
TREES = Path("/sys/fs/cgroup")
TASKS = 120
PLACES = TASKS - 2 * RESERVE


@pytest.fixture
def group() -> Iterator[Path]:
    """Make a control group that allows few processes and threads."""
    top = TREES / "pids"
    if not top.is_dir():  # version 2
        top = TREES
        (top / "cgroup.subtree_control").write_text("+pids")
    group = top / f"tchat-{os.getpid()}"
    group.mkdir()
    (group / "pids.max").write_text(str(TASKS))
    yield group
    # The server has ended; the kernel may need a moment to notice.
    for _ in range(100):
        try:
            group.rmdir()
            return
        except OSError:
            time.sleep(0.05)
    group.rmdir()


@pytest.fixture
def server(group: Path, make_server: MakeServer) -> Iterator[ChatServer]:
    """Give a server in the group."""
    inside = f"echo $$ >{group}/cgroup.procs && exec {shlex.join(GUNICORN)}"
    server = make_server(("sh", "-c", inside), settings={"CHAT_LIMITS": "off"})
    server.start()
    yield server
    server.end()


def test_container_has_places_for_what_it_allows_and_says_so(
    server: ChatServer, group: Path
) -> None:
    assert f"CHAT_MAX_CONNECTIONS=1000 is lowered to {PLACES}: {group}/pids.max is {TASKS}" in (
        server.log()
    )
    with ExitStack() as stack:
        for number in range(PLACES):
            peer = stack.enter_context(RawPeer(server)).open()
            peer.command(type="join", room=f"room-{number}")
            peer.event("welcome")
        with RawPeer(server) as late:
            assert late.handshake()[0] == 503
        assert server.status()["full"] is True
        assert "\ntchat_connections_max" in server.get("/metrics")
        assert int((group / "pids.current").read_text()) < TASKS
        assert server.stop() < 5.0
    assert not re.search("Traceback|no thread", server.log())


def test_who_is_in_goes_on_when_others_have_taken_what_the_container_allows(
    server: ChatServer, group: Path
) -> None:
    with ExitStack() as stack:
        slow = stack.enter_context(RawPeer(server, receive_buffer=4096)).open()
        slow.command(type="join")
        slow.event("welcome")
        ann, bob = (stack.enter_context(Client(server.ws_url)) for _ in range(2))
        ann.join("Ann")
        bob.join("Bob")
        (group / "pids.max").write_text((group / "pids.current").read_text())
        with RawPeer(server) as late:
            assert late.at_end()
        for _ in range(300):  # more than the kernel takes for the slow one
            ann.post("x" * 2000)
        bob.expect("message", seq=300)
        slow.event("message")
        assert server.stop() < 5.0
        assert ann.close_code() == bob.close_code() == 1012
    assert "Traceback" not in server.log()
