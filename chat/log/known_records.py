"""Which records were told here, by their versions. No I/O.

Each change gives a room's record another version, and the partition the same one as its newest. So
as long as a partition's newest version is the one at which a room was compared, its record is the
same too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from time import monotonic

from chat.redis.partitions import by_partition

_LIMIT = 100_000  # rooms; what is more is not told of changes
_ASKED_FOR_S = 60.0  # for which a room is known that somebody asked about, and nobody is in


class _Known:
    """A room's record, as it was told."""

    __slots__ = ("asked_at", "compared_at", "version")

    def __init__(self, version: str, asked_at: float) -> None:
        self.version = version
        self.asked_at = asked_at  # monotonic seconds
        self.compared_at: str | None = None  # the newest version of the partition


class KnownRecords:
    """The records that are known here: any thread notes one, the log's writer does the rest."""

    def __init__(self) -> None:
        # Guards which rooms there are.
        self._lock = Lock()
        self._rooms: dict[str, _Known] = {}

    def note(self, room: str, version: str) -> None:
        """Note what somebody has just read; if something else was told, it is compared again."""
        with self._lock:
            found = self._rooms.get(room)
            if found is None:
                if len(self._rooms) < _LIMIT:
                    self._rooms[room] = _Known(version, monotonic())
                return
            found.asked_at = monotonic()
            if found.version != version:
                found.compared_at = None

    def told(self, room: str, version: str) -> None:
        """Note what everybody here was told."""
        with self._lock:
            found = self._rooms.get(room)
            if found is not None:
                found.version, found.compared_at = version, None

    def drop(self, rooms: Iterable[str]) -> None:
        """Know nothing of rooms any more."""
        with self._lock:
            for room in rooms:
                self._rooms.pop(room, None)

    def drop_unused(self, is_followed: Callable[[str], bool]) -> None:
        """Know the rooms no longer that are not followed, and that nobody asked about lately."""
        long_ago = monotonic() - _ASKED_FOR_S
        with self._lock:
            rooms = tuple(self._rooms.items())
        unused = [room for room, known in rooms if known.asked_at < long_ago]
        self.drop(room for room in unused if not is_followed(room))

    def by_partition(self) -> dict[int, list[str]]:
        """Give the rooms of each partition that has some."""
        with self._lock:
            rooms = tuple(self._rooms)
        return by_partition(rooms)

    def to_compare(self, newest: Mapping[int, str]) -> dict[int, list[str]]:
        """Give the rooms whose records may be others now; `newest` has each partition's version."""
        return {
            partition: rooms
            for partition, all_rooms in self.by_partition().items()
            if partition in newest
            and (rooms := [each for each in all_rooms if self._is_open(each, newest[partition])])
        }

    def _is_open(self, room: str, newest: str) -> bool:
        found = self._rooms.get(room)
        return found is not None and found.compared_at != newest

    def compare(self, room: str, version: str, newest: str) -> bool:
        """Tell whether the record that was told is the one that Redis has."""
        found = self._rooms.get(room)
        if found is None:
            return True
        if found.version == version:
            found.compared_at = newest
        return found.version == version
