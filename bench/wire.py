"""The bytes that the load writes and reads: handshakes, masked frames, and those of Socket.IO."""

from __future__ import annotations

import base64
import json
import os
import re
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass

# 44 characters: with the rest of a message, a frame of about 200 bytes.
TEXT = "hello there, this is a message of usual size"
_DIGITS = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32, which sorts as its numbers
_MINUTE = bytes(_DIGITS[int(time.time() // 60) >> bit & 31] for bit in range(25, -1, -5))
_SCATTER = 0x9E3779B97F4A7C15  # 2**64 divided by the golden ratio, and odd
_ID = "0" * 22  # of one width, so that all frames of a room have the same length

#: One whole message event, in most servers' JSON: it ends with the member's brace and its own.
MESSAGE = re.compile(rb'"seq": ?(?P<seq>\d+), ?"id": ?"(?P<id>[\w-]+)"[^}]*\}[^}]*\}')


@dataclass(frozen=True)
class Seat:
    """The member of one connection, and the room that it joins."""

    number: int
    room: str
    nick: str
    key: str


def seats(rooms: int, per_room: int, *, per_member: int = 1) -> list[Seat]:
    """Give every connection a nick and a key, room by room; `per_member` share theirs."""
    return [
        Seat(
            number,
            f"r{number // per_room:04d}",
            f"u{number // per_member:05d}",
            f"bench-key-{number // per_member:012d}",
        )
        for number in range(rooms * per_room)
    ]


def message_id(sender: int, number: int) -> bytes:
    """Make the id of a sender's n-th message, in the form of the page's ids, without chance.

    A page's id is the minute, then 16 random characters, so a database writes it at any place
    among those of the last minute. A counter would always be written at the end, which costs less
    than pages do. So the numbers are scattered: times an odd number, they stay different.
    """
    number = ((sender << 32 | number) * _SCATTER) & 0xFFFFFFFFFFFFFFFF
    return b"%b%016X" % (_MINUTE, number)


#: An unsolicited pong (RFC 6455, section 5.5.3): a sign of life that asks for no answer.
PONG = b"\x8a\x80\0\0\0\0"


def frame(payload: str) -> bytes:
    """Mask a text frame with zeros, which cost a server as much as any other mask."""
    body = payload.encode()
    size = len(body)
    header = bytes((0x81, 0x80 | size)) if size < 126 else struct.pack("!BBH", 0x81, 254, size)
    return header + b"\0\0\0\0" + body


def whole_frames(buffer: bytes) -> Iterator[tuple[bytes, int]]:
    """Give the payload of every complete frame in `buffer`, and where it ends."""
    end = 0
    while len(buffer) >= end + 2:
        size, start = buffer[end + 1], end + 2
        if size == 126:
            size, start = int.from_bytes(buffer[end + 2 : end + 4]), end + 4
        elif size == 127:
            size, start = int.from_bytes(buffer[end + 2 : end + 10]), end + 10
        end = start + size
        if len(buffer) < end:
            return
        yield buffer[start:end], end


# The headers that Chromium sends with every request; a server parses all of them.
_BROWSER = (
    "Connection: keep-alive",
    'sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24"',
    "sec-ch-ua-mobile: ?0",
    'sec-ch-ua-platform: "Linux"',
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36",
    "Accept: */*",
    "Sec-Fetch-Site: same-origin",
    "Sec-Fetch-Mode: cors",
    "Sec-Fetch-Dest: script",
    "Accept-Encoding: gzip, br",
    "Accept-Language: en-GB,en;q=0.9",
)


def request(port: int, path: str) -> bytes:
    """Ask for a file like a browser on its first visit."""
    head = (f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *_BROWSER)
    return ("\r\n".join(head) + "\r\n\r\n").encode()


class Chat:
    """Tchat's protocol, which most peers use."""

    path = "/ws"
    message = MESSAGE
    mark = b""  # one byte of each message, to be counted where frames have no fixed length
    ordered = True  # everybody in a room gets its messages in one order, that of their numbers

    def handshake(self, port: int) -> bytes:
        """Ask for the upgrade."""
        key = base64.b64encode(os.urandom(16)).decode()
        return (
            f"GET {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ).encode()

    def join(self, seat: Seat, after: dict[str, object] | None) -> bytes:
        """Join a room, or resume after the message that `after` names."""
        command = {"room": seat.room, "nick": seat.nick, "key": seat.key}
        return self._command("join", {**command, "after": after} if after else command)

    def answer(self, _seat: Seat, _payload: bytes) -> bytes:
        """Give what is to be sent next, after an answer that does not end the join."""
        return b""

    def is_welcome(self, payload: bytes) -> bool:
        """Tell whether this answer says that the join is done."""
        return b'"welcome"' in payload[:40]

    def post(self, room: str) -> tuple[bytes, bytes]:
        """Give the bytes before and after the id in a post."""
        before, _, after = self._post(room).partition(_ID.encode())
        return before, after

    def _post(self, _room: str) -> bytes:
        return self._command("post", {"id": _ID, "text": TEXT})

    def _command(self, kind: str, fields: dict[str, object]) -> bytes:
        return frame(json.dumps({"type": kind, **fields}, separators=(",", ":")))


class SocketIo(Chat):
    """The same protocol inside Socket.IO's events, over a WebSocket from the start."""

    path = "/socket.io/?EIO=4&transport=websocket"

    def join(self, seat: Seat, after: dict[str, object] | None) -> bytes:
        """Connect the namespace; the room comes when that is answered, as clients do it."""
        return frame("40")

    def answer(self, seat: Seat, payload: bytes) -> bytes:
        """Join a room when the namespace is connected."""
        return super().join(seat, None) if payload.startswith(b"40") else b""

    def _command(self, kind: str, fields: dict[str, object]) -> bytes:
        return frame("42" + json.dumps([kind, fields], separators=(",", ":")))


class SharedSocketIo(SocketIo):
    """Socket.IO on several workers: each delivers its own posts first, so the orders differ."""

    ordered = False


class Centrifuge(Chat):
    """Centrifuge's own protocol, in JSON: a room is a channel, a message's number its offset."""

    path = "/connection/websocket"
    message = re.compile(rb'"id": ?"(?P<id>[\w-]+)"[^}]*\}[^}]*\},"offset":(?P<seq>\d+)\}')
    # Several messages may share a frame. The mark is no byte of the lengths that frames can have.
    mark = b"|"

    def join(self, seat: Seat, after: dict[str, object] | None) -> bytes:
        """Connect, and subscribe to a room's channel."""
        connect = {"id": 1, "params": {"data": {"nick": seat.nick}}}
        subscribe = {"id": 2, "method": 1, "params": {"channel": seat.room}}
        return frame(f"{json.dumps(connect)}\n{json.dumps(subscribe)}")

    def is_welcome(self, payload: bytes) -> bool:
        """Tell whether this answers the subscription."""
        return b'"id":2,' in payload

    def _post(self, room: str) -> bytes:
        data = {"id": _ID, "text": f"|{TEXT[1:]}"}
        command = {"id": 3, "method": 3, "params": {"channel": room, "data": data}}
        return frame(json.dumps(command, separators=(",", ":")))
