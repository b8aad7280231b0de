"""The load: one thread, raw sockets and epoll, from the handshake to the last byte.

Most connections only count bytes: all frames of a room have the same length, except for the
digits of the seq. On the *watched* connections (every sender, and some others) each message is
parsed. `Load.check` then compares both. Watched connections must have seen every message posted
in their room, in order and without a gap. Every other connection must have received exactly as
many bytes as the watched one of its room. Where a server joins messages in one frame, a byte that
each message has once is counted instead. A server that promises no order must still bring all.

Watched connections are read at once. The others are read every few milliseconds: meanwhile the
bytes wait in the kernel, as they would on their way through a network, and one read takes all of
them. Without that, the load would be the bottleneck of most shapes.
"""

from __future__ import annotations

import gc
import re
import select
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic, process_time

from bench.crowd import Connection, Crowd, LoadFailed
from bench.wire import Chat, message_id

_POLL_S = 0.05
# How often the connections that only count are read: seconds for each of them, and seconds at most.
# If there are few, each gets so many bytes that longer pauses would fill its kernel buffer and slow
# the server down.
_COUNT_EVERY_EACH_S, _COUNT_EVERY_S = 20e-6, 0.004
_COUNT_AT_ONCE = 256  # connections; then it is the turn of the watched ones
_DRAIN_S = 20.0


