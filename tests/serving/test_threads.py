"""Connections' threads: one each, which ends with it."""

from __future__ import annotations

import threading
from concurrent.futures import wait
from contextlib import ExitStack
from threading import Event

import pytest

from chat.serving.threads import ConnectionThreads
from tests.support.client import Client
from tests.support.processes import figures, worker_pid
from tests.support.servers import ChatServer

_WITHIN_S = 10.0


def test_task_beyond_the_limit_waits_for_a_thread_and_none_is_left_at_the_end() -> None:
    threads, leave = ConnectionThreads(2), Event()
    before = threading.active_count()
    order: list[int] = []
    busy = [threads.submit(leave.wait, _WITHIN_S) for _ in range(2)]
    waiting = [threads.submit(order.append, number) for number in range(3)]
    assert threading.active_count() == before + 2
    assert not any(future.running() or future.done() for future in waiting)
    leave.set()
    done, _ = wait([*busy, *waiting], _WITHIN_S)
    assert len(done) == 5
    assert sorted(order) == [0, 1, 2]
    for thread in threading.enumerate():
        if thread.name == "connection":
            thread.join(_WITHIN_S)
    assert threading.active_count() == before


def test_what_goes_wrong_is_the_futures_and_the_thread_is_free_again() -> None:
    threads = ConnectionThreads(1)
    failed = threads.submit(int, "x")
    assert isinstance(failed.exception(_WITHIN_S), ValueError)
    assert threads.submit(int, "2", base=10).result(_WITHIN_S) == 2


def test_machine_without_another_thread_turns_one_away_and_serves_the_next() -> None:
    threads = ConnectionThreads(1)
    ordinary = threading.stack_size(2**46)  # more than there are addresses
    try:
        refused = threads.submit(int, "1")
    finally:
        threading.stack_size(ordinary)
    with pytest.raises(RuntimeError, match="thread"):
        refused.result(_WITHIN_S)
    assert threads.submit(int, "2").result(_WITHIN_S) == 2


def test_server_has_no_more_threads_after_a_crowd_than_before(chat_server: ChatServer) -> None:
    pid = worker_pid(chat_server)
    with Client(chat_server.ws_url) as first:
        first.join()  # and leave: what serves all connections runs from then on
    with Client(chat_server.ws_url) as ann:
        ann.join()
        with ExitStack() as crowd:
            for number in range(50):  # a room each: nobody is told of anybody
                crowd.enter_context(Client(chat_server.ws_url)).join(room=f"room-{number}")
            crowded = figures(pid).threads
        while figures(pid).threads > crowded - 50:
            pass  # bounded by the test's timeout
