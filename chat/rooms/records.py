"""The records of the rooms in which somebody is here, as the log last told them.

Every post asks what the room's rules say, so they are in memory. The log's writer tells of each
change, some milliseconds after its commit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from threading import Lock
from typing import NamedTuple

from chat.log import MessageLog, Record
from chat.protocol import Entry, Pinned, Removed, RulesSet


class _Kept(NamedTuple):
    """A record, and the newest entry that the room was given here since it is known."""

    record: Record
    seq: int
    is_late: bool = False  # one of these entries has changed it, and that was not told yet


class Records:
    """What is known of the rooms in which somebody is here; from any thread."""

    def __init__(self, log: MessageLog, is_occupied: Callable[[str], bool]) -> None:
        self._log = log
        self._is_occupied = is_occupied
        self.changes = 0  # that were told, in all rooms; another log is one
        # Guards _kept. Never held across I/O.
        self._lock = Lock()
        self._kept: dict[str, _Kept] = {}

    def of(self, room: str) -> Record:
        """Give the record of a room. Raises StorageUnavailable where it must be read.

        It is read also in the moment between an entry that has changed it and the news of that:
        whoever has seen that nobody may write cannot write any more.
        """
        kept = self._kept.get(room)
        return self.read(room) if kept is None or kept.is_late else kept.record

    def as_of(self, room: str, seq: int) -> Record:
        """Give the record of a room that is not older than an entry, for whoever comes in.

        Once the room is occupied, after the log was read to that entry: so nothing is missed, and
        the writer tells of each later change. Raises StorageUnavailable.
        """
        kept = self._kept.get(room)
        if kept is None or kept.is_late or kept.seq < seq:
            return self.read(room, seq)
        return kept.record

    def read(self, room: str, seq: int = 0) -> Record:
        """Read the record of a room, after its log was read to a seq, and keep it if it is new."""
        changes = self.changes
        record = self._log.record(room)
        with self._lock:
            if self._is_occupied(room) and self.changes == changes:
                # What is kept already is kept up to date, and may be newer than what was read.
                self._kept.setdefault(room, _Kept(record, seq))
        return record

    def is_made(self, room: str) -> bool:
        """Tell whether a room in which somebody is here has an owner key."""
        kept = self._kept.get(room)
        return kept is not None and kept.record.owner is not None

    # --- what the log tells, on its writer thread -----------------------------------------

    def committed(self, room: str, entries: Sequence[Entry]) -> None:
        """Note that a room is given entries, before they are delivered."""
        with self._lock:
            kept = self._kept.get(room)
            if kept is None:
                return
            is_late = kept.is_late or any(_changes(entry, kept.record) for entry in entries)
            self._kept[room] = _Kept(kept.record, entries[-1].seq, is_late)

    def take(self, room: str, record: Record) -> Record:
        """Take the record that a room has now, and give the one before."""
        with self._lock:
            self.changes += 1
            kept = self._kept.get(room)
            if self._is_occupied(room):
                self._kept[room] = _Kept(record, -1 if kept is None else kept.seq)
        return Record() if kept is None else kept.record

    def forget(self, room: str) -> None:
        """Forget a room, unless somebody is still there."""
        with self._lock:
            if not self._is_occupied(room):
                self._kept.pop(room, None)

    def drop(self, rooms: Collection[str] | None) -> None:
        """Forget what is known of these rooms (None: of all), whose log is another one now."""
        with self._lock:
            self.changes += 1
            for room in tuple(self._kept) if rooms is None else rooms:
                self._kept.pop(room, None)


def _changes(entry: Entry, record: Record) -> bool:
    """Tell whether a room has another record since an entry."""
    if isinstance(entry, Removed):
        return entry.target is not None and entry.target == record.pin
    return isinstance(entry, Pinned | RulesSet)
