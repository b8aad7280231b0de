"""A WebSocket peer that can do everything wrong: bytes on a socket.

Client behaves correctly. This peer sends what a client's library refuses to send, reads as little
as a test wants, and sees each frame.
"""

from __future__ import annotations

import json
import socket
from types import TracebackType
from typing import Any, Self

from tests.support.frames import BINARY, CLOSE, FIN, NO_CHANGE, PING, PONG, TEXT, frame, upgrade
from tests.support.servers import ChatServer

__all__ = ["BINARY", "CLOSE", "PING", "PONG", "TEXT", "WAIT_S", "RawPeer"]

WAIT_S = 15.0


class RawPeer:
    """A socket to a server that sends what the tests say."""

    def __init__(
        self,
        server: ChatServer,
        *,
        receive_buffer: int | None = None,
        address: str | None = None,
    ) -> None:
        """Connect, from this `address` if it is given."""
        self.server = server
        self.sock = socket.socket()
        if receive_buffer is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(WAIT_S)
        if address is not None:
            self.sock.bind((address, 0))
        self.sock.connect(("127.0.0.1", server.port))
        self._read = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.sock.close()

    def handshake(self, **headers: str) -> tuple[int, str]:
        """Ask for the upgrade; give the status and the answer's headers. `X_Y=""` drops one."""
        self.sock.sendall(upgrade(self.server.port, **headers))
        while b"\r\n\r\n" not in self._read:
            self._more()
        head, self._read = self._read.split(b"\r\n\r\n", 1)
        return int(head.split()[1]), head.decode("latin-1").lower()

    def open(self) -> Self:
        """Complete the upgrade."""
        assert self.handshake()[0] == 101
        return self

    def frame(
        self, payload: bytes, opcode: int = TEXT, *, first: int | None = None, mask: bool = True
    ) -> None:
        """Send one frame; `first`, if given, is its whole first byte."""
        first = FIN | opcode if first is None else first
        self.sock.sendall(frame(first, payload, mask=NO_CHANGE if mask else None))

    def command(self, **fields: Any) -> None:
        """Send a command."""
        self.frame(json.dumps(fields).encode())

    def read_frame(self) -> tuple[int, bytes]:
        """Read one frame: opcode and payload. Raises EOFError at the end of the stream."""
        first, size = self._take(2)
        if size == 126:
            size = int.from_bytes(self._take(2))
        elif size == 127:
            size = int.from_bytes(self._take(8))
        assert first & 0x70 == 0, "reserved bits: an extension that was never agreed"
        return first & 0x0F, self._take(size)

    def event(self, kind: str) -> dict[str, Any]:
        """Read events until one of this type comes."""
        while True:
            opcode, payload = self.read_frame()
            assert opcode == TEXT, (opcode, payload)
            event: dict[str, Any] = json.loads(payload)
            if event["type"] == kind:
                return event

    def close_code(self) -> int | None:
        """Read to the end of the stream; give the code of the close frame, which must be last."""
        code = None
        try:
            while True:
                opcode, payload = self.read_frame()
                assert code is None, "a frame after the close frame"
                if opcode == CLOSE:
                    code = int.from_bytes(payload[:2])
        except (EOFError, ConnectionResetError):
            return code

    def at_end(self) -> bool:
        """Tell whether the server has ended the stream, after waiting for its next byte."""
        try:
            return not self._read and self.sock.recv(1) == b""
        except ConnectionResetError:
            return True

    def _take(self, size: int) -> bytes:
        while len(self._read) < size:
            self._more()
        taken, self._read = self._read[:size], self._read[size:]
        return taken

    def _more(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise EOFError
        self._read += data
