"""A siege: strangers who keep a server as busy as they can, in a process of their own.

    python -m tests.support.siege PORT FILE HOUSE SILENT DEAF READERS

HOUSE WebSockets that say nothing, SILENT sockets that ask for nothing, DEAF peers that ask for
FILE and never read, and READERS that ask for the page again and again. Whoever is sent away comes
back. It prints a line once all of them are there, and goes on until it is ended.
"""

from __future__ import annotations

import selectors
import socket
import sys
from collections.abc import Callable
from time import monotonic

from tests.support.frames import upgrade

_AGAIN_S = 0.05  # before somebody who was sent away comes back
_DEAF_BYTES = 4096  # of the kernel's buffer
_DEAF_TIMES = 100  # requests sent at once
_DEAF_ADDRESS, _READER_ADDRESS = "127.0.0.1", "127.0.0.1"


class Siege:
    """The besiegers of one port, on one thread."""

    def __init__(self, port: int, file: str) -> None:
        self._server = ("127.0.0.1", port)
        self._selector = selectors.DefaultSelector()
        self._back: list[tuple[float, Callable[[], None]]] = []
        head = "HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n"
        self._page = f"GET / {head}".encode()
        self._file = f"GET {file} {head}".encode()
        self._upgrade = upgrade(port)
        self.pages = 0

    def silent(self) -> None:
        """Connect, and say nothing."""
        self._come(self.silent, b"")

    def deaf(self) -> None:
        """Ask for the file, many times, and never read."""
        sock = self._come(self.deaf, self._file * _DEAF_TIMES, buffer=_DEAF_BYTES, reads=False)
        del sock

    def guest(self) -> None:
        """Take one of the house's places."""
        self._come(self.guest, self._upgrade)

    def reader(self) -> None:
        """Ask for the page, and for it again when it is there."""
        self._come(self.reader, self._page, again=self._page)

    def _come(
        self,
        back: Callable[[], None],
        request: bytes,
        *,
        again: bytes = b"",
        buffer: int = 0,
        reads: bool = True,
    ) -> None:
        sock = socket.socket()
        if buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        sock.setblocking(False)
        sock.connect_ex(self._server)
        received = bytearray()

        def leave() -> None:
            self._selector.unregister(sock)
            sock.close()
            self._back.append((monotonic() + _AGAIN_S, back))

        def proceed(events: int) -> None:
            nonlocal request
            try:
                if events & selectors.EVENT_WRITE:
                    request = request[sock.send(request) :] if request else b""
                    if not request:
                        # Who does not read still learns that the connection is gone: by an error.
                        wanted = selectors.EVENT_READ if reads else 0
                        if wanted:
                            self._selector.modify(sock, wanted, proceed)
                        else:
                            self._selector.unregister(sock)
                            self._deaf.append((sock, back))
                    return
                data = sock.recv(65536)
                if not data:
                    leave()
                    return
                if again:
                    received.extend(data)
                    if _is_whole(received):
                        self.pages += 1
                        received.clear()
                        sock.send(again)
            except BlockingIOError:
                return
            except OSError:
                leave()

        self._selector.register(sock, selectors.EVENT_WRITE, proceed)

    _deaf: list[tuple[socket.socket, Callable[[], None]]]

    def go(self, seconds: float) -> None:
        """Besiege for some seconds."""
        self._deaf = getattr(self, "_deaf", [])
        until = monotonic() + seconds
        while (now := monotonic()) < until:
            while self._back and self._back[0][0] <= now:
                self._back.pop(0)[1]()
            for key, events in self._selector.select(min(_AGAIN_S, until - now)):
                key.data(events)
            for sock, back in self._deaf[:]:
                if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or _is_closed(sock):
                    self._deaf.remove((sock, back))
                    sock.close()
                    self._back.append((now + _AGAIN_S, back))


def _is_closed(sock: socket.socket) -> bool:
    # TCP_INFO's first byte is the state; 1 is ESTABLISHED.
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] not in (1, 2)


def _is_whole(received: bytearray) -> bool:
    head, end, body = received.partition(b"\r\n\r\n")
    if not end:
        return False
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return len(body) >= int(value)
    return False


def main() -> None:
    port, file, *counts = sys.argv[1:]
    siege = Siege(int(port), file)
    house, silent, deaf, readers = map(int, counts)
    for count, one in (
        (house, siege.guest),
        (silent, siege.silent),
        (deaf, siege.deaf),
        (readers, siege.reader),
    ):
        for _ in range(count):
            one()
            if count > 200:
                siege.go(0.001)
    siege.go(1.0)
    print("ready", flush=True)
    before, at = siege.pages, monotonic()
    while True:
        siege.go(1.0)
        if len(sys.argv) > 7 or True:
            print(
                f"{(siege.pages - before) / (monotonic() - at):.0f} pages/s",
                file=sys.stderr,
                flush=True,
            )
        before, at = siege.pages, monotonic()


if __name__ == "__main__":
    main()
