"""One thread finishes what the kernel did not take, for all connections at once."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from threading import Event, current_thread
from time import monotonic

import pytest

from chat.protocol import Error, ErrorCode
from chat.sockets.flusher import Flusher
from chat.sockets.frames import encode_event
from chat.sockets.outbox import Outbox
from tests.support.peers import FLUSHER, WAIT_S, Peer, run_together, tcp_pair

LARGE = encode_event(Error(ErrorCode.BANNED, "x" * 300_000))
SMALL = 4096


@contextmanager
def stalled() -> Iterator[tuple[Outbox, Peer]]:
    """Give an outbox that waits for its peer."""
    ours, theirs = tcp_pair(SMALL)
    outbox, peer = Outbox(ours, FLUSHER, 1_048_576), Peer(theirs)
    outbox.send(LARGE)
    assert outbox.waits()
    try:
        yield outbox, peer
    finally:
        outbox.finish()
        ours.close()
        peer.end()


class Recorder:
    """An outbox for a socket that can always be written; it is empty after some flushes."""

    def __init__(self, sock: socket.socket, flushes: int) -> None:
        self._sock = sock
        self._left = flushes
        self.threads: set[str] = set()

    def fileno(self) -> int:
        return self._sock.fileno()

    def flush(self) -> None:
        self.threads.add(current_thread().name)
        self._left -= 1

    def enforce_deadlines(self, now: float) -> None:
        assert now <= monotonic()

    def waits(self) -> bool:
        return self._left > 0

    @property
    def waiting_bytes(self) -> int:
        return max(0, self._left)

    def unwatch(self) -> bool:
        return self._left <= 0

    def cut(self) -> None:
        raise AssertionError("nothing went wrong")

    @property
    def done(self) -> bool:
        return self._left <= 0


def test_slow_connection_does_not_delay_others() -> None:
    with stalled() as (slow, _), ExitStack() as stack:
        others = [stack.enter_context(stalled()) for _ in range(20)]

        for _, peer in others:
            assert len(peer.text()) > 300_000

        assert slow.waits()
        assert not slow.closing


def test_connections_that_become_writable_together_are_all_finished() -> None:
    with ExitStack() as stack:
        pairs = [stack.enter_context(stalled()) for _ in range(30)]

        def read(peer: Peer) -> None:
            assert len(peer.text()) > 300_000

        run_together(*(partial(read, peer) for _, peer in pairs))


def test_connections_may_come_and_go_on_many_threads_at_once() -> None:
    def come_and_go() -> None:
        for number in range(10):
            with stalled() as (_, peer):
                if number % 2:
                    assert len(peer.text()) > 300_000

    run_together(*[come_and_go] * 6)


def test_only_the_flushers_thread_flushes() -> None:
    ours, theirs = tcp_pair()
    with ours, theirs:
        recorder = Recorder(ours, flushes=5)
        FLUSHER.watch(recorder)
        while not recorder.done:
            FLUSHER.forget(Recorder(theirs, flushes=0))  # returns after a round of the flusher

        assert recorder.threads == {"flusher"}


class Broken(Recorder):
    """An outbox in which there is a bug, at one place."""

    def __init__(self, sock: socket.socket, place: str) -> None:
        super().__init__(sock, flushes=10**9)
        self._place = place
        self.was_cut = Event()

    def _maybe(self, place: str) -> None:
        if place == self._place and not self.was_cut.is_set():
            raise ZeroDivisionError("a bug")

    def flush(self) -> None:
        self._maybe("flush")
        super().flush()

    def enforce_deadlines(self, now: float) -> None:
        self._maybe("enforce_deadlines")

    def waits(self) -> bool:
        self._maybe("waits")
        return super().waits()

    def unwatch(self) -> bool:
        self._maybe("unwatch")
        return super().unwatch()

    def cut(self) -> None:
        self.was_cut.set()


@pytest.mark.parametrize("place", ["flush", "enforce_deadlines", "waits", "unwatch"])
def test_bug_in_one_outbox_cuts_that_one_and_the_others_are_flushed(
    place: str, caplog: pytest.LogCaptureFixture
) -> None:
    ours, theirs = tcp_pair()
    with ours, theirs, stalled() as (_, peer):
        broken = Broken(ours, place)
        with caplog.at_level(logging.ERROR):
            FLUSHER.watch(broken)
            assert broken.was_cut.wait(WAIT_S)
        assert len(peer.text()) > 300_000
        FLUSHER.forget(broken)
        assert caplog.text.count("ZeroDivisionError: a bug") == 1


def test_bug_in_the_flusher_itself_does_not_end_its_thread(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ours, theirs = tcp_pair()
    with ours, theirs, stalled() as (_, peer):
        broken = Broken(ours, "flush")
        broken.cut = broken.flush  # type: ignore[method-assign]
        with caplog.at_level(logging.ERROR):
            FLUSHER.watch(broken)
            assert len(peer.text()) > 300_000
        FLUSHER.forget(broken)
        assert "a bug" in caplog.text


def test_machine_without_another_thread_flushes_all_the_same() -> None:
    flusher = Flusher()
    flusher.start()
    ordinary = threading.stack_size(2**46)  # more than there are addresses
    try:
        ours, theirs = tcp_pair(SMALL)
        outbox, peer = Outbox(ours, flusher, 1_048_576), Peer(theirs)
        outbox.send(LARGE)
        assert outbox.waits()
        assert len(peer.text()) > 300_000
        outbox.finish()
        ours.close()
        peer.end()
    finally:
        threading.stack_size(ordinary)


def test_forgotten_connection_is_never_flushed_again() -> None:
    ours, theirs = tcp_pair()
    with ours, theirs:
        recorder = Recorder(ours, flushes=10**9)
        FLUSHER.watch(recorder)
        FLUSHER.forget(recorder)
        recorder.threads.clear()

        for _ in range(20):  # rounds
            FLUSHER.forget(recorder)

        assert recorder.threads == set()


def test_forgetting_what_was_never_watched_returns() -> None:
    ours, theirs = tcp_pair()
    with ours, theirs:
        run_together(*[partial(FLUSHER.forget, Recorder(ours, flushes=0))] * 8)


def test_connection_may_be_watched_twice() -> None:
    with stalled() as (outbox, peer):
        FLUSHER.watch(outbox)
        FLUSHER.watch(outbox)

        assert len(peer.text()) > 300_000


def test_deadline_passes_although_nothing_can_be_written() -> None:
    ours, theirs = tcp_pair(SMALL)
    with ours, theirs:
        outbox = Outbox(ours, FLUSHER, 1_048_576)
        outbox.send(LARGE)
        outbox.close(1000)
        assert outbox.waits()
        ours.settimeout(WAIT_S)

        assert ours.recv(1) == b""  # cut on our side: the peer has neither read nor closed

        assert not outbox.waits()
        outbox.finish()
