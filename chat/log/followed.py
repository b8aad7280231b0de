"""The rooms with people on this worker, and how far each was given out. No I/O.

A worker learns of a room's entries in two ways, from its own posts and from its channel, in any
order. Each entry is given out once, and only ever the one that follows the last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock
from typing import NamedTuple

from chat.log.redis_entries import NO_HEAD, Head, Share
from chat.log.scripts import Diverged
from chat.names.rooms import room_in_log
from chat.protocol import Deed, Entry
from chat.redis.partitions import by_partition

_WAITING_LIMIT = 20  # shares of a room that wait for one before them; more are read again


class Due(NamedTuple):
    """What may be given out of a room now."""

    entries: list[Entry]
    deeds: list[Deed | None]  # what was done with them; None: the record is another one
    is_behind: bool  # entries before what waits are missing


class FollowedRoom:
    """How far a room was given out; it stays with what its people send."""

    __slots__ = ("head", "is_over", "waiting")

    def __init__(self, head: Head) -> None:
        self.head = head
        self.is_over = False  # the log has become another one
        self.waiting: dict[int, list[Share]] = {}  # by the first seq


class Followed:
    """The rooms that are followed: any thread adds one, the log's writer thread does the rest."""

    def __init__(self) -> None:
        # Guards which rooms there are.
        self._lock = Lock()
        self._rooms: dict[str, FollowedRoom] = {}

    def __contains__(self, room: str) -> bool:
        return room in self._rooms

    def add(self, room: str, head: Head) -> FollowedRoom:
        """Follow a room from here on, unless it is followed already.

        `head` was read after the first of its people came, and before they read the log.
        """
        with self._lock:
            return self._rooms.setdefault(room, FollowedRoom(head))

    def get(self, room: str) -> FollowedRoom | None:
        """Give a room; None for one that is not followed."""
        return self._rooms.get(room)

    def head(self, room: str) -> Head | None:
        """Give the last entry that was given out; None for a room that is not followed."""
        found = self._rooms.get(room)
        return None if found is None else found.head

    def known(self, room: str, senders: Iterable[object]) -> Head:
        """Give the newest entry that the senders of some posts, for which it `holds`, may know."""
        if (head := self.head(room)) is not None:
            return head
        # They have left.
        heads = (each.head for each in senders if isinstance(each, FollowedRoom))
        return max(heads, default=NO_HEAD)

    def holds(self, room: str, sender: object) -> bool:
        """Tell whether the log is the one that the sender of a post knows.

        `sender` is the room as it was followed when the sender came. Whoever has left the room
        since may have been the last one.
        """
        if not isinstance(sender, FollowedRoom):
            return True  # the program itself
        return not sender.is_over and self._rooms.get(room, sender) is sender

    def offer(self, room: str, share: Share) -> Due:
        """Give what may be given out now; of a room that is not followed, all of it.

        Raises Diverged when an entry that was given out is another one now.
        """
        entries: list[Entry] = []
        deeds: list[Deed | None] = []
        found = self._rooms.get(room)
        if found is None:  # nobody is there; who did it may wait for it all the same
            done = list(share.deeds or (None,)) if share.version else deeds
            return Due(list(share.entries), done, is_behind=False)
        next_share: Share | None = share
        while next_share is not None:
            due, first, last = found.head.seq + 1, next_share.first, next_share.last
            if first > due:
                if sum(map(len, found.waiting.values())) < _WAITING_LIMIT:
                    found.waiting.setdefault(first, []).append(next_share)
                return Due(entries, deeds, is_behind=True)
            if first <= last == found.head.seq and next_share.at_ms != found.head.at_ms:
                raise Diverged(f"the room {room_in_log(room)!r} has another entry {last}")
            if last >= due:
                entries += next_share.entries[due - first :]
                found.head = Head(last, next_share.at_ms)
            if next_share.version:
                deeds += next_share.deeds or (None,)
            next_share = self._next_waiting(found)
        return Due(entries, deeds, bool(found.waiting))

    @staticmethod
    def _next_waiting(found: FollowedRoom) -> Share | None:
        """Take the share that waited for what was given out last."""
        for first in sorted(found.waiting):
            if first > found.head.seq + 1:
                return None
            share, *more = found.waiting.pop(first)
            if more:
                found.waiting[first] = more
            return share
        return None

    def drop(self, rooms: Iterable[str]) -> None:
        """Follow rooms no longer, because their log is another one."""
        with self._lock:
            for room in rooms:
                found = self._rooms.pop(room, None)
                if found is not None:
                    found.is_over = True

    def drop_empty(self, is_occupied: Callable[[str], bool]) -> None:
        """Follow the rooms no longer in which nobody is."""
        for room in tuple(self._rooms):
            # Looked at with the lock held: whoever comes is in its room first, and then follows it.
            with self._lock:
                if not is_occupied(room):
                    self._rooms.pop(room, None)

    def by_partition(self) -> dict[int, list[str]]:
        """Give the rooms of each partition that has some."""
        with self._lock:
            rooms = tuple(self._rooms)
        return by_partition(rooms)
