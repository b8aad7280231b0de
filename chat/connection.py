"""One WebSocket: inline receive, and its place in its room's log.

The route's own thread receives. Any thread may enqueue or deliver.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from threading import Lock

from wsproto.connection import Connection as Parser
from wsproto.events import BytesMessage, CloseConnection, Ping
from wsproto.utilities import RemoteProtocolError

from chat import frames, nonblocking
from chat.flusher import Flusher
from chat.frames import Batch
from chat.inbound import InboundStream
from chat.outbox import Outbox
from chat.protocol import CloseCode

_RECEIVE_BYTES = 1024  # allocated for as long as a connection waits
_NO_CODE = 1005  # wsproto's word for a close frame without a code


class Connection:
    """Be one open WebSocket, in at most one room."""

    def __init__(
        self,
        sock: socket.socket,
        parser: Parser,
        flusher: Flusher,
        *,
        outbox_bytes: int,
        ping_interval_s: float,
    ) -> None:
        nonblocking.prepare(sock, ping_interval_s)
        self._sock = sock
        self._inbound = InboundStream(parser)
        self._ping_interval_s = ping_interval_s
        self._outbox = Outbox(sock, flusher, outbox_bytes)
        self._outbox_bytes = outbox_bytes
        # Guards what follows, and the order in which it reaches the outbox.
        self._lock = Lock()
        self._position = 0  # seq of the last message given
        self._held: list[bytes | Batch] | None = None  # what came while the log is replayed
        self._held_bytes = 0

    @property
    def close_code(self) -> int | None:
        """Give the code of the close frame sent; None before, or without one."""
        return self._outbox.close_code

    # --- receiving: on the route's thread ------------------------------------------------

    def receive(self) -> Iterator[str]:
        """Yield each text message until the connection ends; whatever is wrong closes it."""
        for data in self._chunks():
            if self._outbox.closing:
                continue  # lingers: a peer that is still sending may yet read why it was closed
            try:
                for item in self._inbound.take(data):
                    if isinstance(item, str):
                        yield item
                    else:
                        self._answer(item)
                    if self._outbox.closing:
                        break
            except RemoteProtocolError as error:
                hint = error.event_hint
                code = hint.code if isinstance(hint, CloseConnection) else CloseCode.PROTOCOL_ERROR
                self.close(code, str(error))

    def _chunks(self) -> Iterator[bytes]:
        """Yield what the peer sends until it is gone; ping it when it is silent."""
        pinged = False
        while True:
            try:
                data = nonblocking.receive(self._sock, _RECEIVE_BYTES, self._ping_interval_s)
            except TimeoutError:
                if pinged:
                    return  # half-open: nothing came for two intervals
                pinged = True
                self._outbox.send(frames.ping_frame())
                continue
            except OSError:
                return
            if not data:
                return
            pinged = False
            yield data

    def _answer(self, item: Ping | BytesMessage | CloseConnection) -> None:
        if isinstance(item, Ping):
            self._outbox.send(frames.pong_frame(bytes(item.payload)))
        elif isinstance(item, CloseConnection):
            self.close(None if item.code == _NO_CODE else item.code)
        else:
            self.close(CloseCode.UNSUPPORTED, "text messages only")

    def finish(self) -> None:
        """Let go of the socket, which its server may close now."""
        self._outbox.finish()

    # --- sending: on any thread ------------------------------------------------------------

    def enqueue(self, data: bytes) -> None:
        """Send whole frames, after the replay if one goes on."""
        with self._lock:
            if self._held is None:
                self._outbox.send(data)
            else:
                self._hold(data, len(data))

    def deliver(self, batch: Batch) -> None:
        """Give the messages of the room that this connection has not had yet.

        Only ever what follows the last one: a hole closes the connection, whose page then
        resumes from the log.
        """
        with self._lock:
            if self._held is None:
                self._give(batch)
            else:
                self._hold(batch, len(batch.joined))

    def hold(self) -> None:
        """Keep back everything that comes until `go_live`, while the log is replayed."""
        with self._lock:
            self._held = []

    def go_live(self, welcome: bytes, position: int) -> None:
        """Send `welcome`, which replays the log up to `position`, then what came meanwhile."""
        with self._lock:
            held, self._held, self._held_bytes = self._held or [], None, 0
            self._position = position
            self._outbox.send(welcome, counted=False)
            for item in held:
                if isinstance(item, Batch):
                    self._give(item)
                else:
                    self._outbox.send(item)

    def release(self) -> None:
        """Give up the hold without a replay; what came meanwhile is dropped."""
        with self._lock:
            self._held, self._held_bytes = None, 0

    def close(self, code: int | None, reason: str = "") -> None:
        """Send a close frame and end."""
        self._outbox.close(code, reason)

    def _hold(self, item: bytes | Batch, size: int) -> None:
        assert self._held is not None
        self._held_bytes += size
        if self._held_bytes > self._outbox_bytes:
            self._held.clear()
            self._outbox.close(CloseCode.TOO_SLOW, "too slow: come back")
        else:
            self._held.append(item)

    def _give(self, batch: Batch) -> None:
        if batch.last <= self._position:
            return
        if batch.first > self._position + 1:
            self._outbox.close(CloseCode.TOO_SLOW, "messages are missing: come back")
            return
        data = batch.after(self._position)
        self._position = batch.last
        self._outbox.send(data)
