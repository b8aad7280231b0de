"""A WebSocket peer that may do everything wrong: bytes on a socket."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
from types import TracebackType
from typing import Any, Self

from tests.support.servers import ChatServer

WAIT_S = 15.0
TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA


class RawPeer:
    """Open a socket to a server and say what the tests say."""

    def __init__(self, server: ChatServer, *, receive_buffer: int | None = None) -> None:
        self.server = server
        self.sock = socket.socket()
        if receive_buffer is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(WAIT_S)
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
        fields = {
            "Host": f"127.0.0.1:{self.server.port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        lines = [f"{name}: {value}" for name, value in fields.items() if value]
        self.sock.sendall("\r\n".join(["GET /ws HTTP/1.1", *lines, "", ""]).encode("latin-1"))
        while b"\r\n\r\n" not in self._read:
            self._more()
        head, self._read = self._read.split(b"\r\n\r\n", 1)
        return int(head.split()[1]), head.decode("latin-1").lower()

    def open(self) -> Self:
        """Upgrade."""
        assert self.handshake()[0] == 101
        return self

    def frame(
        self, payload: bytes, opcode: int = TEXT, *, first: int | None = None, mask: bool = True
    ) -> None:
        """Send one frame; `first` is its whole first byte where FIN and opcode will not do."""
        head = bytes([0x80 | opcode if first is None else first])
        bit = 0x80 if mask else 0
        if len(payload) < 126:
            head += bytes([bit | len(payload)])
        elif len(payload) < 65536:
            head += struct.pack("!BH", bit | 126, len(payload))
        else:
            head += struct.pack("!BQ", bit | 127, len(payload))
        if mask:
            head += b"\0\0\0\0"  # a mask that changes nothing
        self.sock.sendall(head + payload)

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
        """Read to the end of the stream; the code of the close frame, which must be the last."""
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
