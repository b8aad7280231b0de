"""When each member may do again what it may do only now and then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from time import monotonic

from chat.protocol import PACE_LIMIT_S, Entry, ErrorCode, Message, Refused
from chat.rooms.amounts import Amount, rounded_up, too_fast
from chat.rooms.bars import now_ms
from chat.rooms.presence import RecentNicks

_MEMBERS_LIMIT = 10_000  # that are remembered, in each room with a pace, and of those who report


class Turns:
    """When the members of rooms with a pace posted last; from any thread.

    It is learned from the log, and then from the tail. So it holds over all workers, but for posts
    that one member sends to two of them within the milliseconds that a commit takes.
    """

    def __init__(self, recent_nicks: RecentNicks, now_s: Callable[[], float] = monotonic) -> None:
        self._recent_nicks = recent_nicks
        self._now_s = now_s
        # Guards _rooms. Never held across I/O.
        self._lock = Lock()
        self._rooms: dict[str, dict[str, float]] = {}  # monotonic seconds; the oldest first

    def take(self, room: str, member_id: str, pace_s: int) -> Callable[[], None]:
        """Take a member's turn to post; give what to call if nothing comes of the post.

        Raises Refused (`too_soon`), and StorageUnavailable where the log must be read first.
        """
        if room not in self._rooms:
            self._learn(room, pace_s)
        now = self._now_s()
        with self._lock:
            posted = self._rooms.setdefault(room, {})
            before = posted.get(member_id)
            if before is not None and (wait_s := before + pace_s - now) > 0:
                raise Refused(
                    ErrorCode.TOO_SOON,
                    "Not so soon after your last message here.",
                    retry_after=rounded_up(wait_s),
                )
            self._note(posted, member_id, now)

        def give_back() -> None:
            with self._lock:
                posted = self._rooms.get(room, {})
                if posted.get(member_id) == now:
                    del posted[member_id]
                    if before is not None:
                        self._note(posted, member_id, before)

        return give_back

    def committed(self, room: str, entries: Sequence[Entry]) -> None:
        """Note who has posted, also at other workers; on the log's writer thread."""
        if room not in self._rooms:
            return
        now = self._now_s()
        with self._lock:
            posted = self._rooms.get(room, {})
            for entry in entries:
                if isinstance(entry, Message):
                    self._note(posted, entry.member.id, now)

    def forget(self, room: str) -> None:
        """Forget a room, in which nobody is here any more, or whose log is another one."""
        with self._lock:
            self._rooms.pop(room, None)

    def _learn(self, room: str, pace_s: int) -> None:
        with self._lock:
            self._rooms.setdefault(room, {})  # from here on, the tail tells
        at_ms = now_ms()
        recent = self._recent_nicks(room, at_ms - pace_s * 1000)
        now = self._now_s()
        learned = {
            member.id: now - max(0, at_ms - posted_ms) / 1000
            for member, posted_ms in sorted(recent, key=lambda each: each[1])
        }
        with self._lock:
            self._rooms[room] = {**learned, **self._rooms.get(room, {})}

    def _note(self, posted: dict[str, float], member_id: str, at: float) -> None:
        """Note when a member posted last, and forget who may post again anyway."""
        posted.pop(member_id, None)
        posted[member_id] = at
        while posted:
            oldest = next(iter(posted))
            if posted[oldest] > at - PACE_LIMIT_S and len(posted) <= _MEMBERS_LIMIT:
                return
            del posted[oldest]


class MemberAmount:
    """What each member of each room may do now and then, at this worker; from any thread."""

    def __init__(self, amount: Amount, now_s: Callable[[], float] = monotonic) -> None:
        self._amount = amount
        self._now_s = now_s
        # Guards _full_at.
        self._lock = Lock()
        self._full_at: dict[tuple[str, str], float] = {}  # monotonic seconds; the last to ask last

    def spend(self, room: str, member_id: str) -> None:
        """Count an act of a member. Raises Refused (`rate_limited`) for one too many."""
        now, who = self._now_s(), (room, member_id)
        with self._lock:
            full_at = self._amount.full_at(self._full_at.pop(who, 0.0), 1, now)
            wait_s = self._amount.wait_s(full_at, now)
            self._full_at[who] = full_at if wait_s <= 0 else full_at - self._amount.back_s(1)
            if len(self._full_at) > _MEMBERS_LIMIT:
                del self._full_at[next(iter(self._full_at))]
        if wait_s > 0:
            raise too_fast("You have done this often: wait a moment.", wait_s)
