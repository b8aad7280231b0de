"""WebSocket frames as a server writes them, without a mask (RFC 6455, section 5.2)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec

from chat.protocol import Entry, Event

_FIN = 0x80
_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA
_CONTROL_LIMIT = 125

_encode_json = msgspec.json.Encoder().encode


def _frame(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((_FIN | opcode, size)) + payload
    if size < 65536:
        return struct.pack("!BBH", _FIN | opcode, 126, size) + payload
    return struct.pack("!BBQ", _FIN | opcode, 127, size) + payload


def encode_event(event: Event) -> bytes:
    """Encode an event as one text frame."""
    return _frame(_TEXT, _encode_json(event))


def ping_frame() -> bytes:
    """Make a ping frame without payload."""
    return _frame(_PING, b"")


def pong_frame(payload: bytes) -> bytes:
    """Make the pong frame that answers a ping with `payload`."""
    return _frame(_PONG, payload)


def close_frame(code: int | None, reason: str = "") -> bytes:
    """Make a close frame; without a code when the peer gave none."""
    if code is None:
        return _frame(_CLOSE, b"")
    text = reason.encode()[: _CONTROL_LIMIT - 2].decode(errors="ignore").encode()
    return _frame(_CLOSE, struct.pack("!H", code) + text)


def frame_end(frames: bytes | memoryview, offset: int) -> int:
    """Find where the frame that `offset` lies in ends; `offset` itself between two frames."""
    end = 0
    while end < offset:
        size, header = frames[end + 1], 2
        if size == 126:
            size, header = int.from_bytes(frames[end + 2 : end + 4]), 4
        elif size == 127:
            size, header = int.from_bytes(frames[end + 2 : end + 10]), 10
        end += header + size
    return end


class Batch:
    """Consecutive entries of one room, each encoded once.

    `previous` is the seq before the first, `last` that of the last; `frames[i]` is the frame
    of the entry `previous + 1 + i`, `joined` all of them.
    """

    __slots__ = ("frames", "joined", "last", "previous")

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.previous = entries[0].seq - 1
        self.last = entries[-1].seq
        self.frames = [encode_event(entry) for entry in entries]
        self.joined = b"".join(self.frames)

    def after(self, seq: int) -> bytes:
        """Give the frames of what comes after `seq`, joined."""
        if seq <= self.previous:
            return self.joined
        return b"".join(self.frames[seq - self.previous :])
