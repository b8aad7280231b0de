"""A crowd of first visitors, who load the page as a browser does and then join.

Each visitor has an empty cache, and up to six connections for files, like a browser for one host.
It asks for a file as soon as it has the whole file that names it. It uses a connection again for as
long as the server keeps it open. When all files are there, it opens its WebSocket and joins. Its
other connections stay open, like a browser's, until the server ends them.

Each answer must be a 200 with as many bytes as the first visitor got for the same path.
"""

from __future__ import annotations

import errno
import re
import select
import socket
from collections import deque

from bench.crowd import Crowd, LoadFailed
from bench.page import DOOR, Page
from bench.wire import Chat, Seat, request

_LINES = 6
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)


class _Visitor:
    """A browser: the files that it still needs, and its connections for files."""

    __slots__ = ("idle", "known", "lines", "missing", "opening", "seat", "wanted")

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self.known = {DOOR}
        self.wanted = deque([DOOR])  # named, but not asked for yet
        self.missing = 1  # named, but not received yet
        self.lines = 0
        self.opening = 0  # lines that are not connected yet
        self.idle: list[_Line] = []


class _Line:
    """A connection for files: `path` is what it waits for, `left` the bytes still to come."""

    __slots__ = ("head", "last", "left", "opening", "path", "sock", "used", "visitor")

    def __init__(self, sock: socket.socket, visitor: _Visitor) -> None:
        self.sock = sock
        self.visitor = visitor
        self.opening = True
        self.used = False
        self.path = ""
        self.head = b""
        self.left = -1  # not known yet
        self.last = False  # the server will close the connection after this answer


class Door(Crowd):
    """Visitors of one page; `join` first loads it."""

    def __init__(self, port: int, dialect: Chat, page: Page) -> None:
        super().__init__(port, dialect)
        self._page = page
        self._requests = {path: request(port, path) for path in page.names}
        self._lines: dict[int, _Line] = {}
        self._sizes: dict[str, int] = {}
        self._view = memoryview(self._buffer)
        self.again = 0  # requests on a connection that the server had just closed

    @property
    def bytes_per_visit(self) -> int:
        """Give the length of all files together, as they were sent."""
        return sum(self._sizes.values())

    def leave_files(self) -> None:
        """Close every connection for files that is still open."""
        for line in self._lines.values():
            line.sock.close()
        self._lines.clear()

    def close(self) -> None:
        """Close every connection."""
        self.leave_files()
        super().close()

    def _arrive(self, seat: Seat) -> None:
        self._hand_out(_Visitor(seat))

    def _proceed(self, fd: int, after: dict[str, object] | None) -> bool:
        line = self._lines.get(fd)
        if line is None:
            return super()._proceed(fd, after)
        if line.opening:
            self._opened(line)
            return False
        try:
            size = line.sock.recv_into(self._buffer)
        except OSError:
            size = 0
        if size:
            self._receive(line, size)
        else:
            self._ended(line)
        return False

    def _hand_out(self, visitor: _Visitor) -> None:
        """Ask for the wanted files on idle lines, and open other lines for the rest."""
        while visitor.wanted and visitor.idle:
            self._ask(visitor.idle.pop())
        while visitor.lines < _LINES and visitor.opening < len(visitor.wanted):
            sock = self._dial(visitor.seat)
            self._lines[sock.fileno()] = _Line(sock, visitor)
            visitor.lines += 1
            visitor.opening += 1

    def _opened(self, line: _Line) -> None:
        problem = line.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if problem:
            raise LoadFailed(f"connect: {errno.errorcode[problem]}")
        self._epoll.modify(line.sock, select.EPOLLIN)
        line.opening = False
        line.visitor.opening -= 1
        line.visitor.idle.append(line)
        self._hand_out(line.visitor)

    def _ask(self, line: _Line) -> None:
        line.path = line.visitor.wanted.popleft()
        try:
            line.sock.send(self._requests[line.path])
        except OSError:
            pass  # the server has closed it: the next event says so, and `_ended` asks again

    def _receive(self, line: _Line, size: int) -> None:
        """Parse the bytes in `_buffer`; the rest of an answer is only counted."""
        if line.left < 0:
            line.head += self._view[:size]
            head, end, body = line.head.partition(b"\r\n\r\n")
            if not end:
                return
            length = _LENGTH.search(head)
            if not head.startswith(b"HTTP/1.1 200") or length is None:
                raise LoadFailed(f"{line.path}: no 200 with a length, but {head[:300]!r}")
            whole = int(length[1])
            if self._sizes.setdefault(line.path, whole) != whole:
                raise LoadFailed(f"{line.path}: {whole} bytes, and {self._sizes[line.path]} before")
            line.last = _CLOSE.search(head) is not None
            line.left, size = whole, len(body)
        if size > line.left:
            raise LoadFailed(f"{line.path}: more bytes than its length")
        line.left -= size
        if not line.left:
            self._came(line)

    def _came(self, line: _Line) -> None:
        """Go on after a whole file: ask for those that it names, or join after the last one."""
        visitor = line.visitor
        visitor.missing -= 1
        for name in self._page.names[line.path]:
            if name not in visitor.known:
                visitor.known.add(name)
                visitor.wanted.append(name)
                visitor.missing += 1
        line.path, line.head, line.left, line.used = "", b"", -1, True
        if line.last:
            self._drop(line)
        else:
            visitor.idle.append(line)
        if visitor.missing:
            self._hand_out(visitor)
        else:
            self._connect(visitor.seat)

    def _ended(self, line: _Line) -> None:
        """Give up a connection that the server has closed, and ask again as browsers do."""
        visitor = line.visitor
        if line.path:
            if not line.used or line.head:
                raise LoadFailed(f"cut off while waiting for {line.path}: a page would be broken")
            self.again += 1
            visitor.wanted.appendleft(line.path)
        else:
            visitor.idle.remove(line)
        self._drop(line)
        self._hand_out(visitor)

    def _drop(self, line: _Line) -> None:
        del self._lines[line.sock.fileno()]
        line.sock.close()
        line.visitor.lines -= 1
