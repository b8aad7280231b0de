"""The rooms with people on this worker, and how far each was given out. No I/O.

A worker learns of a room's entries in two ways, from its own posts and from its channel, in any
order. Each entry is given out once, and only ever the one that follows the last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock

from chat.log.scripts import Diverged, Head, Share
from chat.protocol import Message
from chat.redis.partitions import partition_of

_WAITING_LIMIT = 20  # shares of a room that wait for one before them; more are read again


class _Room:
    """How far a room was given out."""

    __slots__ = ("head", "waiting")

    def __init__(self, head: Head) -> None:
        self.head = head
        self.waiting: dict[int, Share] = {}  # by the first seq


class Followed:
    """The rooms that are followed: any thread adds one, the log's writer thread does the rest."""

    def __init__(self) -> None:
        # Guards which rooms there are.
        self._lock = Lock()
        self._rooms: dict[str, _Room] = {}

    def __contains__(self, room: str) -> bool:
        return room in self._rooms

    def add(self, room: str, head: Head) -> None:
        """Follow a room from here on, unless it is followed already.

        `head` was read after the first of its people came, and before they read the log.
        """
        with self._lock:
            self._rooms.setdefault(room, _Room(head))

    def head(self, room: str) -> Head | None:
        """Give the last entry that was given out; None for a room that is not followed."""
        found = self._rooms.get(room)
        return None if found is None else found.head

    def offer(self, room: str, share: Share) -> tuple[list[Message], bool]:
        """Give the messages that may be given out now, and whether some before them are missing.

        Raises Diverged when an entry that was given out is another one now.
        """
        found = self._rooms.get(room)
        if found is None:
            return [], False
        ready: list[Message] = []
        next_share: Share | None = share
        while next_share is not None:
            messages, at_ms = next_share
            due = found.head.seq + 1
            first, last = messages[0].seq, messages[-1].seq
            if first > due:
                if len(found.waiting) < _WAITING_LIMIT:
                    found.waiting[first] = next_share
                return ready, True
            if last == found.head.seq and at_ms != found.head.at_ms:
                raise Diverged(f"the room {room!r} has another entry {last}")
            if last >= due:
                ready += messages[due - first :]
                found.head = Head(last, at_ms)
            next_share = self._next_waiting(found)
        return ready, bool(found.waiting)

    @staticmethod
    def _next_waiting(found: _Room) -> Share | None:
        """Take the share that waited for what was given out last."""
        for first in sorted(found.waiting):
            if first > found.head.seq + 1:
                return None
            return found.waiting.pop(first)
        return None

    def drop(self, rooms: Iterable[str]) -> None:
        """Follow rooms no longer."""
        with self._lock:
            for room in rooms:
                self._rooms.pop(room, None)

    def drop_empty(self, is_occupied: Callable[[str], bool]) -> None:
        """Follow the rooms no longer in which nobody is."""
        for room in tuple(self._rooms):
            # Looked at with the lock held: whoever comes is in its room first, and then follows it.
            with self._lock:
                if not is_occupied(room):
                    self._rooms.pop(room, None)

    def by_partition(self) -> dict[int, list[str]]:
        """Give the rooms of each partition that has some."""
        found: dict[int, list[str]] = {}
        with self._lock:
            rooms = tuple(self._rooms)
        for room in rooms:
            found.setdefault(partition_of(room), []).append(room)
        return found
