"""A peer's socket before it is a WebSocket: its requests' heads, and answers nobody waits for."""

from __future__ import annotations

import socket
import struct
from typing import Any

from chat.rooms.ledger import Account
from chat.sockets.nonblocking import SEND_FLAGS

LIMIT_BYTES = 16_384  # of a head, which waits in memory; a browser's are a twentieth of it
_CHUNK_BYTES = 8192
_HEAD_END = b"\r\n\r\n"
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

    def read(self, head: bytearray | None) -> bool:
        """Read what is there; return True for a head, for too much, and for the peer's end."""
        try:
            for _ in range(LIMIT_BYTES // _CHUNK_BYTES):  # then it is the others' turn
                if head is not None and (has_head(head) or len(head) > LIMIT_BYTES):
                    return True
                data = self.recv(_CHUNK_BYTES)
                if not data:
                    return True
                if head is not None:
                    head += data
        except BlockingIOError:
            return False
        except OSError:  # the peer reset the connection
            return True
        return head is not None and has_head(head)

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


def has_head(received: bytearray) -> bool:
    """Tell whether a request's whole head has come."""
    # gunicorn passes over one empty line before a request (RFC 9112, section 2.2).
    return received.find(_HEAD_END, 2 if received.startswith(b"\r\n") else 0) >= 0
