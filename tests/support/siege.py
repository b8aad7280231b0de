"""A siege: strangers who keep a server as busy as they can, in a process of their own.

`python -m tests.support.siege PORT FILE GUESTS SILENT DEAF READERS` has so many guests, who take a
place each and say nothing, silent sockets, deaf peers, who ask for FILE and never read, and
readers, who ask for the page again and again. Whoever is sent away comes back. It prints a line
when all have come, and goes on until it is ended.
"""

from __future__ import annotations

import re
import resource
import select
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support.frames import upgrade
from tests.support.servers import ROOT, ChatServer

WAIT_S = 10.0
_AGAIN_S = 0.05  # before somebody who was sent away comes back
_DEAF_BYTES = 4096  # of the kernel's buffer
_DEAF_TIMES = 100  # requests sent at once
_GONE = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class _Kind:
    """A kind of besieger: what it sends when it has come, and whether it reads and asks again."""

    request: bytes = b""
    again: bool = False
    deaf: bool = False


class _Besieger:
    """A socket of one kind."""

    def __init__(self, kind: _Kind, port: int) -> None:
        self.kind = kind
        self.unsent = kind.request
        self.received = b""
        self.sock = socket.socket()
        if kind.deaf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _DEAF_BYTES)
        self.sock.setblocking(False)
        self.sock.connect_ex(("127.0.0.1", port))

    def proceed(self) -> int:
        """Send and read what can be, and give the events to wait for. Raises OSError at the end."""
        if self.unsent:
            try:
                self.unsent = self.unsent[self.sock.send(self.unsent) :]
            except BlockingIOError:
                pass
            if self.unsent:
                return select.EPOLLOUT | _GONE
        if self.kind.deaf:
            return _GONE
        try:
            data = self.sock.recv(65_536)
        except BlockingIOError:
            return select.EPOLLIN | _GONE
        if not data:
            raise ConnectionResetError
        if self.kind.again:
            self.received += data
            head, end, body = self.received.partition(b"\r\n\r\n")
            length = _LENGTH.search(head)
            if end and length and len(body) >= int(length[1]):
                self.received, self.unsent = b"", self.kind.request
                return select.EPOLLOUT | _GONE
        return select.EPOLLIN | _GONE


def besiege(port: int, kinds: list[_Kind]) -> None:
    """Let so many come, and come again, without end."""
    epoll = select.epoll()
    there: dict[int, _Besieger] = {}
    away = deque((0.0, kind) for kind in kinds)
    came = False
    while True:
        now = time.monotonic()
        for _ in range(min(100, len(away))):
            if away[0][0] > now:
                break
            one = _Besieger(away.popleft()[1], port)
            there[one.sock.fileno()] = one
            epoll.register(one.sock, select.EPOLLOUT | _GONE)
        if not (away or came):
            came = True
            print("They have come.", flush=True)
        for fd, events in epoll.poll(_AGAIN_S):
            one = there[fd]
            try:
                if events & (select.EPOLLHUP | select.EPOLLERR):
                    raise ConnectionResetError
                epoll.modify(fd, one.proceed())
            except OSError:
                del there[fd]
                one.sock.close()
                away.append((now + _AGAIN_S, one.kind))


@contextmanager
def siege(
    server: ChatServer, *, guests: int, silent: int, deaf: int, readers: int
) -> Iterator[None]:
    """Besiege a server meanwhile."""
    found = re.search(r'data-emoji="(.*?)"', server.get("/"))  # the largest file
    assert found is not None
    counts = map(str, (guests, silent, deaf, readers))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.siege", str(server.port), found[1], *counts],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()


def seconds_for(server: ChatServer, path: str, source: str) -> float:
    """Ask for a path, from an address and with a connection of its own, and give what it took."""
    began_at = time.monotonic()
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), WAIT_S, (source, 0)) as sock:
        sock.sendall(request.encode())
        answer = b""
        while data := sock.recv(65_536):
            answer += data
            if b"\r\n\r\n" in answer:
                break
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    return time.monotonic() - began_at


def main() -> None:
    """Besiege, as the command line says."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    port, file, *counts = sys.argv[1:]
    head = "HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n"
    kinds = (
        _Kind(upgrade(int(port))),
        _Kind(),
        _Kind(f"GET {file} {head}".encode() * _DEAF_TIMES, deaf=True),
        _Kind(f"GET / {head}".encode(), again=True),
    )
    all_kinds = zip(kinds, map(int, counts), strict=True)
    besiege(int(port), [kind for kind, count in all_kinds for _ in range(count)])


if __name__ == "__main__":
    main()
