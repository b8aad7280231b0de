"""What workers tell each other: a channel for each partition, which Redis keeps nothing of.

What is published while a worker does not listen is lost. So the worker learns when it listens
(again), and then looks at what Redis has. The channels are sharded (SSUBSCRIBE), so that a cluster
spreads them.
"""

from __future__ import annotations

import logging
import socket
from collections import deque
from collections.abc import Callable, Collection
from threading import Event, Lock, Thread
from typing import Any

from redis.exceptions import RedisError

from chat.redis.attempts import Attempts
from chat.redis.partitions import PARTITIONS
from chat.redis.servers import Command, Server, Servers

_logger = logging.getLogger(__name__)

_AGAIN_S = 0.2  # after something failed, until it is tried again
# A machine that is gone says nothing: after 5 s of silence the kernel asks it, three times.
_KEEPALIVE = {
    getattr(socket, name): value
    for name, value in (("TCP_KEEPIDLE", 5), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
    if hasattr(socket, name)
}

#: Is given a partition and what was published there. On a listener's thread: it must not wait.
Handler = Callable[[int, bytes], None]


class Channels:
    """The channels that this worker listens to; from any thread."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._handlers: dict[int, Handler] = {}  # by the first byte of what is published
        self._returns: list[Callable[[int], None]] = []
        self._closed = False
        self._changed = Event()  # tells the channels' thread to look after the listeners
        # Guards _needed.
        self._lock = Lock()
        self._needed: frozenset[int] = frozenset()
        self._listeners: dict[Server, _Listener] = {}  # the channels' thread's
        servers.on_demoted(self._cut)

    def hear(self, kind: bytes, handler: Handler) -> None:
        """Give what is published with this first byte to a handler; before `start`."""
        self._handlers[kind[0]] = handler

    def on_return(self, handler: Callable[[int], None]) -> None:
        """Tell a handler of each partition that is listened to from now on; before `start`.

        What was published there before was not heard. On a listener's thread: it must not wait.
        """
        self._returns.append(handler)

    def channel(self, partition: int) -> str:
        """Name a partition's channel.

        A script that publishes is given it as an argument. As a key, which never exists, it would
        keep a cluster from running the script while it moves the partition.
        """
        return self._servers.channel(partition)

    def publish(self, partition: int, payload: bytes) -> Command:
        """Give the command that tells all workers that listen, this one too."""
        return ("SPUBLISH", self.channel(partition), payload)

    def start(self) -> None:
        """Begin to listen; once, after the last fork."""
        self._changed.set()
        Thread(target=self._run, name="channels", daemon=True).start()

    def need(self, partition: int) -> None:
        """Listen to a partition too, from soon on; `on_return` tells when."""
        if partition not in self._needed:
            with self._lock:
                self._needed |= {partition}
            self._changed.set()

    def need_only(self, partitions: Collection[int]) -> None:
        """Listen to these partitions, and to no others any more."""
        with self._lock:
            before, self._needed = self._needed, frozenset(partitions)
        if self._needed != before:
            self._changed.set()

    def close(self) -> None:
        """Stop listening."""
        self._closed = True
        self._changed.set()

    def _cut(self, server: Server) -> None:
        """Let go of a server that became a replica: it would go on telling what it hears."""
        if (listener := self._listeners.get(server)) is not None:
            listener.cut()

    # --- on the channels' thread -------------------------------------------------------------

    def _run(self) -> None:
        attempts = Attempts(_logger, "channels")
        while not self._closed:
            self._changed.wait(_AGAIN_S if attempts.has_failed else None)
            self._changed.clear()
            attempts.make(self._spread)
        for listener in self._listeners.values():
            listener.cut()

    def _spread(self) -> None:
        """Let each partition be listened to where it is now. Raises RedisError."""
        for server, listener in tuple(self._listeners.items()):
            if listener.ended:
                del self._listeners[server]
                self._servers.moved()  # perhaps to another server
        where: dict[Server, set[int]] = {server: set() for server in self._listeners}
        for partition in self._needed:
            where.setdefault(self._servers.server_of(partition), set()).add(partition)
        for server, partitions in where.items():
            if partitions and server not in self._listeners:
                self._listeners[server] = _Listener(self, server)
            if server in self._listeners:
                self._listeners[server].listen_to(partitions)

    # --- for the listeners ---------------------------------------------------------------------

    def _heard(self, partition: int, payload: bytes) -> None:
        handler = self._handlers.get(payload[0]) if payload else None
        if handler is not None:  # else it is of a newer program
            handler(partition, payload[1:])

    def _returned(self, partition: int) -> None:
        for handler in self._returns:
            handler(partition)

    def _ended(self) -> None:
        self._changed.set()


class _Listener:
    """The connection to one server that hears what is published there."""

    def __init__(self, channels: Channels, server: Server) -> None:
        """Connect. Raises RedisError."""
        self.ended = False
        self._channels = channels
        self._listened: set[int] = set()
        self._left: deque[int] = deque()  # partitions that are not needed, until Redis has said so
        self._partitions = {
            channels.channel(partition).encode(): partition for partition in range(PARTITIONS)
        }
        # What is published may be far apart, so reading waits without end.
        self._connection = server.connect(socket_timeout=None, socket_keepalive_options=_KEEPALIVE)
        Thread(target=self._run, name="listener", daemon=True).start()

    def listen_to(self, partitions: set[int]) -> None:
        """Listen to these partitions alone. Raises RedisError."""
        left = self._listened - partitions
        self._left.extend(left)  # before the replies come
        for command, those in (("SSUBSCRIBE", partitions - self._listened), ("SUNSUBSCRIBE", left)):
            # One command each: in a cluster, all channels of a command must be in one slot.
            commands = [(command, self._channels.channel(partition)) for partition in those]
            if commands:
                packed = self._connection.pack_commands(commands)
                self._connection.send_packed_command(packed, check_health=False)
        self._listened = set(partitions)

    def cut(self) -> None:
        """End the connection, and with it the thread."""
        self._connection.disconnect()

    def _run(self) -> None:
        try:
            while True:
                self._take(self._connection.read_response())
        except (RedisError, OSError, ValueError) as error:
            if not self._channels._closed:
                _logger.info("channels: a connection has ended: %s", error)
        except Exception:
            _logger.exception("channels: a bug; the connection is opened again")
        finally:
            self.ended = True
            self._connection.disconnect()
            self._channels._ended()

    def _take(self, reply: Any) -> None:
        kind, channel, payload = reply
        partition = self._partitions[channel]
        if kind == b"smessage":
            self._channels._heard(partition, payload)
        elif kind == b"ssubscribe":
            self._channels._returned(partition)
        elif self._left and self._left[0] == partition:
            self._left.popleft()
        else:  # the partition is another server's now
            raise OSError(f"partition {partition} has moved")
