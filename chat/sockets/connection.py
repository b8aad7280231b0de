"""One WebSocket: what it receives, what it is given, and its place in its room's log.

The route's own thread receives. Any thread may enqueue or deliver.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from os import urandom
from time import monotonic

from wsproto.events import BytesMessage, CloseConnection, Ping
from wsproto.utilities import RemoteProtocolError

from chat.protocol import CloseCode
from chat.sockets import frames, nonblocking
from chat.sockets.flusher import Flusher
from chat.sockets.frames import Batch
from chat.sockets.inbound import InboundStream
from chat.sockets.outbox import Outbox

_logger = logging.getLogger(__name__)

_RECEIVE_BYTES = 1024  # allocated for as long as a connection waits
_NOWHERE = -1  # the position while nothing may be delivered
# Where a peer breaks the protocol, wsproto says so as if that peer had sent a close frame.
_BROKEN = frozenset((CloseCode.PROTOCOL_ERROR, CloseCode.INVALID_TEXT, CloseCode.TOO_BIG))
_NO_CODE = 1005  # wsproto's word for a close frame without a code


class Connection:
    """An open WebSocket, in at most one room.

    Its outbox's lock also guards its place in the room's log, and so the order of the two.
    """

    __slots__ = (
        "_held",
        "_held_bytes",
        "_inbound",
        "_join_by",
        "_limit_bytes",
        "_ping_interval_s",
        "_position",
        "_sock",
        "id",
        "outbox",
        "was_left",
    )

    def __init__(
        self,
        sock: socket.socket,
        flusher: Flusher,
        *,
        outbox_bytes: int,
        ping_interval_s: float,
        join_within_s: float | None = None,
    ) -> None:
        """Begin; with `join_within_s` it is closed unless it asks for a room within that time."""
        nonblocking.prepare(sock)
        self.id = urandom(4).hex()  # for lines of the log
        self.was_left = False  # the peer has closed it, by a frame of its own
        # Monotonic seconds. None: it has asked for a room, or need not.
        self._join_by = None if join_within_s is None else monotonic() + join_within_s
        if join_within_s is None:
            nonblocking.set_receive_timeout(sock, ping_interval_s)
        self._sock = sock
        self._inbound = InboundStream()
        self._ping_interval_s = ping_interval_s
        self._limit_bytes = outbox_bytes
        self.outbox = Outbox(sock, flusher, outbox_bytes)
        # With the outbox's lock held:
        self._position = _NOWHERE  # seq of the last message given
        self._held: list[bytes | memoryview | Batch] | None = (
            None  # what came during the replay; None: no replay goes on
        )
        self._held_bytes = 0

    @property
    def close_code(self) -> int | None:
        """Give the code that it was closed with; None if it was not."""
        return self.outbox.close_code

    def close(self, code: int | None, reason: str = "") -> None:
        """Send a close frame and end."""
        self.outbox.close(code, reason)

    def give_up(self) -> None:
        """Close after a bug: with 1012, so that the page comes back; else without a word."""
        try:
            self.close(CloseCode.RESTARTING)
        except Exception:
            _logger.exception(
                "a connection could not be closed, and is cut", extra={"connection": self.id}
            )
            self.outbox.cut()

    def finish(self) -> None:
        """Let go of the socket, which its server may close now; on the route's thread."""
        self.outbox.finish()

    # --- receiving: on the route's thread ------------------------------------------------

    def receive(self) -> Iterator[str]:
        """Yield each text message until the connection ends; close a peer that breaks a rule."""
        for data in self._chunks():
            if self.outbox.closing:
                continue  # read on: a peer that is still sending can then read why it was closed
            try:
                for item in self._inbound.take(data):
                    if isinstance(item, str):
                        yield item
                    else:
                        self._answer(item)
                    if self.outbox.closing:
                        break
            except RemoteProtocolError as error:
                hint = error.event_hint
                code = hint.code if isinstance(hint, CloseConnection) else CloseCode.PROTOCOL_ERROR
                self.close(code, str(error))

    def asks_for_room(self) -> None:
        """Note that the peer has sent a join: it may stay."""
        if self._join_by is not None:
            self._join_by = None
            nonblocking.set_receive_timeout(self._sock, self._ping_interval_s)

    def _chunks(self) -> Iterator[bytes]:
        """Yield what the peer sends until it is gone; ping it when it is silent."""
        pinged = False
        while True:
            timeout_s = self._ping_interval_s if self._join_by is None else self._time_to_join()
            try:
                data = nonblocking.receive(self._sock, _RECEIVE_BYTES, timeout_s)
            except TimeoutError:
                if self._join_by is not None and timeout_s < self._ping_interval_s:
                    continue  # it is late
                if pinged:
                    return  # half-open: nothing came for two intervals
                pinged = True
                self.outbox.send(frames.ping_frame())
                continue
            except OSError:
                return
            if not data:
                return
            pinged = False
            yield data

    def _time_to_join(self) -> float:
        """Give the seconds to wait for a peer that has not asked for a room; close a late one."""
        assert self._join_by is not None
        left_s = self._join_by - monotonic()
        if left_s <= 0:
            self._join_by = None
            self.close(CloseCode.ABUSE, "no join came")
        timeout_s = min(self._ping_interval_s, left_s) if left_s > 0 else self._ping_interval_s
        nonblocking.set_receive_timeout(self._sock, timeout_s)
        return timeout_s

    def _answer(self, item: Ping | BytesMessage | CloseConnection) -> None:
        if isinstance(item, Ping):
            self.outbox.send(frames.pong_frame(bytes(item.payload)))
        elif isinstance(item, CloseConnection):
            self.was_left = item.code not in _BROKEN
            self.close(None if item.code == _NO_CODE else item.code)
        else:
            self.close(CloseCode.UNSUPPORTED, "text messages only")

    # --- sending: on any thread ------------------------------------------------------------

    def enqueue(self, data: bytes | memoryview) -> None:
        """Send whole frames, after the replay if one goes on."""
        with self.outbox.lock:
            if self._held is None:
                self.outbox.write(data)
            else:
                self._hold(data, len(data))

    def deliver(self, batch: Batch) -> None:
        """Give the messages of the room that this connection has not had yet.

        Only ever what follows the last one: a hole closes the connection, whose page then
        resumes from the log.
        """
        outbox = self.outbox
        with outbox.lock:
            if self._held is not None:
                self._hold(batch, len(batch.joined))
            elif self._position == batch.previous:  # nearly always
                self._position = batch.last
                outbox.write(batch.joined)
            else:
                self._give(batch)

    def hold(self) -> None:
        """Keep back everything that comes until `go_live` or `go_on`, while the log is read."""
        with self.outbox.lock:
            self._held = []

    def go_live(self, welcome: bytes, position: int) -> None:
        """Send `welcome`, which replays the log up to `position`, then what came meanwhile."""
        with self.outbox.lock:
            self._position = position
            self.outbox.write(welcome, counted=False)
            self._give_held()

    def go_on(self, first: bytes = b"") -> None:
        """Send `first`, which was read from the log since `hold`, then what came meanwhile."""
        with self.outbox.lock:
            if first:
                self.outbox.write(first)
            self._give_held()

    def release(self) -> None:
        """Drop what is held and be in no room: the peer was not let in, and may ask again."""
        with self.outbox.lock:
            self._held, self._held_bytes = None, 0

    def abandon(self, frame: bytes, code: int) -> None:
        """Send a last frame, drop what is held, and close: the log could not be replayed."""
        with self.outbox.lock:
            self._held = None
            self.outbox.write(frame)
            self.outbox.begin_close(code)

    def _hold(self, item: bytes | memoryview | Batch, size: int) -> None:
        assert self._held is not None
        self._held_bytes += size
        if self._held_bytes > self._limit_bytes:
            self._held.clear()
            self.outbox.begin_close(CloseCode.TOO_SLOW, "too slow: come back")
        else:
            self._held.append(item)

    def _give_held(self) -> None:
        held, self._held, self._held_bytes = self._held or [], None, 0
        for item in held:
            if isinstance(item, Batch):
                self._give(item)
            else:
                self.outbox.write(item)

    def _give(self, batch: Batch) -> None:
        if self._position == _NOWHERE or batch.last <= self._position:
            return  # abandoned, or replayed already
        if batch.previous > self._position:
            self.outbox.begin_close(CloseCode.TOO_SLOW, "messages are missing: come back")
            return
        data = batch.after(self._position)
        self._position = batch.last
        self.outbox.write(data)
