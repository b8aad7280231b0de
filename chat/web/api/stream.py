"""A room's entries as server-sent events (HTML Living Standard, section 9.2).

Each has its place in the log as its id, with which a browser or a program comes back: the header
Last-Event-ID. An event `reset` says that what follows does not follow what was seen.
"""

from __future__ import annotations

import select
from collections.abc import Iterator
from contextlib import ExitStack
from socket import socket
from typing import Any

import msgspec
from flask import Response, request

from chat.log import StorageUnavailable
from chat.protocol import Entry, Refused, Seen
from chat.rooms.commands import Hub
from chat.rooms.visits import Following, Visit
from chat.web.api.calls import Call
from chat.web.api.operations import follow
from chat.web.api.shapes import Reading, place_name
from chat.web.problems import of_refusal

_RETRY_MS = 2000  # after which a client comes back
_SEND_WITHIN_S = 10.0  # what the kernel did not take at once
_AT_ONCE = 100  # entries that are read at a time
_ALIVE = b": \n\n"


def stream(hub: Hub, call: Call, stack: ExitStack, alive_every_s: float) -> Response:
    """Answer with a room's entries for as long as the peer listens, or the server lets it.

    What `stack` has is given back at the end. Raises Refused and StorageUnavailable before the
    first byte.
    """
    query: Reading = call.query
    visit = stack.enter_context(hub.visits.enter(call.path["room"], call.guest))
    after = request.headers.get("Last-Event-ID") or query.after
    first = follow(visit, query, after, 0.0)
    sock = request.environ.get("gunicorn.socket")
    held = stack.pop_all()

    def events() -> Iterator[bytes]:
        yield b"retry: %d\n\n" % _RETRY_MS
        found = first
        while not visit.is_over:
            data = b"".join(_events(found)) or _ALIVE
            yield data
            call.charge(len(data))
            if sock is not None and not _is_sent(sock):
                return
            found = _next(visit, found.place, alive_every_s)

    response = Response(_until_refused(events()), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx passes each event on at once
    response.call_on_close(held.close)
    return response


def _next(visit: Visit, place: Seen, wait_s: float) -> Following:
    return visit.after(place, _AT_ONCE, wait_s)


def _until_refused(events: Iterator[bytes]) -> Iterator[bytes]:
    """End with an event that says why, where no more can be given; the client comes back."""
    try:
        yield from events
    except Refused as refusal:
        yield _event("error", of_refusal(refusal))
    except StorageUnavailable:
        return


def _events(found: Following) -> Iterator[bytes]:
    if found.gap is not None:
        yield _event("reset", {"gap": found.gap}, found.place if not found.entries else None)
    for entry in found.entries:
        yield _event(_kind(entry), entry, Seen(found.place.epoch, entry.seq, entry.at))


def _event(kind: str, data: Any, place: Seen | None = None) -> bytes:
    name = f"id: {place_name(place)}\n" if place is not None else ""
    return f"{name}event: {kind}\ndata: ".encode() + msgspec.json.encode(data) + b"\n\n"


def _kind(entry: Entry) -> str:
    return str(entry.__struct_config__.tag)


def _is_sent(sock: Any) -> bool:
    """Send what was written; False when the peer is gone, or too slow.

    The acceptor's sockets gather an answer, which is sent when its request is done
    (chat/serving/peer_socket.py). This request is never done.
    """
    sock.flush()
    look = select.poll()
    look.register(sock, select.POLLOUT)
    while sock.unsent_bytes:
        if not look.poll(_SEND_WITHIN_S * 1000):
            return False
        sock.flush()
    return not _is_gone(sock)


def _is_gone(sock: socket) -> bool:
    look = select.poll()
    look.register(sock, getattr(select, "POLLRDHUP", select.POLLHUP))
    return bool(look.poll(0))
