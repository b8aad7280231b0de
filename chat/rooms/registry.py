"""The open connections, by room. Everything that is sent to a room goes through here.

One lock guards the tables. It is held while a list of connections is copied, and never while
anything is sent.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from threading import Lock
from typing import NamedTuple, Protocol

from chat.metrics import Metrics
from chat.names.rooms import room_in_log
from chat.protocol import CloseCode, Entry
from chat.sockets.connection import Connection
from chat.sockets.frames import Batch

_logger = logging.getLogger(__name__)


class Counted(NamedTuple):
    """What can be counted at a moment."""

    members: set[str]  # ids of those who have a connection
    rooms: set[str]  # that have one
    waiting: int  # connections that have not joined yet
    connections: int


class Follower(Protocol):
    """One who waits for what comes into a room, and has no connection there."""

    def deliver(self, entries: Sequence[Entry]) -> None:
        """Take note of a room's new entries; never wait."""

    def close(self, code: CloseCode) -> None:
        """Wait no longer."""


class Registry:
    """The open connections of this worker, and the rooms that they are in; from any thread."""

    def __init__(self, metrics: Metrics | None = None) -> None:
        self._metrics = metrics or Metrics()
        # Guards all below. Never held across I/O.
        self._lock = Lock()
        self._connections: dict[Connection, str | None] = {}  # connection: its room, once joined
        # Room: its connections, and the id of each one's member.
        self._rooms: dict[str, dict[Connection, str]] = {}
        self._followers: dict[str, set[Follower]] = {}  # by room; they are no people in it

    def add(self, connection: Connection) -> None:
        """Know a connection that has not joined yet."""
        with self._lock:
            self._connections[connection] = None

    def discard(self, connection: Connection) -> None:
        """Forget a connection, and its room if it was the last one there."""
        with self._lock:
            self._take_out(connection)
            self._connections.pop(connection, None)

    def join(self, connection: Connection, room: str, member_id: str) -> None:
        """Put a connection into a room; from now on it is given the room's entries."""
        with self._lock:
            self._connections[connection] = room
            self._rooms.setdefault(room, {})[connection] = member_id

    def part(self, connection: Connection) -> None:
        """Take a connection out of its room, into which it was not let after all."""
        with self._lock:
            self._take_out(connection)
            self._connections[connection] = None

    def follow(self, room: str, follower: Follower) -> None:
        """Let somebody who has no connection know of a room's entries from now on."""
        with self._lock:
            self._followers.setdefault(room, set()).add(follower)

    def unfollow(self, room: str, follower: Follower) -> None:
        """Forget such a one."""
        with self._lock:
            followers = self._followers[room]
            followers.discard(follower)
            if not followers:
                del self._followers[room]

    def deliver(self, room: str, entries: Sequence[Entry]) -> None:
        """Give a room's new entries to each of its connections; only delivery calls this."""
        with self._lock:
            targets = tuple(self._rooms.get(room, ()))
            followers = tuple(self._followers.get(room, ()))
        for follower in followers:
            try:
                follower.deliver(entries)
            except Exception:
                _logger.exception("room %s: a bug; a follower is let go", room_in_log(room))
                follower.close(CloseCode.RESTARTING)
        if not targets:
            return
        failed: list[tuple[Connection, Exception]] = []
        try:
            batch = Batch(entries)
        except Exception as error:  # noqa: BLE001 -- logged by _give_up
            # Nobody gets these entries here: whoever comes back reads them from the log.
            _give_up(room, [(connection, error) for connection in targets])
            return
        for connection in targets:
            try:
                connection.deliver(batch)
            except Exception as error:  # noqa: BLE001 -- logged by _give_up
                failed.append((connection, error))
        self._metrics.deliveries.add(len(entries) * (len(targets) - len(failed)))
        if failed:
            _give_up(room, failed)

    def notify(self, room: str, frames: bytes, instead: Mapping[str, Sequence[memoryview]]) -> None:
        """Send frames that are not from the log to a room.

        A member whose id is in `instead` is sent those pieces in their place.
        """
        with self._lock:
            entry = self._rooms.get(room)
            targets = tuple(entry.items()) if entry else ()
        everything = (frames,)
        failed: list[tuple[Connection, Exception]] = []
        for connection, member_id in targets:
            try:
                for piece in instead.get(member_id, everything):
                    connection.enqueue(piece)
            except Exception as error:  # noqa: BLE001 -- logged by _give_up
                failed.append((connection, error))
        if failed:
            _give_up(room, failed)

    def close(self, code: CloseCode, rooms: Collection[str] | None = None) -> None:
        """Close the connections in these rooms; all connections without rooms."""
        failed: list[tuple[Connection, Exception]] = []
        for follower in self._following(rooms):
            follower.close(code)
        for connection in self.connections() if rooms is None else self._in_rooms(rooms):
            try:
                connection.close(code)
            except Exception as error:  # noqa: BLE001 -- logged by _give_up
                failed.append((connection, error))
        if failed:
            _give_up("(all)", failed)

    def is_occupied(self, room: str) -> bool:
        """Tell whether a room has a connection here, or somebody who follows it."""
        with self._lock:
            return room in self._rooms or room in self._followers

    def rooms_count(self) -> int:
        """Count the rooms that have a connection here."""
        with self._lock:
            return len(self._rooms)

    def connections(self) -> tuple[Connection, ...]:
        """Give all open connections."""
        with self._lock:
            return tuple(self._connections)

    def _take_out(self, connection: Connection) -> None:
        """Take a connection out of its room, if it is in one; with the lock held."""
        name = self._connections.get(connection)
        if name is not None:
            room = self._rooms[name]
            del room[connection]
            if not room:
                del self._rooms[name]

    def _in_rooms(self, rooms: Collection[str]) -> list[Connection]:
        with self._lock:
            return [each for room in rooms for each in self._rooms.get(room, ())]

    def _following(self, rooms: Collection[str] | None) -> list[Follower]:
        with self._lock:
            names = tuple(self._followers) if rooms is None else rooms
            return [each for room in names for each in self._followers.get(room, ())]

    def connected_users(self) -> int:
        """Count members, and connections that have not joined yet."""
        counted = self.counted()
        return len(counted.members) + counted.waiting

    def counted(self) -> Counted:
        """Give what can be counted here, at one moment."""
        with self._lock:
            members: set[str] = set()
            for room in self._rooms.values():
                members.update(room.values())
            waiting = sum(1 for room in self._connections.values() if room is None)
            return Counted(members, set(self._rooms), waiting, len(self._connections))


def _give_up(room: str, failed: Sequence[tuple[Connection, Exception]]) -> None:
    """Close those for whom something failed, and nobody else; one traceback for all of them."""
    _logger.error(
        "room %s: a bug; %d connections are closed",
        room_in_log(room),
        len(failed),
        exc_info=failed[0][1],
    )
    for connection, _ in failed:
        connection.give_up()
