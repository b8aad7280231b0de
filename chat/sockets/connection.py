"""One WebSocket: inline receive, and its place in its room's log.

The route's own thread receives. Any thread may enqueue or deliver.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

from wsproto.events import BytesMessage, CloseConnection, Ping
from wsproto.utilities import RemoteProtocolError

from chat.protocol import CloseCode
from chat.sockets import frames, nonblocking
from chat.sockets.flusher import Flusher
from chat.sockets.frames import Batch
from chat.sockets.inbound import InboundStream
from chat.sockets.outbox import Outbox

_RECEIVE_BYTES = 1024  # allocated for as long as a connection waits
_NOWHERE = -1  # the position while nothing may be delivered
_NO_CODE = 1005  # wsproto's word for a close frame without a code


class Connection(Outbox):
    """Be one open WebSocket, in at most one room: an outbox with a receiving side.

    The outbox's lock also guards the place in the room's log, and so the order of the two.
    """

    __slots__ = ("_held", "_held_bytes", "_inbound", "_ping_interval_s", "_position")

    def __init__(
        self,
        sock: socket.socket,
        flusher: Flusher,
        *,
        outbox_bytes: int,
        ping_interval_s: float,
    ) -> None:
        super().__init__(sock, flusher, outbox_bytes)
        nonblocking.prepare(sock, ping_interval_s)
        self._inbound = InboundStream()
        self._ping_interval_s = ping_interval_s
        # With the lock held:
        self._position = _NOWHERE  # seq of the last message given
        self._held: list[bytes | Batch] | None = None  # what came while the log is replayed
        self._held_bytes = 0

    # --- receiving: on the route's thread ------------------------------------------------

    def receive(self) -> Iterator[str]:
        """Yield each text message until the connection ends; whatever is wrong closes it."""
        for data in self._chunks():
            if self.closing:
                continue  # lingers: a peer that is still sending may yet read why it was closed
            try:
                for item in self._inbound.take(data):
                    if isinstance(item, str):
                        yield item
                    else:
                        self._answer(item)
                    if self.closing:
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
                self.send(frames.ping_frame())
                continue
            except OSError:
                return
            if not data:
                return
            pinged = False
            yield data

    def _answer(self, item: Ping | BytesMessage | CloseConnection) -> None:
        if isinstance(item, Ping):
            self.send(frames.pong_frame(bytes(item.payload)))
        elif isinstance(item, CloseConnection):
            self.close(None if item.code == _NO_CODE else item.code)
        else:
            self.close(CloseCode.UNSUPPORTED, "text messages only")

    # --- sending: on any thread ------------------------------------------------------------

    def enqueue(self, data: bytes) -> None:
        """Send whole frames, after the replay if one goes on."""
        with self._lock:
            if self._held is None:
                self._write(data)
            else:
                self._hold(data, len(data))

    def deliver(self, batch: Batch) -> None:
        """Give the messages of the room that this connection has not had yet.

        Only ever what follows the last one: a hole closes the connection, whose page then
        resumes from the log.
        """
        with self._lock:
            if self._position == batch.previous:  # nearly always
                self._position = batch.last
                self._write(batch.joined)
            elif self._held is None:
                self._give(batch)
            else:
                self._hold(batch, len(batch.joined))

    def hold(self) -> None:
        """Keep back everything that comes until `go_live`, while the log is replayed."""
        with self._lock:
            self._held = []
            self._position = _NOWHERE

    def go_live(self, welcome: bytes, position: int) -> None:
        """Send `welcome`, which replays the log up to `position`, then what came meanwhile."""
        with self._lock:
            held, self._held, self._held_bytes = self._held or [], None, 0
            self._position = position
            self._write(welcome, counted=False)
            for item in held:
                if isinstance(item, Batch):
                    self._give(item)
                else:
                    self._write(item)

    def release(self) -> None:
        """Give up the hold without a replay; what came meanwhile is dropped."""
        with self._lock:
            self._held, self._held_bytes = None, 0

    def _hold(self, item: bytes | Batch, size: int) -> None:
        assert self._held is not None
        self._held_bytes += size
        if self._held_bytes > self._limit_bytes:
            self._held.clear()
            self._close(CloseCode.TOO_SLOW, "too slow: come back")
        else:
            self._held.append(item)

    def _give(self, batch: Batch) -> None:
        if self._position == _NOWHERE or batch.last <= self._position:
            return  # a snapshot of the room from before it left, or what was replayed
        if batch.previous > self._position:
            self._close(CloseCode.TOO_SLOW, "messages are missing: come back")
            return
        data = batch.after(self._position)
        self._position = batch.last
        self._write(data)
