"""The people in one room, and their nicks. There is no lock here: presence has one."""

from __future__ import annotations

from typing import NamedTuple

from chat.names.faces import looks
from chat.protocol import Event, Member

_MEMBERS_RESERVATIONS = 3  # nicks kept for one member; its oldest go first
_LOOKS_LIMIT = 2000  # looks that are kept a room; see Roster._make_place


class Person:
    """A member in a room."""

    __slots__ = ("connections", "member", "renamed_at")

    def __init__(self, member: Member) -> None:
        self.member = member
        self.connections = 1
        self.renamed_at = float("-inf")  # monotonic seconds


class Reservation(NamedTuple):
    """A nick that stays a member's for a while."""

    member_id: str
    until: float  # monotonic seconds
    looks: tuple[str, ...]


class Roster:
    """The people in one room, their nicks and those kept for others, and the room's news."""

    def __init__(self) -> None:
        self.people: dict[str, Person] = {}  # by member's id
        self.holders: dict[str, str] = {}  # look of a nick: id of the member who has it now
        self.reserved: dict[str, Reservation] = {}  # by look of the nick; the oldest first
        self.kept: dict[str, list[Reservation]] = {}  # the same by member's id, the oldest first
        self.news: list[Event] = []
        self.writing: set[str] = set()  # members whose typing is in the news

    def taken(self, nick: str, member_id: str, now: float) -> bool:
        """Tell whether a nick looks like one that is another member's."""
        for look in looks(nick):
            if self.holders.get(look, member_id) != member_id:
                return True
            kept = self.reserved.get(look)
            if kept is not None and kept.member_id != member_id and kept.until > now:
                return True
        return False

    def hold(self, nick: str, member_id: str) -> None:
        """Note that a member who is here has a nick."""
        for look in looks(nick):
            self._forget(self.reserved.get(look))
            self.holders[look] = member_id

    def reserve(self, nick: str, member_id: str, until: float) -> None:
        """Reserve a nick, until a time in monotonic seconds, for the member who had it."""
        new = Reservation(member_id, until, looks(nick))
        for look in new.looks:
            self.holders.pop(look, None)
            self._forget(self.reserved.get(look))
        mine = self.kept.get(member_id, [])
        if len(mine) == _MEMBERS_RESERVATIONS:
            self._forget(mine[0])
        self.kept.setdefault(member_id, []).append(new)
        self.reserved.update(dict.fromkeys(new.looks, new))
        while len(self.reserved) > _LOOKS_LIMIT:
            self._make_place()

    def _make_place(self) -> None:
        """Forget the oldest nick of the member with the most: who takes many loses them first."""
        greediest = max(self.kept.values(), key=len)  # the first of those who have as many
        self._forget(greediest[0])

    def _forget(self, reservation: Reservation | None) -> None:
        """Forget a reservation, if there is one."""
        if reservation is None:
            return
        for look in reservation.looks:
            del self.reserved[look]
        mine = self.kept[reservation.member_id]
        mine.remove(reservation)
        if not mine:
            del self.kept[reservation.member_id]

    def take_news(self) -> list[Event]:
        """Give the news, and forget them."""
        news, self.news = self.news, []
        self.writing.clear()
        return news

    def forget_expired(self, now: float) -> None:
        """Forget the reservations whose time is over."""
        while self.reserved:  # the oldest ends first
            oldest = next(iter(self.reserved.values()))
            if oldest.until > now:
                return
            self._forget(oldest)
