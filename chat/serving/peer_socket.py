"""A peer's socket before it is a WebSocket: its requests, and answers nobody waits for."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Callable
from typing import Any

from chat.rooms.ledger import Account
from chat.sockets.nonblocking import SEND_FLAGS

LIMIT_BYTES = 16_384  # of a head, which waits in memory; a browser's are a twentieth of it
BODY_BYTES = 16_384  # of a body that is read, which waits there too
_CHUNK_BYTES = 8192
_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\nContent-Length:[ \t]*([0-9]{1,9})[ \t]*\r\n", re.IGNORECASE)
_AT_ONCE = struct.pack("ii", 1, 0)  # for SO_LINGER: forget what was not sent
_PIECES = 16  # of an answer, given to the kernel at once


class PeerSocket(socket.socket):
    """A socket whose answers are gathered by `sendall`, and sent by `flush` without waiting.

    A peer that does not read would otherwise keep the thread that answers it.
    """

    __slots__ = ("_unsent", "account", "is_beyond", "unsent_bytes")

    def __init__(
        self, accepted: socket.socket, account: Account | None, *, is_beyond: bool = False
    ) -> None:
        """Take over a socket that was just accepted, and counted in an address's account.

        Or it `is_beyond` what its address may have, and not counted.
        """
        family, kind, protocol = accepted.family, accepted.type, accepted.proto
        super().__init__(family, kind, protocol, accepted.detach())
        self.account = account
        self.is_beyond = is_beyond
        # What was not sent yet. A file's content is here as it is in memory, not once more.
        self._unsent: list[memoryview] = []
        self.unsent_bytes = 0

    def setblocking(self, flag: bool, /) -> None:
        """Block or not; without a system call where it does already."""
        if flag != (self.gettimeout() is None):
            super().setblocking(flag)

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Keep a piece of an answer for `flush`."""
        if data:
            self._unsent.append(memoryview(data))
            self.unsent_bytes += len(data)

    def flush(self) -> None:
        """Send what the kernel takes at once; forget the rest if the peer is gone."""
        while self._unsent:
            try:
                sent = self.sendmsg(self._unsent[:_PIECES], (), SEND_FLAGS)
            except BlockingIOError:
                return
            except OSError:
                sent = self.unsent_bytes
            self.unsent_bytes -= sent
            while sent:
                piece = self._unsent[0]
                if sent < len(piece):
                    self._unsent[0] = piece[sent:]
                    return  # the kernel has no more room
                sent -= len(piece)
                del self._unsent[0]

    def read(self, received: bytearray | None, is_enough: Callable[[bytearray], bool]) -> bool:
        """Read what is there, or throw it away; return True once it is enough, or the peer ends."""
        try:
            for _ in range(LIMIT_BYTES // _CHUNK_BYTES):  # then it is the others' turn
                if received is not None and is_enough(received):
                    return True
                data = self.recv(_CHUNK_BYTES)
                if not data:
                    return True
                if received is not None:
                    received += data
        except BlockingIOError:
            return False
        except OSError:  # the peer reset the connection
            return True
        return received is not None and is_enough(received)

    def close(self) -> None:
        """Close, and tell the account once; gunicorn closes some sockets twice."""
        account, self.account = self.account, None
        if self._unsent and self.fileno() >= 0:
            # The kernel would keep megabytes for a peer that does not read, and for minutes.
            self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self._unsent.clear()
        super().close()
        if account is not None:
            account.close_socket()


def head_end(received: bytearray) -> int:
    """Give how many bytes a request's head has; 0 while it has not come whole."""
    # gunicorn passes over one empty line before a request (RFC 9112, section 2.2).
    found = received.find(_HEAD_END, 2 if received.startswith(b"\r\n") else 0)
    return found + len(_HEAD_END) if found >= 0 else 0


def body_bytes(received: bytearray, end: int) -> int:
    """Give how many bytes of body a request says that it has, as far as it may have them.

    Nobody waits for a body that is too long: it is refused by its head.
    """
    found = _LENGTH.search(received, 0, end)
    length = int(found[1]) if found else 0
    return length if length <= BODY_BYTES else 0
