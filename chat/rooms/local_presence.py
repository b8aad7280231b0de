"""The people in the rooms of a process that serves alone: presence in its memory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from itertools import chain, islice
from threading import Condition, Thread
from time import monotonic, sleep, time

from chat.names.faces import looks
from chat.names.nicks import free_nick, guest_nick, visitor_nick
from chat.protocol import Event, Joined, Left, Member, Renamed
from chat.rooms.announcer import Announcer
from chat.rooms.presence import (
    ANNOUNCE_EVERY_S,
    YOUNG_S,
    Arrival,
    News,
    RecentNicks,
    lately,
    nick_taken,
    renamed_too_soon,
)
from chat.rooms.roster import Person, Roster

_logger = logging.getLogger(__name__)

_ROOMS_LIMIT = 10_000  # rooms remembered for their reservations


class LocalPresence:
    """The people in the rooms of the one worker that there is, and their nicks."""

    def __init__(
        self,
        announcer: Announcer,
        recent_nicks: RecentNicks,
        *,
        leave_grace_s: float,
        nick_reservation_s: float,
        rename_every_s: float = 0.0,
        now_s: Callable[[], float] = monotonic,
    ) -> None:
        self._recent_nicks = recent_nicks
        self._leave_grace_s = leave_grace_s
        self._nick_reservation_s = nick_reservation_s
        self._rename_every_s = rename_every_s
        self._now_s = now_s
        self._young_until = now_s() + YOUNG_S
        # Guards everything below; tells the presence thread of news.
        self._changed = Condition()
        self._rooms: dict[str, Roster] = {}
        self._news = News(announcer)
        # When the leave grace of a member without a connection is over, by room and member's id;
        # and when no nick is reserved any more in a room that nobody is in. Monotonic seconds, the
        # soonest first: what is put in later also ends later. So each of them is in here once.
        self._leaving: dict[tuple[str, str], float] = {}
        self._empty: dict[str, float] = {}

    def start(self) -> None:
        """Start the presence thread; once, before the first join, in the process that serves."""
        Thread(target=self._run, name="presence", daemon=True).start()

    def close(self) -> None:
        """Do nothing: the thread ends with the process."""

    def join(
        self, room: str, member_id: str, nick: str | None, account: bytes | None = None
    ) -> Arrival:
        """Let a member in, as the contract says."""
        recent = self._recent(room)
        with self._changed:
            entry = self._entry(room, recent)
            person = entry.people.get(member_id)
            is_known = (
                person is not None or member_id in entry.kept or self._now_s() < self._young_until
            )
            if nick is None:
                nick = person.member.nick if person else self._free(entry, member_id, guest_nick())
            if person is not None:
                self._may_rename(person, nick)
            self._claim(entry, member_id, nick)
            if person is None:
                came_ms = int(time() * 1000)
                person = entry.people[member_id] = Person(Member(member_id, nick), account, came_ms)
                self._empty.pop(room, None)
                self._tell(room, Joined(person.member))
            else:
                person.connections += 1
                self._leaving.pop((room, member_id), None)
                self._rename(room, person, nick)
            return Arrival(person.member, is_known)

    def visit(
        self, room: str, member_id: str, nick: str | None, account: bytes | None = None
    ) -> Member:
        """Give a member that may not be in the room, as the contract says."""
        recent = self._recent(room)
        with self._changed:
            entry, now = self._entry(room, recent), self._now_s()
            if (person := entry.people.get(member_id)) is not None:
                return person.member
            if nick is None:
                last = entry.last_nick(member_id, now)
                nick = last or self._free(entry, member_id, visitor_nick(member_id))
            self._refuse_taken(entry, member_id, nick)
            entry.forget_expired(now)
            entry.reserve(nick, member_id, now + self._nick_reservation_s, account)
            if not entry.people:
                self._empties(room)
            return Member(member_id, nick)

    def leave(self, room: str, member_id: str) -> None:
        """Note that a connection of a member has ended; the leave grace follows the last one."""
        with self._changed:
            person = self._rooms[room].people[member_id]
            person.connections -= 1
            if person.connections == 0:
                self._leaving[room, member_id] = self._now_s() + self._leave_grace_s
                self._changed.notify()

    def rename(self, room: str, member_id: str, nick: str) -> None:
        """Give a member another nick, as the contract says."""
        with self._changed:
            entry = self._rooms[room]
            self._may_rename(entry.people[member_id], nick)
            self._claim(entry, member_id, nick)
            self._rename(room, entry.people[member_id], nick)

    def typing(self, room: str, member_id: str) -> None:
        """Tell the others that a member is writing."""
        with self._changed:
            self._news.tell_typing(room, self._rooms[room].people[member_id].member)
            self._changed.notify()

    def member(self, room: str, member_id: str) -> Member:
        """Give a member with its present nick; it must have a connection in the room."""
        with self._changed:
            return self._rooms[room].people[member_id].member

    def members(self, room: str) -> list[Member]:
        """List who is in a room, in the order of arrival."""
        with self._changed:
            entry = self._rooms.get(room)
            return [person.member for person in entry.people.values()] if entry else []

    def people(self, room: str) -> list[tuple[Member, int]]:
        """List who is in a room, with the time of arrival, as the contract says."""
        with self._changed:
            entry = self._rooms.get(room)
            people = entry.people.values() if entry else ()
            return [(person.member, person.came_ms) for person in people]

    def is_occupied(self, room: str) -> bool:
        """Tell whether anybody is in a room."""
        with self._changed:
            entry = self._rooms.get(room)
            return entry is not None and bool(entry.people)

    def rooms(self) -> list[str]:
        """List the rooms in which anybody is, in the order of their names."""
        with self._changed:
            return sorted(room for room, entry in self._rooms.items() if entry.people)

    def _recent(self, room: str) -> Sequence[tuple[Member, float]]:
        """Read who spoke lately in a room of which nothing is known. Raises StorageUnavailable."""
        with self._changed:
            if room in self._rooms:
                return ()
        return lately(self._recent_nicks, room, self._nick_reservation_s, time())

    # --- with the lock held ----------------------------------------------------------

    def _entry(self, room: str, recent: Sequence[tuple[Member, float]]) -> Roster:
        """Give a room; one that is not known begins with the nicks of those who spoke lately."""
        entry = self._rooms.get(room)
        if entry is None:
            self._make_place()
            entry = self._rooms[room] = self._remembering(recent)
            self._empties(room)
        return entry

    def _make_place(self) -> None:
        """Forget the room that has been empty for longest, if too many are remembered."""
        if len(self._rooms) >= _ROOMS_LIMIT and self._empty:
            self._forget(next(iter(self._empty)))

    def _empties(self, room: str) -> None:
        """Note that nobody is in a room, and how long its nicks stay reserved."""
        self._empty.pop(room, None)
        self._empty[room] = self._now_s() + self._nick_reservation_s
        self._changed.notify()

    def _forget(self, room: str) -> None:
        """Forget a room that nobody is in."""
        del self._rooms[room], self._empty[room]
        self._news.forget(room)

    def _remembering(self, recent: Sequence[tuple[Member, float]]) -> Roster:
        """Make a room in which the nicks of those who spoke lately are reserved."""
        entry, now = Roster(), self._now_s()
        for member, ago_s in recent:
            entry.reserve(member.nick, member.id, now + self._nick_reservation_s - ago_s)
        return entry

    def _free(self, entry: Roster, member_id: str, nick: str) -> str:
        """Give a nick, or one like it if it is another member's."""
        now = self._now_s()
        if entry.taken(nick, member_id, now):
            return free_nick(nick, lambda other: entry.taken(other, member_id, now))
        return nick

    def _refuse_taken(self, entry: Roster, member_id: str, nick: str) -> None:
        if (free := self._free(entry, member_id, nick)) != nick:
            raise nick_taken(free)

    def _claim(self, entry: Roster, member_id: str, nick: str) -> None:
        self._refuse_taken(entry, member_id, nick)
        entry.hold(nick, member_id)

    def _may_rename(self, person: Person, nick: str) -> None:
        wait_s = person.renamed_at + self._rename_every_s - self._now_s()
        if wait_s > 0 and nick != person.member.nick:
            raise renamed_too_soon(wait_s)

    def _rename(self, room: str, person: Person, nick: str) -> None:
        member_id, was = person.member.id, person.member.nick
        if was != nick:
            person.renamed_at = self._now_s()
            person.member = Member(member_id, nick)
            if looks(was) != looks(nick):
                until = self._now_s() + self._nick_reservation_s
                self._rooms[room].reserve(was, member_id, until, person.account)
                # The two nicks may have a look in common.
                self._rooms[room].hold(nick, member_id)
            self._tell(room, Renamed(person.member, was))

    def _tell(self, room: str, event: Event) -> None:
        self._news.tell(room, event)
        self._changed.notify()

    # --- on the presence thread --------------------------------------------------------

    def _run(self) -> None:
        while True:
            try:
                self._turn()
            except Exception:
                _logger.exception("presence: a bug; it goes on")
            sleep(ANNOUNCE_EVERY_S)  # so that more news are told together

    def _turn(self) -> None:
        """Wait for news, and tell them."""
        with self._changed:
            self._let_go()
            while not self._news:
                self._changed.wait(self._next_end_s())
                self._let_go()
            news = self._news.take()
        self._news.announce(news)

    def _next_end_s(self) -> float | None:
        """Give the seconds until a leave grace or an empty room's last reservation ends."""
        ends = chain(islice(self._leaving.values(), 1), islice(self._empty.values(), 1))
        soonest = min(ends, default=None)
        return None if soonest is None else max(0.0, soonest - self._now_s())

    def _let_go(self) -> None:
        """Remove members whose leave grace is over, and tell their rooms; forget empty rooms."""
        now = self._now_s()
        while self._leaving and (first := next(iter(self._leaving.items())))[1] <= now:
            (room, member_id), _ = first
            del self._leaving[room, member_id]
            self._remove(room, member_id, now)
        while self._empty and (end := next(iter(self._empty.items())))[1] <= now:
            self._forget(end[0])

    def _remove(self, room: str, member_id: str, now: float) -> None:
        entry = self._rooms[room]
        person = entry.people.pop(member_id)
        entry.forget_expired(now)
        until = now + self._nick_reservation_s
        entry.reserve(person.member.nick, member_id, until, person.account)
        if entry.people:
            self._tell(room, Left(person.member))
        else:
            self._empties(room)
