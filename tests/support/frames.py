"""Frames as a peer writes them, right or wrong."""

from __future__ import annotations

import struct


def frame(
    first: int, payload: bytes, *, form: int = 0, mask: bytes | None = b"\x01\x02\x03\x04"
) -> bytes:
    """Build a frame; `form` 126 or 127 asks for a longer length than needed."""
    size, bit = len(payload), 0 if mask is None else 0x80
    if form == 127 or size > 65535:
        head = struct.pack("!BBQ", first, bit | 127, size)
    elif form == 126 or size > 125:
        head = struct.pack("!BBH", first, bit | 126, size)
    else:
        head = bytes((first, bit | size))
    if mask is None:
        return head + payload
    key = (mask * (size // 4 + 1))[:size]
    return head + mask + (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(size)
