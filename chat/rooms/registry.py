"""The open connections, by room. Everything that is sent to a room goes through here.

One lock guards the tables. It is held while a list of connections is copied, and never while
anything is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Lock

from chat.protocol import Message
from chat.sockets.connection import Connection
from chat.sockets.frames import Batch


class Registry:
    """The open connections of this worker, and the rooms that they are in; from any thread."""

    def __init__(self) -> None:
        # Guards _connections and _rooms. Never held across I/O.
        self._lock = Lock()
        self._connections: dict[Connection, str | None] = {}  # connection: its room, once joined
        # Room: its connections, and the id of each one's member.
        self._rooms: dict[str, dict[Connection, str]] = {}

    def add(self, connection: Connection) -> None:
        """Know a connection that has not joined yet."""
        with self._lock:
            self._connections[connection] = None

    def discard(self, connection: Connection) -> None:
        """Forget a connection, and its room if it was the last one there."""
        with self._lock:
            name = self._connections.pop(connection, None)
            if name is not None:
                room = self._rooms[name]
                del room[connection]
                if not room:
                    del self._rooms[name]

    def join(self, connection: Connection, room: str, member_id: str) -> None:
        """Put a connection into a room; from now on it is given the room's messages."""
        with self._lock:
            self._connections[connection] = room
            self._rooms.setdefault(room, {})[connection] = member_id

    def deliver(self, room: str, messages: Sequence[Message]) -> None:
        """Give a room's new messages to each of its connections; only delivery calls this."""
        with self._lock:
            entry = self._rooms.get(room)
            if entry is None:
                return
            targets = tuple(entry)
        batch = Batch(messages)
        for connection in targets:
            connection.deliver(batch)

    def notify(self, room: str, frames: bytes, instead: Mapping[str, bytes]) -> None:
        """Send frames that are not from the log to a room.

        A member whose id is in `instead` is sent those frames in their place.
        """
        with self._lock:
            entry = self._rooms.get(room)
            targets = tuple(entry.items()) if entry else ()
        for connection, member_id in targets:
            if news := instead.get(member_id, frames):
                connection.enqueue(news)

    def rooms_count(self) -> int:
        """Count the rooms that have a connection here."""
        with self._lock:
            return len(self._rooms)

    def connections(self) -> tuple[Connection, ...]:
        """Give all open connections."""
        with self._lock:
            return tuple(self._connections)

    def connected_users(self) -> int:
        """Count members, and connections that have not joined yet."""
        with self._lock:
            members: set[str] = set()
            for room in self._rooms.values():
                members.update(room.values())
            waiting = sum(1 for room in self._connections.values() if room is None)
        return len(members) + waiting