@dataclass
class _Watch:
    """What one connection receives, parsed."""

    connection: Connection
    number: int
    message: re.Pattern[bytes]
    before: bytes  # of a post, what stands before its id
    after: bytes
    frames: int = 0
    last: int = 0  # the log is new: the first message is number 1
    total: int = 0  # of all seqs
    gaps: int = 0
    posted: int = 0
    wanted: bytes = b""
    tail: bytes = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Count whole messages and give their ids."""
        data = self.tail + data
        end, last, ids = 0, self.last, []
        for found in self.message.finditer(data):
            seq = int(found["seq"])
            self.gaps += seq != last + 1
            self.total += seq
            last = seq
            ids.append(found["id"])
            end = found.end()
        self.frames += len(ids)
        self.last = last
        self.tail = data[end:]
        return ids


_React = Callable[[_Watch, list[bytes]], None]
Meter = Callable[[], tuple[float, float]]  # CPU seconds of the server, and of both cores


@dataclass
class Window:
    """The numbers measured between two moments."""

    seconds: float
    received_bytes: int
    load_cpu_s: float
    server_cpu_s: float
    cores_cpu_s: float  # of both cores together, used by any program
    frame_bytes: float = 0.0
    latencies_s: list[float] = field(default_factory=list)

    @property
    def deliveries(self) -> float:
        """Give the messages received by all connections together."""
        return self.received_bytes / self.frame_bytes


class Load(Crowd):
    """Clients that post, and a count of what is delivered."""

    def __init__(self, port: int | Sequence[int], dialect: Chat) -> None:
        super().__init__(port, dialect)
        self._watched_epoll = select.epoll()
        self._watches: dict[int, _Watch] = {}
        self._posts: dict[str, int] = {}  # room: messages posted
        self._react: _React = lambda _watch, _ids: None  # to messages that still come at the end
        self._count_at = 0.0  # when the connections that only count are read next
        # By descriptor, as lists: this is the hot path.
        self._recv_into: list[Callable[[bytearray], int]] = []
        self._got: list[int] = []  # bytes; marks, if the dialect has one
        self._view = memoryview(self._buffer)

    def watch(self, senders: Sequence[int], others: Sequence[int]) -> None:
        """Begin to count; `senders` and `others`, given as numbers of seats, are parsed."""
        highest = max(self._connections) + 1
        self._got = [0] * highest
        self._recv_into = [len] * highest  # replaced below for every socket
        for fd, connection in self._connections.items():
            self._recv_into[fd] = connection.sock.recv_into
            self._posts[connection.seat.room] = 0
        for number in (*senders, *others):
            connection = self._joined[number]
            around = self._dialect.post(connection.seat.room)
            watch = _Watch(connection, number, self._dialect.message, *around)
            self._watches[connection.sock.fileno()] = watch
            self._epoll.unregister(connection.sock)
            self._watched_epoll.register(connection.sock, select.EPOLLIN)

    def closed_loop(
        self,
        senders: Sequence[int],
        *,
        warm_up_s: float,
        window_s: float,
        meter: Meter,
    ) -> Window:
        """Let each sender post again as soon as its own message is back."""
        watches = [self._watches[self._joined[n].sock.fileno()] for n in senders]

        def react(watch: _Watch, ids: list[bytes]) -> None:
            if watch.wanted in ids:
                self._post(watch)

        for watch in watches:
            self._post(watch)
        now = monotonic()
        self._pump(now + warm_up_s, react)
        with _NoCollection():
            start = self._snapshot(meter)
            self._pump(monotonic() + window_s, react)
            end = self._snapshot(meter)
        return Window(*(b - a for a, b in zip(start, end, strict=True)))

    def open_loop(
        self,
        senders: Sequence[int],
        *,
        per_second: float,
        warm_up_s: float,
        window_s: float,
        meter: Meter,
    ) -> Window:
        """Post at a fixed rate, in turn, without waiting; note when each message is received."""
        watches = [self._watches[self._joined[n].sock.fileno()] for n in senders]
        sent_at: dict[bytes, float] = {}
        latencies_s: list[float] = []

        def react(_watch: _Watch, ids: list[bytes]) -> None:
            now = monotonic()
            latencies_s.extend(now - sent_at[i] for i in ids if i in sent_at)

        def post_until(end: float, begin: float, *, noted: bool) -> None:
            for number in range(round((end - begin) * per_second)):
                watch = watches[number % len(watches)]
                if noted:
                    sent_at[self._next_id(watch)] = monotonic()
                self._post(watch)
                self._pump(begin + (number + 1) / per_second, react)

        now = monotonic()
        post_until(now + warm_up_s, now, noted=False)
        with _NoCollection():
            start = self._snapshot(meter)
            now = monotonic()
            post_until(now + window_s, now, noted=True)
            end = self._snapshot(meter)
        window = Window(*(b - a for a, b in zip(start, end, strict=True)))
        window.latencies_s, self._react = latencies_s, react  # `verify` receives the last ones
        return window

    def one_by_one(self, sender: int, *, posts: int, within_s: float) -> None:
        """Let one member post, and post again as soon as the message is back, so many times."""
        watch = self._watches[self._joined[sender].sock.fileno()]
        deadline = monotonic() + within_s
        left = posts

        def react(who: _Watch, ids: list[bytes]) -> None:
            nonlocal left
            if who.wanted in ids:
                left -= 1
                if left:
                    self._post(who)

        self._post(watch)
        while left:
            if monotonic() > deadline:
                raise LoadFailed(f"{left} of {posts} posts not back after {within_s:.0f} s")
            self._pump(monotonic() + _POLL_S, react)

    def verify(self, window: Window) -> None:
        """Check all messages, and store their mean length in the window."""
        self.check()
        self.measure_frames(window)

    def check(self) -> None:
        """Wait for all messages, and check them as the docstring of this file says."""
        deadline = monotonic() + _DRAIN_S
        watches = self._watches.values()

        def missing() -> int:
            return sum(self._posts[w.connection.seat.room] - w.frames for w in watches)

        def behind() -> int:
            expected = self._bytes_by_room()
            return sum(
                self._got[fd] != expected[c.seat.room] for fd, c in self._connections.items()
            )

        while missing() or behind():
            if monotonic() > deadline:
                raise LoadFailed(
                    f"{missing()} messages missing on {len(watches)} watched connections, "
                    f"{behind()} connections with too little or too much"
                )
            self._pump(monotonic() + _POLL_S, self._react)
        if any(watch.total != watch.frames * (watch.frames + 1) // 2 for watch in watches):
            raise LoadFailed("numbers are missing or repeated")
        if self._dialect.ordered and self.disorder():
            raise LoadFailed("numbers out of order")

    def disorder(self) -> float:
        """Give the share of messages that did not come right after the one before."""
        watches = self._watches.values()
        return sum(watch.gaps for watch in watches) / sum(watch.frames for watch in watches)

    def measure_frames(self, window: Window) -> None:
        """Store the mean length of a message, from the watched connections, in the window."""
        watches = self._watches.values()
        frames = sum(watch.frames for watch in watches)
        if not frames:
            raise LoadFailed("no message came back")
        mark = self._dialect.mark
        tails = [watch.tail for watch in watches]
        partial = sum(tail.count(mark) if mark else len(tail) for tail in tails)
        window.frame_bytes = (sum(self._got[fd] for fd in self._watches) - partial) / frames

    def _bytes_by_room(self) -> dict[str, int]:
        return {w.connection.seat.room: self._got[fd] for fd, w in self._watches.items()}

    def _next_id(self, watch: _Watch) -> bytes:
        return message_id(watch.number, watch.posted + 1)

    def _post(self, watch: _Watch) -> None:
        watch.wanted = self._next_id(watch)
        watch.posted += 1
        self._posts[watch.connection.seat.room] += 1
        data = watch.before + watch.wanted + watch.after
        try:
            if watch.connection.sock.send(data) != len(data):
                raise LoadFailed("the server does not read what is posted")
        except OSError as error:
            raise LoadFailed(f"a post could not be sent: {error}") from None

    def _snapshot(self, meter: Meter) -> tuple[float, int, float, float, float]:
        return monotonic(), sum(self._got), process_time(), *meter()

    def _pump(self, until: float, react: _React) -> None:
        """Receive until a given moment; this is the hot path."""
        recv_into, got = self._recv_into, self._got
        buffer, view, mark = self._buffer, self._view, self._dialect.mark
        every_s = min(_COUNT_EVERY_S, _COUNT_EVERY_EACH_S * len(self._connections))
        more = False
        try:
            while (left_s := until - monotonic()) > 0:
                # Read watched connections first. Wait for them, unless others are ready.
                wait_s = 0 if more else min(left_s, every_s)
                for fd, _ in self._watched_epoll.poll(wait_s):
                    size = recv_into[fd](buffer)
                    if not size:
                        raise LoadFailed("the server closed a connection")
                    got[fd] += buffer.count(mark, 0, size) if mark else size
                    watch = self._watches[fd]
                    ids = watch.feed(bytes(view[:size]))
                    if ids:
                        react(watch, ids)
                if not more and monotonic() < self._count_at:
                    continue
                ready = self._epoll.poll(0, _COUNT_AT_ONCE)
                for fd, _ in ready:
                    size = recv_into[fd](buffer)
                    if not size:
                        raise LoadFailed("the server closed a connection")
                    got[fd] += buffer.count(mark, 0, size) if mark else size
                more = len(ready) == _COUNT_AT_ONCE
                if not more:
                    self._count_at = monotonic() + every_s
        except OSError as error:
            raise LoadFailed(f"a connection was lost: {error}") from None

    def posted(self) -> int:
        """Give the number of messages posted since `watch`."""
        return sum(self._posts.values())

    def close(self) -> None:
        """Close every connection."""
        super().close()
        self._watched_epoll.close()


class _NoCollection:
    """A block of code without garbage collections."""

    def __enter__(self) -> None:
        gc.collect()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        gc.enable()
