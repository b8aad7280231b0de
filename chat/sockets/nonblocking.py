"""Read with a deadline and write without waiting on one socket, from two threads.

A socket's own timeout would apply to both directions. POSIX has a receive timeout and a
flag for one send; elsewhere the socket is non-blocking and a read selects first.
"""

from __future__ import annotations

import select
import socket
import struct

_POSIX = hasattr(socket, "MSG_DONTWAIT")

#: For `sock.send`: take what can be taken at once, or raise BlockingIOError.
SEND_FLAGS: int = getattr(socket, "MSG_DONTWAIT", 0)


def prepare(sock: socket.socket) -> None:
    """Set the socket up for `receive` and for sends with SEND_FLAGS."""
    sock.setblocking(_POSIX)
    if sock.family != getattr(socket, "AF_UNIX", None):  # a proxy on the same machine uses one
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def set_receive_timeout(sock: socket.socket, timeout_s: float) -> None:
    """Set how long `receive` waits; it is to be told the same."""
    if _POSIX:
        # Not nothing at all, which would mean without end.
        microseconds = max(1, int(timeout_s * 1_000_000))
        timeout = struct.pack("ll", *divmod(microseconds, 1_000_000))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)


def receive(sock: socket.socket, size: int, timeout_s: float) -> bytes:
    """Wait for at most `size` bytes; nothing means that the peer ended.

    Raises TimeoutError when nothing came for `timeout_s` seconds, OSError when the
    connection broke.
    """
    if not _POSIX and not select.select([sock], [], [], timeout_s)[0]:
        raise TimeoutError
    try:
        return sock.recv(size)
    except BlockingIOError:
        raise TimeoutError from None
