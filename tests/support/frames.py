"""What a peer sends, right or wrong: the request for the upgrade, and frames."""

from __future__ import annotations

import base64
import os
import struct

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
FIN = 0x80
NO_CHANGE = bytes(4)  # a mask that changes nothing


def upgrade(port: int, **headers: str) -> bytes:
    """Build the request for a WebSocket. `X_Y="…"` sets the header X-Y; `X_Y=""` leaves it out."""
    fields = {
        "Host": f"127.0.0.1:{port}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Version": "13",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    lines = [f"{name}: {value}" for name, value in fields.items() if value]
    return "\r\n".join(["GET /ws HTTP/1.1", *lines, "", ""]).encode("latin-1")


def frame(
    first: int, payload: bytes, *, form: int = 0, mask: bytes | None = b"\x01\x02\x03\x04"
) -> bytes:
    """Build a frame; `form` 126 or 127 makes the length field longer than needed."""
    size, bit = len(payload), 0 if mask is None else 0x80
    if form == 127 or size > 65535:
        head = struct.pack("!BBQ", first, bit | 127, size)
    elif form == 126 or size > 125:
        head = struct.pack("!BBH", first, bit | 126, size)
    else:
        head = bytes((first, bit | size))
    if mask is None:
        return head + payload
    if mask == NO_CHANGE:
        return head + mask + payload
    key = (mask * (size // 4 + 1))[:size]
    return head + mask + (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(size)
