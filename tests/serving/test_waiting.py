"""Connections without a thread, on real sockets and a real selector."""

from __future__ import annotations

import selectors
import socket
from typing import Any, NamedTuple

from chat.serving.waiting import Waiting

LONG_S = 60.0


class Conn(NamedTuple):
    """A connection, as far as it matters while it waits."""

    sock: socket.socket
    peer: socket.socket


def test_who_was_discarded_in_a_turn_does_not_proceed_in_it() -> None:
    failed: list[Exception] = []
    waiting = Waiting(LONG_S, lambda conn, error: failed.append(error))
    conns = [Conn(*socket.socketpair()) for _ in range(3)]
    proceeded: list[Any] = []
    with selectors.DefaultSelector() as poller:

        def proceed(conn: Conn) -> None:
            proceeded.append(conn)
            for other in conns:
                if waiting.discard(other, poller):
                    other.sock.close()

        for conn in conns:
            waiting.add(conn, poller, selectors.EVENT_READ, lambda conn=conn: proceed(conn))
            conn.peer.sendall(b"x")
        happened = poller.select(LONG_S)
        assert len(happened) == len(conns)
        for key, _ in happened:
            key.data(key.fileobj)
    assert len(proceeded) == 1  # the others were ended by the first
    assert not failed
    assert len(waiting) == 0
    for conn in conns:
        conn.peer.close()
