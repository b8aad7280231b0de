"""A machine without a thread or a descriptor left, and a bug: who is in goes on, others wait."""

from __future__ import annotations

import re
import resource
import shlex
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.processes import figures, worker_pid
from tests.support.raw import WAIT_S, RawPeer
from tests.support.servers import GUNICORN, ChatServer
from tests.support.waiting import wait_until

MakeServer = Callable[..., ChatServer]
GIB = 2**30
# A thread's stack takes addresses only, and here so many that the limit of them stops new threads
# and nothing else.
LARGE_STACKS = ("sh", "-c", f"ulimit -s {GIB // 1024}; exec {shlex.join(GUNICORN)}")
CLUMSY = (*GUNICORN[:-1], "tests.support.clumsy:app")


def allow_no_more_threads(pid: int) -> None:
    """Leave a process addresses for half a stack."""
    found = re.search(r"^VmSize:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    resource.prlimit(pid, resource.RLIMIT_AS, (int(found[1]) * 1024 + GIB // 2, -1))


def allow_no_more_files(pid: int) -> tuple[int, int]:
    """Leave a process no descriptor; give the limits before."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (0, before[1]))
    return before


@pytest.mark.alone
def test_machine_without_another_thread_serves_who_is_in_and_stops_at_once(
    make_server: MakeServer,
) -> None:
    server = make_server(LARGE_STACKS, settings={"CHAT_LIMITS": "off"})
    server.start()
    with ExitStack() as stack:
        slow = stack.enter_context(RawPeer(server, receive_buffer=4096)).open()
        slow.command(type="join", nick="Slow")
        slow.event("welcome")
        ann, bob = (stack.enter_context(Client(server.ws_url)) for _ in range(2))
        ann.join("Ann")
        bob.join("Bob")
        allow_no_more_threads(worker_pid(server))
        with RawPeer(server) as late:
            assert late.at_end()  # nobody can be served more
        for _ in range(300):  # more than the kernel takes for the slow one
            ann.post("x" * 2000)
        ann.post("last")
        bob.expect("message", text="last")
        assert bob.texts() == ann.texts()
        slow.event("message")
        asked_at = time.monotonic()
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        assert ann.close_code() == 1012
        assert bob.close_code() == 1012
        server.process.wait(WAIT_S)
        assert time.monotonic() - asked_at < 5.0
    assert server.process.returncode == 0
    assert "Traceback" not in server.log()


def test_machine_without_another_descriptor_serves_who_is_in_and_others_later(
    make_server: MakeServer,
) -> None:
    server = make_server()
    server.start()
    with ExitStack() as stack:
        ann, bob = (stack.enter_context(Client(server.ws_url)) for _ in range(2))
        ann.join("Ann")
        bob.join("Bob")
        ann.post("hello")  # the log has opened its files
        pid = worker_pid(server)
        before = allow_no_more_files(pid)
        with socket.create_connection(("127.0.0.1", server.port), WAIT_S) as waiting:
            waiting.sendall(b"GET /status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            while "Nobody is let in" not in server.log():
                pass  # bounded by the test's timeout
            used = cpu_s(pid)
            time.sleep(2.5)  # a time to measure, not to wait for something
            assert cpu_s(pid) - used < 0.5  # it does not try all the time
            ann.post("still here")
            bob.expect("message", text="still here")
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
            assert waiting.recv(15) == b"HTTP/1.1 200 OK"
    assert worker_pid(server) == pid
    assert server.log().count("Nobody is let in") < 10
    assert "Traceback" not in server.log()


def cpu_s(pid: int) -> float:
    """Read the seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.mark.parametrize("parts", [1, 2], ids=["at once", "later"])
def test_bug_on_the_accepting_thread_ends_that_peer_and_nobody_else(
    make_server: MakeServer, parts: int
) -> None:
    server = make_server(CLUMSY)
    server.start()
    pid = worker_pid(server)
    request = b"GET / HTTP/1.1\r\nX-Bug: yes\r\nHost: x\r\n\r\n"
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        ann.post("hello")  # the log has opened its files
        server.status()
        before = figures(pid).files
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", server.port), WAIT_S) as peer:
                if parts == 2:
                    peer.sendall(request[:10])
                    time.sleep(0.2)  # it is read by itself
                peer.sendall(request[10 * (parts - 1) :])
                try:
                    assert peer.recv(1) == b""
                except ConnectionResetError:
                    pass
        ann.post("still here")
        assert server.status()["connected_users"] == 1
        while figures(pid).files > before:
            pass  # bounded by the test's timeout
    assert worker_pid(server) == pid
    wait_until(lambda: server.log().count("ZeroDivisionError: a bug") >= 3, server.log)
    assert server.log().count("ZeroDivisionError: a bug") == 3
