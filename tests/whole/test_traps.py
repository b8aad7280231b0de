"""The pitfalls of this stack, one test for each (docs/architecture.md, the last section)."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tests.support.client import Client
from tests.support.processes import figures, worker_pids
from tests.support.raw import BINARY, CLOSE, RawPeer
from tests.support.servers import FLASK_RUN, GUNICORN, ChatServer

MakeServer = Callable[..., ChatServer]
PROBE = (*GUNICORN[:-1], "tests.support.probe:app")


def thread_count(server: ChatServer) -> int:
    """Count the threads of a server's workers."""
    return sum(figures(pid).threads for pid in worker_pids(server))


def test_connection_costs_one_thread(chat_server: ChatServer) -> None:
    with ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(RawPeer(chat_server)).open().command(type="join")
        before = thread_count(chat_server)
        for _ in range(40):
            peer = stack.enter_context(RawPeer(chat_server)).open()
            peer.command(type="join")
            peer.event("welcome")
        # On Redis, a worker also begins to listen when its first person comes.
        listeners = chat_server.workers if chat_server.redis_url else 0
        assert thread_count(chat_server) - before <= 40 + listeners


def test_threads_hand_the_gil_around_seldom(make_server: MakeServer) -> None:
    server = make_server(PROBE)
    server.start()
    assert float(server.get("/switch-interval")) > 0.4


def test_bug_ends_its_connection_only_and_writes_no_http_into_it(make_server: MakeServer) -> None:
    server = make_server(PROBE)
    server.start()
    with RawPeer(server) as peer, Client(server.ws_url) as bystander:
        bystander.join("Bob")
        peer.open()
        peer.command(type="join", nick="Ann")
        peer.event("welcome")
        peer.frame(b"bug")
        assert peer.close_code() == 1012  # and nothing after it
        bystander.post("still here")
        said = server.logged("ZeroDivisionError: a bug")
        assert said.count("ZeroDivisionError: a bug") == 1


@pytest.mark.alone
def test_peer_that_does_not_end_its_side_holds_up_nobody(chat_server: ChatServer) -> None:
    with ExitStack() as stack:
        deaf = [stack.enter_context(RawPeer(chat_server)).open() for _ in range(5)]
        for peer in deaf:
            peer.frame(b"x", BINARY)
            while (frame := peer.read_frame())[0] != CLOSE:
                pass
            assert int.from_bytes(frame[1][:2]) == 1003
        asked_at = time.monotonic()
        for _ in range(5):
            chat_server.status()
        # gunicorn's own worker would wait 2 s for each of them, one after the other.
        assert time.monotonic() - asked_at < 2.0
        assert all(peer.at_end() for peer in deaf)


@pytest.mark.parametrize(
    "command",
    [(*GUNICORN, "--preload"), (*FLASK_RUN, "--debug")],
    ids=["gunicorn --preload", "flask run --debug"],
)
def test_engine_starts_in_the_process_that_serves(
    make_server: MakeServer, command: tuple[str, ...]
) -> None:
    server = make_server(command)
    server.start()
    with Client(server.ws_url) as ann, Client(server.ws_url) as bob:
        ann.join("Ann")
        bob.join("Bob")
        ann.expect("joined")
        assert ann.post("hello")["seq"] == 1
        bob.expect("message")


@pytest.mark.parametrize(("proxies", "address"), [("0", "127.0.0.x"), ("1", "203.0.113.x")])
def test_forwarded_address_is_believed_only_behind_a_known_proxy(
    make_server: MakeServer, proxies: str, address: str
) -> None:
    server = make_server(settings={"TRUSTED_PROXIES": proxies})
    server.start()
    with RawPeer(server) as peer:
        assert peer.handshake(X_Forwarded_For="198.51.100.1, 203.0.113.9")[0] == 101
        peer.frame(b"", CLOSE)
        peer.close_code()
    while "disconnect" not in server.log():
        pass  # bounded by the test's timeout
    assert server.log().count(f" disconnect {address} ") == 1
    assert server.log().count("connect ") == 1  # one line a connection, at its end
