"""The bare limit: a loop that only calls `send` with the same bytes on the same sockets.

`bare_peer.py PORT BATCH`: with BATCH > 0, the first post starts an endless loop that gives
every socket BATCH messages in one `send`. With BATCH 0, each post is answered by one loop
over the sockets, with one message in each `send`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import selectors
import socket
import struct
import sys

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_HANDSHAKE = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: %s\r\n\r\n"
)
_NICK_AND_ID = "u00000", "0" * 22


def read_frame(sock: socket.socket) -> bytes:
    """Read one masked frame and give its payload."""
    _, size = sock.recv(2, socket.MSG_WAITALL)
    size &= 127
    if size == 126:
        (size,) = struct.unpack("!H", sock.recv(2, socket.MSG_WAITALL))
    mask = sock.recv(4, socket.MSG_WAITALL)
    payload = sock.recv(size, socket.MSG_WAITALL)
    key = mask * (size // 4 + 1)
    return bytes(a ^ b for a, b in zip(payload, key, strict=False))


def frame(event: dict[str, object]) -> bytes:
    """Encode an event as one text frame."""
    payload = json.dumps(event, separators=(",", ":")).encode()
    size = len(payload)
    return (bytes((0x81, size)) if size < 126 else struct.pack("!BBH", 0x81, 126, size)) + payload


def accept(listener: socket.socket) -> socket.socket | None:
    """Accept one connection, shake hands and answer its join; None for a mere probe."""
    sock, _ = listener.accept()
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    request = b""
    while b"\r\n\r\n" not in request:
        data = sock.recv(4096)
        if not data:
            return None
        request += data
    found = re.search(rb"(?i)sec-websocket-key: *(\S+)", request)
    assert found
    sock.sendall(_HANDSHAKE % base64.b64encode(hashlib.sha1(found[1] + _GUID).digest()))
    read_frame(sock)
    sock.sendall(frame({"type": "welcome"}))
    return sock


def message(seq: int, post: dict[str, str]) -> bytes:
    """Frame a message of the same length as every server's."""
    nick, member = _NICK_AND_ID
    at = "2026-01-01T00:00:00.000Z"
    return frame(
        {
            "type": "message",
            "seq": seq,
            "id": post["id"],
            "member": {"id": member, "nick": nick},
            "text": post["text"],
            "at": at,
        }
    )


def main() -> None:
    """Serve until killed."""
    port, batch = int(sys.argv[1]), int(sys.argv[2])
    listener = socket.create_server(("127.0.0.1", port), backlog=4096)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    sends = []
    seq = 0
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                sock = accept(listener)
                if sock is not None:
                    selector.register(sock, selectors.EVENT_READ)
                    sends.append(sock.sendall)
                continue
            payload = read_frame(key.fileobj)
            if not payload:
                continue  # a pong
            seq += 1
            frames = message(seq, json.loads(payload)) * max(1, batch)
            for send in sends:
                send(frames)
            while batch:
                for send in sends:
                    send(frames)


if __name__ == "__main__":
    main()
