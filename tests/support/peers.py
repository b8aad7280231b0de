"""The two ends of one real TCP connection: our Connection, and a peer that wsproto implements.

The peer reads only when a test tells it to, so the test decides who is slow. It needs no server,
unlike Client. wsproto checks each byte; RawPeer would only split the bytes into frames.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Event, Thread

from wsproto.connection import Connection as Parser
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.events import CloseConnection, Ping, Pong, TextMessage
from wsproto.events import Event as WebSocketEvent

from chat.protocol import Member, Message
from chat.sockets.connection import Connection
from chat.sockets.flusher import Flusher

WAIT_S = 20.0  # longer than anything here takes on a busy machine

#: One flusher for all tests, like the one for all connections of a worker. It cannot be closed.
FLUSHER = Flusher()
FLUSHER.start()


def tcp_pair(buffer_bytes: int | None = None) -> tuple[socket.socket, socket.socket]:
    """Connect two sockets over loopback, the server's and the peer's; small buffers if asked."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.socket()
        if buffer_bytes is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_bytes)
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        theirs.connect(listener.getsockname())
        ours, _ = listener.accept()
    if buffer_bytes is not None:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_bytes)
    theirs.settimeout(WAIT_S)
    return ours, theirs


class Peer:
    """The browser's side: it sends what a test says, and checks every byte that comes."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._parser = Parser(ConnectionType.CLIENT)
        self._events: Iterator[WebSocketEvent] = iter(())
        self._parts = ""

    def send(self, event: WebSocketEvent) -> None:
        """Send an event as a browser would, masked."""
        self.send_bytes(self._parser.send(event))

    def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._sock.sendall(data)

    def receive(self) -> WebSocketEvent | None:
        """Receive one event, a text message as a whole; None at the end of the stream."""
        while True:
            for event in self._events:
                if not isinstance(event, TextMessage):
                    return event
                self._parts += event.data
                if event.message_finished:
                    text, self._parts = self._parts, ""
                    return TextMessage(data=text)
            data = self._sock.recv(65536)
            if not data:
                assert not self._parts, "the stream ends within a message"
                return None
            self._parser.receive_data(data)
            self._events = self._parser.events()

    def text(self) -> str:
        """Receive a text message; nothing else may come first."""
        event = self.receive()
        assert isinstance(event, TextMessage), event
        return event.data

    def until_closed(self) -> tuple[list[str], int | None]:
        """Receive texts until the close frame, or the end without one (None)."""
        texts: list[str] = []
        while (event := self.receive()) is not None:
            if isinstance(event, CloseConnection):
                return texts, event.code
            assert isinstance(event, TextMessage | Ping | Pong), event
            if isinstance(event, TextMessage):
                texts.append(event.data)
        return texts, None

    def close_code(self) -> int | None:
        """Receive until the close frame and give its code; None for an end without one."""
        return self.until_closed()[1]

    def answer_close(self) -> None:
        """Answer the close frame that came, and close this side, unless all is over by now."""
        try:
            if self._parser.state is ConnectionState.REMOTE_CLOSING:
                self.send(CloseConnection(code=1000))
            self._sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            # The other side waits a second for the answer, and then ends the connection.
            if error.errno not in (errno.ENOTCONN, errno.EPIPE):
                raise

    def ended(self) -> bool:
        """Wait for the end of the stream; a reset is one too."""
        try:
            while self._sock.recv(65536):
                pass
        except ConnectionResetError:
            pass
        return True

    def end(self) -> None:
        """Break the connection off."""
        self._sock.close()


class Route:
    """The route's thread of one connection, which receives until the end and then releases it."""

    def __init__(self, connection: Connection, sock: socket.socket) -> None:
        self.connection = connection
        self.texts: SimpleQueue[str] = SimpleQueue()
        self._sock = sock
        self._ended = Event()
        self._thread = Thread(target=self._run, name="route")
        self._thread.start()

    def _run(self) -> None:
        try:
            for text in self.connection.receive():
                self.texts.put(text)
        finally:
            self.connection.finish()
            self._sock.close()
            self._ended.set()

    def ends(self) -> bool:
        """Wait until the connection has been released."""
        return self._ended.wait(WAIT_S)

    def join(self) -> None:
        """Wait for the thread."""
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive(), "the route's thread hangs"


@contextmanager
def opened(
    *,
    outbox_bytes: int = 1_048_576,
    ping_interval_s: float = 30.0,
    buffer_bytes: int | None = None,
    kind: type[Connection] = Connection,
) -> Iterator[tuple[Connection, Peer, Route]]:
    """Open a connection as the `/ws` route does: the connection, its peer and its route."""
    ours, theirs = tcp_pair(buffer_bytes)
    connection = kind(
        ours,
        FLUSHER,
        outbox_bytes=outbox_bytes,
        ping_interval_s=ping_interval_s,
    )
    peer, route = Peer(theirs), Route(connection, ours)
    try:
        yield connection, peer, route
    finally:
        peer.end()
        route.join()


def message(seq: int, text: str = "hello") -> Message:
    """Make a message like those of the log."""
    return Message(seq, f"p{seq}", Member("m", "Ann"), text, "2026-01-01T00:00:00.000Z")


def run_together(*works: Callable[[], None]) -> None:
    """Run each function on a thread of its own, and raise the first exception."""
    problems: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as problem:  # noqa: BLE001 - handed to the test's thread
            problems.append(problem)

    threads = [Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    if problems:
        raise problems[0]
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
