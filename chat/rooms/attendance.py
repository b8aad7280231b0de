"""Which sessions are in which room of this worker, and from where others were there just now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Lock
from time import monotonic

from chat.rooms.session import Session

_LATELY_S = 600.0  # for which the address of somebody who has gone is remembered
_LATELY_LIMIT = 10_000  # of them; the oldest go first


class Attendance:
    """The sessions in each room of this worker; from any thread.

    Addresses are in memory only, and of those who have gone no longer than ten minutes: so long
    somebody who is put out can be kept out with another key.
    """

    def __init__(self, now_s: Callable[[], float] = monotonic) -> None:
        self._now_s = now_s
        # Guards _rooms and _lately. Never held across I/O.
        self._lock = Lock()
        self._rooms: dict[str, set[Session]] = {}
        # When who was where, from which address; monotonic seconds, the oldest first.
        self._lately: dict[tuple[str, str, str], float] = {}

    def enter(self, session: Session, room: str) -> None:
        """Note that a session is in a room, or about to be let in."""
        with self._lock:
            self._rooms.setdefault(room, set()).add(session)

    def leave(self, session: Session, room: str, *, remember: bool = False) -> None:
        """Note that a session is no longer in a room; remember its address for a while."""
        with self._lock:
            sessions = self._rooms[room]
            sessions.discard(session)
            if not sessions:
                del self._rooms[room]
            if remember and session.address:
                now = self._now_s()
                self._forget(now)
                place = (room, session.member_id, session.address)
                self._lately.pop(place, None)
                self._lately[place] = now

    def sessions(self, room: str) -> tuple[Session, ...]:
        """Give the sessions in a room."""
        with self._lock:
            return tuple(self._rooms.get(room, ()))

    def addresses(self, room: str, member_id: str) -> set[str]:
        """Give the addresses from which a member is in a room, or was lately."""
        with self._lock:
            self._forget(self._now_s())
            return set(self._addresses(room, member_id))

    def _addresses(self, room: str, member_id: str) -> Iterator[str]:
        for session in self._rooms.get(room, ()):
            if session.member_id == member_id and session.address:
                yield session.address
        for place, who, address in self._lately:
            if place == room and who == member_id:
                yield address

    def _forget(self, now: float) -> None:
        """Forget the addresses that are too old, or too many."""
        while self._lately:
            oldest, at = next(iter(self._lately.items()))
            if now - at <= _LATELY_S and len(self._lately) < _LATELY_LIMIT:
                return
            del self._lately[oldest]
