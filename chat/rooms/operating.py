"""What the operator asks, and does, beyond what owners do in a room; on a request's thread."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from threading import Condition
from typing import Any

from chat.log import Activity, Draft, Listed, MessageLog, Record, StorageUnavailable
from chat.protocol import CloseCode, Entry, ErrorCode, Member, Refused
from chat.rooms.door import Door
from chat.rooms.presence import Presence
from chat.rooms.registry import Registry
from chat.rooms.session import Session
from chat.rooms.visits import Guest


class Operating:
    """The log and the people of all rooms, for the operator alone."""

    def __init__(self, log: MessageLog, registry: Registry, presence: Presence, door: Door) -> None:
        self._log = log
        self._registry = registry
        self._presence = presence
        self._door = door

    def require(self, guest: Guest) -> None:
        """Raise Refused (`not_owner`, `rate_limited`) unless a guest is the operator."""
        session = Session(lambda _event: 0, account=guest.account)
        if guest.owner is not None:
            self._door.take_owner(session, Record(), guest.owner)
        if not (guest.is_operator or session.is_operator):
            raise Refused(ErrorCode.NOT_OWNER, "Only the operator can do that.")

    def rooms(self, after: str, limit: int) -> list[Listed]:
        """List rooms in the order of their names, those after a name."""
        return self._log.rooms(after, limit)

    def people(self) -> list[tuple[str, Member, int]]:
        """List who is in which room, since when: milliseconds since 1970."""
        return [
            (room, member, came_ms)
            for room in self._presence.rooms()
            for member, came_ms in self._presence.people(room)
        ]

    def activity(self, since_ms: int) -> Activity:
        """Give the posts of each hour since a time."""
        return self._log.activity(since_ms)

    def prune(self, room: str, last: int) -> int:
        """Delete the oldest entries of a room, up to a seq; give how many."""
        return self._log.prune(room, last)

    def add_past(self, room: str, drafts: Sequence[Draft], within_s: float) -> int:
        """Store messages of the past behind those of a room; give how many were new.

        Raises StorageUnavailable when that is not known within the time: ask again.
        """
        adding = _Adding(drafts)
        self._registry.follow(room, adding)
        try:
            followed = self._log.follow(room)
            for draft in drafts:
                self._log.append(draft._replace(followed=followed), adding.answer)
            return adding.wait(within_s)
        finally:
            self._registry.unfollow(room, adding)


class _Adding:
    """Drafts on their way into a room's log: which of them is stored, or was before."""

    def __init__(self, drafts: Collection[Draft]) -> None:
        # Guards all below; tells of a change.
        self._changed = Condition()
        self._waiting = {(draft.member.id, draft.id) for draft in drafts}
        self._new = 0
        self._problem: Exception | None = None

    def deliver(self, entries: Sequence[Entry]) -> None:
        """Note what was stored; on the log's writer thread."""
        with self._changed:
            for entry in entries:
                if (entry.member.id, entry.id) in self._waiting:
                    self._waiting.discard((entry.member.id, entry.id))
                    self._new += 1
            self._changed.notify_all()

    def close(self, _code: CloseCode) -> None:
        """Wait no longer."""
        self.answer(StorageUnavailable("the server stops, or the log is another one: ask again"))

    def answer(self, outcome: Any) -> None:
        """Note what did not become a new entry; on the log's writer thread."""
        with self._changed:
            if isinstance(outcome, Exception):
                self._problem = self._problem or outcome
            else:
                self._waiting.discard((outcome.member.id, outcome.id))
            self._changed.notify_all()

    def wait(self, within_s: float) -> int:
        """Wait until all are stored; give how many were new. Raises Refused, StorageUnavailable."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting or self._problem, within_s)
            if self._problem is not None:
                raise self._problem
            if self._waiting:
                raise StorageUnavailable("it is not known yet what was stored: ask again")
            return self._new
