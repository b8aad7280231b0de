"""What a peer sends, as whole messages.

Nearly everything that comes is one whole masked text frame: it is decoded here. wsproto parses
everything else, and decides what is wrong (RFC 6455, section 5).
"""

from __future__ import annotations

from collections.abc import Iterator

from wsproto.connection import Connection as Parser
from wsproto.connection import ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import RemoteProtocolError

from chat.protocol import FRAME_LIMIT

_FIN_TEXT = 0x81
_CONTROL_BIT = 0x08
_MASK_BIT = 0x80
_HEADER_BYTES = 6  # of the shortest masked frame; the size may take two more

Inbound = str | Ping | BytesMessage | CloseConnection


class InboundStream:
    """The bytes that a peer sends, cut into messages; for one thread."""

    def __init__(self, *, limit_bytes: int = FRAME_LIMIT, shortcut: bool = True) -> None:
        self._limit_bytes = limit_bytes
        # True while it is known where the next frame begins, and no message is half here. Once it
        # is not, wsproto parses everything.
        self._shortcut = shortcut
        self._missing = 0  # bytes still to come of a frame that has begun
        self._parser: Parser | None = None  # 2 KB: not kept between two messages
        self._parts: list[str] = []  # of a message that has not ended
        self._parts_bytes = 0

    def take(self, data: bytes) -> Iterator[Inbound]:
        """Yield each whole text message, and what else there is to answer.

        Raises RemoteProtocolError, whose event_hint has the close code, for what breaks the
        protocol and for a message over `limit_bytes`.
        """
        start = 0
        if self._missing:
            start = min(self._missing, len(data))
            yield from self._judge(data[:start])
            self._missing -= start
            if self._missing == 0:
                self._parser = None
        while self._shortcut and start < len(data):
            payload, end = _frame_bounds(data, start, self._limit_bytes)
            is_text, is_control = data[start] == _FIN_TEXT, data[start] & _CONTROL_BIT
            if end < 0 or not (is_text or is_control):
                self._shortcut = False
            elif end > len(data):
                self._missing = end - len(data)
                break
            elif is_text and (text := _text(data, payload, end)) is not None:
                yield text
                start = end
            elif is_control:
                yield from self._judge(data[start:end])
                self._parser = None  # after a close frame nothing is taken in any more
                start = end
            else:
                self._shortcut = False
        if start < len(data):
            yield from self._judge(data[start:] if start else data)

    def _judge(self, data: bytes) -> Iterator[Inbound]:
        self._parser = self._parser or Parser(ConnectionType.SERVER)
        self._parser.receive_data(data)
        for event in self._parser.events():
            if isinstance(event, TextMessage):
                self._parts_bytes += len(event.data.encode())
                if self._parts_bytes > self._limit_bytes:
                    raise RemoteProtocolError(
                        f"a message has at most {self._limit_bytes // 1024} KiB",
                        event_hint=CloseConnection(CloseReason.MESSAGE_TOO_BIG),
                    )
                if event.data:
                    self._parts.append(event.data)
                if event.message_finished:
                    text = "".join(self._parts)
                    self._parts, self._parts_bytes = [], 0
                    yield text
            elif isinstance(event, Ping | BytesMessage | CloseConnection):
                yield event


def _frame_bounds(data: bytes, start: int, limit_bytes: int) -> tuple[int, int]:
    """Find where the payload of a masked frame begins and ends; -1, -1 if that is not clear.

    It may end after `data` does.
    """
    if len(data) - start < _HEADER_BYTES or data[start + 1] < _MASK_BIT:
        return -1, -1
    size = data[start + 1] - _MASK_BIT
    payload = start + 6
    if size == 126:
        size = int.from_bytes(data[start + 2 : start + 4])
        payload += 2
        if size < 126:
            return -1, -1  # not the shortest form: an error
    elif size == 127:
        return -1, -1  # over 64 KiB: too large for a shortcut
    return (payload, payload + size) if size <= limit_bytes else (-1, -1)


def _text(data: bytes, start: int, end: int) -> str | None:
    """Unmask and decode a text frame's payload; None if it is no UTF-8."""
    size = end - start
    mask = data[start - 4 : start] * (size // 4 + 1)
    plain = int.from_bytes(data[start:end]) ^ int.from_bytes(mask[:size])
    try:
        return plain.to_bytes(size).decode()
    except UnicodeDecodeError:
        return None
