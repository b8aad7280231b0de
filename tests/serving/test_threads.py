"""Requests' threads: each request has one, which ends with it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from queue import SimpleQueue
from threading import Event

import pytest

from chat.serving.threads import RequestThreads
from tests.support.client import Client
from tests.support.processes import figures, worker_pid
from tests.support.servers import GUNICORN, ChatServer

MakeServer = Callable[..., ChatServer]
PROBE = (*GUNICORN[:-1], "tests.support.probe:app")
_WITHIN_S = 10.0


def test_task_beyond_the_limit_waits_for_a_thread_and_none_is_left_at_the_end() -> None:
    leave, done = Event(), SimpleQueue[int]()

    def do(task: int) -> None:
        if task < 0:  # it keeps its thread
            leave.wait(_WITHIN_S)
        done.put(task)

    threads = RequestThreads(2, do)
    before = figures(os.getpid()).threads
    for task in (-2, -1, 0, 1, 2):
        threads.start(task)
    assert figures(os.getpid()).threads == before + 2
    assert done.empty()
    leave.set()
    assert sorted(done.get(timeout=_WITHIN_S) for _ in range(5)) == [-2, -1, 0, 1, 2]
    while figures(os.getpid()).threads > before:
        pass  # bounded by the test's timeout


def test_machine_without_another_thread_refuses_one_task_and_does_the_next() -> None:
    done = SimpleQueue[int]()
    threads = RequestThreads(1, done.put)
    ordinary = threading.stack_size(2**46)  # more than there are addresses
    try:
        with pytest.raises(RuntimeError, match="thread"):
            threads.start(1)
    finally:
        threading.stack_size(ordinary)
    threads.start(2)
    assert done.get(timeout=_WITHIN_S) == 2
    assert done.empty()


def test_server_has_no_more_threads_after_a_crowd_than_before(chat_server: ChatServer) -> None:
    pid = worker_pid(chat_server)
    with Client(chat_server.ws_url) as first:
        first.join()  # and leave: the threads that serve all connections run from then on
    with Client(chat_server.ws_url) as ann:
        ann.join()
        with ExitStack() as crowd:
            for number in range(50):  # one room each, so that nobody gets news
                crowd.enter_context(Client(chat_server.ws_url)).join(room=f"room-{number}")
            crowded = figures(pid).threads
        while figures(pid).threads > crowded - 50:
            pass  # bounded by the test's timeout


def test_lines_in_the_log_leave_no_thread_objects_behind(make_server: MakeServer) -> None:
    server = make_server(PROBE)
    server.start()
    with ExitStack() as crowd:
        for number in range(20):  # a room each: a client that reads no news could not close
            crowd.enter_context(Client(server.ws_url)).join(room=f"room-{number}")
    while server.log().count(" disconnect ") < 20:
        pass  # bounded by the test's timeout
    # The main thread, and those for all connections: the log's, the flusher's and presence's.
    assert int(server.get("/thread-objects")) <= 5


def test_task_that_raises_gives_its_thread_to_the_next(caplog: pytest.LogCaptureFixture) -> None:
    done = SimpleQueue[int]()

    def do(task: int) -> None:
        if task == 0:
            raise ZeroDivisionError("a bug")
        done.put(task)

    threads = RequestThreads(1, do)
    for task in (0, 1, 0, 2):
        threads.start(task)
    assert [done.get(timeout=_WITHIN_S) for _ in range(2)] == [1, 2]
    assert "ZeroDivisionError: a bug" in caplog.text


def test_who_has_many_tasks_keeps_only_their_own_waiting() -> None:
    leave, done = Event(), SimpleQueue[str]()

    def do(task: str) -> None:
        if task == "first":
            leave.wait(_WITHIN_S)
        done.put(task)

    threads = RequestThreads(1, do)
    threads.start("first")
    for number in range(3):
        threads.start(f"many-{number}", "many")
    threads.start("stranger", "other")
    leave.set()
    tasks = [done.get(timeout=_WITHIN_S) for _ in range(5)]
    assert tasks == ["first", "many-0", "stranger", "many-1", "many-2"]


def test_task_that_goes_apart_makes_room_for_the_next_and_counts_no_more() -> None:
    leave, done = Event(), SimpleQueue[int]()

    def do(task: int) -> None:
        if task < 0:
            threads.go_apart()
            leave.wait(_WITHIN_S)
        done.put(task)

    threads = RequestThreads(1, do)
    before = figures(os.getpid()).threads
    for task in (-1, 1, -2, 2):
        threads.start(task)
    assert [done.get(timeout=_WITHIN_S) for _ in range(2)] == [1, 2]
    leave.set()
    assert {done.get(timeout=_WITHIN_S) for _ in range(2)} == {-1, -2}
    while figures(os.getpid()).threads > before:
        pass  # bounded by the test's timeout
    threads.start(3)
    assert done.get(timeout=_WITHIN_S) == 3
