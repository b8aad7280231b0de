"""The bytes of a peer: the fast path gives the same as wsproto, however the bytes are split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import cycle

from wsproto.events import CloseConnection, Ping
from wsproto.utilities import RemoteProtocolError

from chat.protocol import FRAME_LIMIT
from chat.sockets.inbound import InboundStream
from tests.support.frames import frame

_LIMIT_BYTES = 300  # so that short inputs reach it
_MASK = b"\x01\x02\x80\xff"


def check(data: bytes) -> None:
    """Parse one stream in four ways, and compare the results.

    If the first byte is odd, frames are built from the rest; otherwise the rest is used as it
    is. The next two bytes are the sizes of the reads, in turn.
    """
    if len(data) < 3:
        return
    stream = b"".join(_frames(data[3:])) if data[0] % 2 else data[3:]
    reads = list(_reads(stream, data[1], data[2]))

    in_reads = heard(reads, shortcut=True, limit_bytes=_LIMIT_BYTES)
    assert in_reads == heard(reads, shortcut=False, limit_bytes=_LIMIT_BYTES)
    at_once = heard([stream], shortcut=True, limit_bytes=_LIMIT_BYTES)
    assert at_once == heard([stream], shortcut=False, limit_bytes=_LIMIT_BYTES)

    assert_alike(in_reads, at_once)


def heard(
    chunks: Iterable[bytes], *, shortcut: bool, limit_bytes: int = FRAME_LIMIT
) -> list[object]:
    """Parse chunks up to the first close or error, and list the results."""
    stream = InboundStream(limit_bytes=limit_bytes, shortcut=shortcut)
    items: list[object] = []
    try:
        for chunk in chunks:
            for item in stream.take(chunk):
                if isinstance(item, str):
                    items.append(item)
                elif isinstance(item, Ping):
                    items.append(("ping", bytes(item.payload)))
                elif isinstance(item, CloseConnection):
                    return [*items, ("close", int(item.code), item.reason)]
                else:
                    return [*items, ("binary", 1003)]
    except RemoteProtocolError as error:
        hint = error.event_hint
        items.append(("error", int(hint.code) if isinstance(hint, CloseConnection) else None))
    return items


def assert_alike(heard_in_reads: list[object], heard_at_once: list[object]) -> None:
    """Compare the results of one stream that was split in two ways."""
    *said, end = _with_end(heard_in_reads)
    *said_at_once, end_at_once = _with_end(heard_at_once)
    assert said == said_at_once
    # A message can be too large and not valid text. Which error comes first depends on the split.
    assert end == end_at_once or {end, end_at_once} == {1007, 1009}


def _frames(data: bytes) -> Iterator[bytes]:
    """Build frames from their first bytes, sizes and payloads."""
    while len(data) >= 2:
        first, size = data[:2]
        yield frame(first, data[2 : 2 + size], mask=_MASK)
        data = data[2 + size :]


def _reads(stream: bytes, *sizes: int) -> Iterator[bytes]:
    start = 0
    for size in cycle(sizes):
        if start >= len(stream):
            return
        yield stream[start : start + (size or 1024)]
        start += size or 1024


def _with_end(items: list[object]) -> list[object]:
    """Put the close code, or None, at the end of the messages."""
    if items and isinstance(items[-1], tuple) and items[-1][0] != "ping":
        return [*items[:-1], items[-1][1]]
    return [*items, None]
