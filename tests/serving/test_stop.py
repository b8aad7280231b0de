"""Stop and restart: every page is told, it is quick, and nothing is lost."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress

import pytest

from tests.support.client import Client
from tests.support.raw import CLOSE, RawPeer
from tests.support.servers import FLASK_RUN, GUNICORN, MODULE, ChatServer


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_closes_with_1012_and_is_quick(
    make_server: Callable[..., ChatServer], number: int
) -> None:
    server = make_server()
    server.start()
    with ExitStack() as stack:
        peers = [stack.enter_context(RawPeer(server)).open() for _ in range(50)]
        for peer in peers:
            peer.command(type="join", room="stop")
            peer.event("welcome")
        ends: list[float] = []
        stopper = threading.Thread(target=lambda: ends.append(server.stop(number)))
        stopper.start()
        codes = []
        for peer in peers:  # each answers as a browser does
            while (frame := peer.read_frame())[0] != CLOSE:
                pass
            codes.append(int.from_bytes(frame[1][:2]))
            peer.frame(frame[1], CLOSE)
            peer.sock.close()
        stopper.join()
        assert codes == [1012] * 50
        assert ends[0] < 5.0


STOPS: dict[str, Callable[[int], None]] = {
    "SIGTERM": lambda pid: os.kill(pid, signal.SIGTERM),
    "Ctrl-C": lambda pid: os.killpg(pid, signal.SIGINT),  # what it does in a terminal
    "SIGINT": lambda pid: os.kill(pid, signal.SIGINT),
    "SIGQUIT": lambda pid: os.kill(pid, signal.SIGQUIT),
    "group": lambda pid: os.killpg(pid, signal.SIGTERM),
}


@pytest.mark.parametrize(
    ("command", "stop"),
    [
        *(pytest.param(GUNICORN, stop, id=f"gunicorn {name}") for name, stop in STOPS.items()),
        # It runs gunicorn itself: the last three are the same as above.
        *(
            pytest.param(
                MODULE,
                stop,
                id=f"python -m chat {name}",
                marks=() if name in ("SIGTERM", "Ctrl-C") else pytest.mark.long,
            )
            for name, stop in STOPS.items()
        ),
    ],
)
def test_ordinary_stop_logs_no_error(
    make_server: Callable[..., ChatServer], command: tuple[str, ...], stop: Callable[[int], None]
) -> None:
    server = make_server(command)
    server.start()
    with ExitStack() as stack:
        people = [stack.enter_context(Client(server.ws_url)) for _ in range(10)]
        for one in people:
            one.join(room="stop")
        people[0].post("before")
        assert server.process is not None
        stop(server.process.pid)
        assert {one.close_code() for one in people} == {1012}
        assert server.process.wait(10.0) == 0
    levels = set(re.findall(r"\[(DEBUG|INFO|WARNING|ERROR|CRITICAL)\]", server.log()))
    assert levels == {"INFO"}, server.log()
    assert "Traceback" not in server.log()


def test_second_ctrl_c_changes_nothing(make_server: Callable[..., ChatServer]) -> None:
    server = make_server()
    server.start()
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        assert server.process is not None
        os.killpg(server.process.pid, signal.SIGINT)
        assert ann.close_code() == 1012
        while server.process.poll() is None:  # somebody is impatient, a hundred times a second
            with suppress(ProcessLookupError):
                os.killpg(server.process.pid, signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                server.process.wait(0.01)
    assert server.process.returncode == 0
    assert "Worker" not in re.sub(r"Using worker.*|Worker exiting.*", "", server.log())
    assert "Traceback" not in server.log()


def test_peer_that_ignores_the_close_does_not_hold_up_the_stop(
    make_server: Callable[..., ChatServer],
) -> None:
    server = make_server()
    server.start()
    with RawPeer(server) as deaf:
        deaf.open()
        assert server.stop() < 5.0
        assert deaf.close_code() == 1012


def test_posts_that_wait_for_the_disk_when_it_stops_are_committed(
    make_server: Callable[..., ChatServer],
) -> None:
    server = make_server()
    server.start()
    texts = [str(number) for number in range(50)]
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        with closing(sqlite3.connect(server.database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")  # the writer has to wait
            for text in texts:
                ann.send(type="post", id=text, text=text)
            ann.send(type="ping")
            ann.expect("pong")  # so the log took all of them
            stopper = threading.Thread(target=server.stop)
            stopper.start()
            assert ann.close_code() == 1012
            other.execute("ROLLBACK")
        stopper.join()
    with closing(sqlite3.connect(server.database)) as stored:
        assert [row[0] for row in stored.execute("SELECT text FROM entries")] == texts


def test_new_worker_takes_over_on_sighup_and_nothing_is_lost(
    make_server: Callable[..., ChatServer],
) -> None:
    server = make_server()
    server.start()
    with ExitStack() as stack:
        ann, bob, *others = [stack.enter_context(Client(server.ws_url)) for _ in range(12)]
        ann.join("Ann")
        bob.join("Bob")
        for other in others:
            other.join()
        ann.post("before")
        assert server.process is not None
        server.process.send_signal(signal.SIGHUP)
        for client in (ann, bob, *others):  # a client that comes back at once is never refused
            assert client.close_code() == 1012
            assert client.resume()["resumed"] is True
        ann.post("after")
        bob.expect("message", text="after")
        assert bob.texts() == ["before", "after"]


def test_connect_and_disconnect_are_logged_without_texts(
    make_server: Callable[..., ChatServer],
) -> None:
    server = make_server()
    server.start()
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        ann.post("top secret")
    while not re.search(rf"disconnect .* code 1000 .* member={ann.member['id']}", server.log()):
        pass  # bounded by the test's timeout
    assert "top secret" not in server.log()
    assert str(ann.key) not in server.log()


def test_flask_run_says_1012_on_ctrl_c(make_server: Callable[..., ChatServer]) -> None:
    server = make_server(FLASK_RUN)
    server.start()
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        ann.post("before")
        assert server.stop(signal.SIGINT) < 5.0
        assert ann.close_code() == 1012
        server.start()
        assert ann.resume()["resumed"] is True
