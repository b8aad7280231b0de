"""Frames leave whole, in order and without waiting, even if the peer reads slowly."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from time import monotonic

import pytest

from chat.protocol import Error, ErrorCode
from chat.sockets.frames import encode_event
from chat.sockets.outbox import Outbox
from tests.support.peers import FLUSHER, WAIT_S, Peer, run_together, tcp_pair

SMALL = 4096  # bytes that the kernel is asked to keep for a socket
MIB = 1_048_576
_LONG_AFTER_S = 3600.0


@contextmanager
def boxed(
    limit_bytes: int = MIB, buffer_bytes: int | None = SMALL
) -> Iterator[tuple[Outbox, Peer]]:
    """Give the outbox of one end of a connection, and the peer at the other."""
    ours, theirs = tcp_pair(buffer_bytes)
    outbox, peer = Outbox(ours, FLUSHER, limit_bytes), Peer(theirs)
    try:
        yield outbox, peer
    finally:
        outbox.finish()
        ours.close()
        peer.end()


def frame(name: str, size: int = 0) -> bytes:
    """Make a text frame that differs from all others, with `size` bytes of padding."""
    return encode_event(Error(ErrorCode.BANNED, "x" * size, id=name))


def names(texts: list[str]) -> list[str]:
    """Name the frames that arrived."""
    return [json.loads(text)["id"] for text in texts]


def stall(outbox: Outbox) -> list[str]:
    """Send until bytes wait for the socket, and name the frames sent."""
    sent = []
    for number in count():
        outbox.send(frame(str(number), 10_000))
        sent.append(str(number))
        if outbox.waits():
            return sent
    raise AssertionError


def test_frame_larger_than_the_kernel_takes_arrives_whole() -> None:
    with boxed(limit_bytes=8 * MIB) as (outbox, peer):
        outbox.send(frame("large", 3_000_000))
        assert outbox.waits()

        assert len(json.loads(peer.text())["detail"]) == 3_000_000


def test_what_waits_arrives_in_order_once_the_peer_reads() -> None:
    with boxed() as (outbox, peer):
        sent = stall(outbox)
        for size in (0, 200_000, 1, 70_000, 0):
            sent.append(f"{size} at {len(sent)}")
            outbox.send(frame(sent[-1], size))

        assert names([peer.text() for _ in sent]) == sent


def test_frames_of_many_threads_never_mix() -> None:
    threads, frames_each = 8, 150

    def send_all(outbox: Outbox, thread: int) -> None:
        for number in range(frames_each):
            outbox.send(frame(f"{thread}/{number}", (number * 997) % 9000))

    with boxed(limit_bytes=64 * MIB) as (outbox, peer):
        arrived: list[str] = []

        def read() -> None:
            arrived.extend(names([peer.text() for _ in range(threads * frames_each)]))

        run_together(read, *(partial(send_all, outbox, n) for n in range(threads)))

    for thread in range(threads):
        own = [name for name in arrived if name.startswith(f"{thread}/")]
        assert own == [f"{thread}/{number}" for number in range(frames_each)]


def test_peer_that_does_not_read_is_closed_and_later_finds_whole_frames_and_why() -> None:
    with boxed(limit_bytes=100_000) as (outbox, peer):
        sent = []
        for number in count():
            if outbox.close_code is not None:
                break
            sent.append(str(number))
            outbox.send(frame(sent[-1], 7_000))
        assert outbox.close_code == 4008

        texts, code = peer.until_closed()

        assert code == 4008
        assert names(texts) == sent[: len(texts)]
        assert len(texts) < len(sent)
        assert peer.ended()


def test_overflow_cuts_between_the_frames_of_one_batch() -> None:
    with boxed(limit_bytes=200_000) as (outbox, peer):
        batch = [str(number) for number in range(100)]
        outbox.send(b"".join(frame(name, 5_000) for name in batch))
        assert outbox.close_code == 4008

        texts, code = peer.until_closed()

        assert code == 4008
        assert 0 < len(texts) < len(batch)
        assert names(texts) == batch[: len(texts)]


def test_sending_never_waits_for_the_peer() -> None:
    with boxed() as (outbox, _):
        stall(outbox)

        for _ in range(1000):
            outbox.send(frame("more", 10_000))  # would hang here

        assert outbox.close_code == 4008


def test_close_comes_after_what_was_sent_before_and_nothing_after_it() -> None:
    with boxed() as (outbox, peer):
        sent = stall(outbox)
        outbox.close(1000, "bye")
        outbox.send(frame("too late"))

        texts, code = peer.until_closed()

        assert (names(texts), code) == (sent, 1000)
        assert peer.ended()


def test_first_close_counts() -> None:
    with boxed() as (outbox, peer):
        outbox.close(1012)
        outbox.close(1008)

        assert outbox.close_code == 1012
        assert peer.close_code() == 1012


def test_peer_that_takes_no_byte_for_long_is_too_slow() -> None:
    with boxed() as (outbox, peer):
        sent = stall(outbox)
        outbox.enforce_deadlines(monotonic())
        assert not outbox.closing

        outbox.enforce_deadlines(monotonic() + _LONG_AFTER_S)

        texts, code = peer.until_closed()
        assert code == 4008
        assert names(texts) == sent[: len(texts)]


def test_peer_that_has_read_everything_may_be_idle_for_ever() -> None:
    with boxed() as (outbox, peer):
        for _ in stall(outbox):
            peer.text()

        outbox.enforce_deadlines(monotonic() + _LONG_AFTER_S)

        assert not outbox.closing
        outbox.send(frame("later"))
        assert names([peer.text()]) == ["later"]


def test_peer_that_ignores_the_close_is_cut_off() -> None:
    with boxed() as (outbox, peer):
        stall(outbox)
        outbox.close(1000)
        assert outbox.closing

        outbox.enforce_deadlines(monotonic() + _LONG_AFTER_S)

        assert not outbox.waits()
        assert peer.ended()


def test_peer_that_ignores_the_close_is_cut_off_by_the_flusher_itself() -> None:
    ours, theirs = tcp_pair()
    outbox = Outbox(ours, FLUSHER, MIB)
    with ours, theirs:
        outbox.close(1000)
        ours.settimeout(WAIT_S)

        assert ours.recv(1) == b""  # although the peer has not closed its side

        outbox.finish()


def test_broken_connection_takes_everything_without_an_error() -> None:
    with boxed() as (outbox, peer):
        peer.end()

        for _ in range(100):
            outbox.send(frame("to nobody", 10_000))
        outbox.close(1000)

        assert outbox.closing


def test_finish_lets_go_of_the_descriptor_for_the_next_connection() -> None:
    ours, theirs = tcp_pair(SMALL)
    stalled = Outbox(ours, FLUSHER, MIB)
    stall(stalled)
    stalled.finish()
    descriptor = ours.detach()
    theirs.close()

    next_ours, next_theirs = tcp_pair(SMALL)
    with next_ours, next_theirs:
        os.dup2(next_ours.fileno(), descriptor, inheritable=False)
        with socket.socket(fileno=descriptor) as reused:
            outbox, peer = Outbox(reused, FLUSHER, MIB), Peer(next_theirs)
            outbox.send(frame("large", 500_000))
            assert outbox.waits()

            assert names([peer.text()]) == ["large"]
            outbox.finish()


@pytest.mark.parametrize("stalled", [False, True])
def test_finish_ends_the_connection(stalled: bool) -> None:
    with boxed() as (outbox, peer):
        if stalled:
            stall(outbox)

        outbox.finish()
        outbox.finish()

        assert not outbox.waits()
        assert peer.ended()
