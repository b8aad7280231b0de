"""The people in one room, and their nicks. There is no lock here: presence has one."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

from chat.names.faces import looks
from chat.protocol import Member
from chat.rooms.presence import LOOKS_LIMIT, MEMBERS_RESERVATIONS

#: What an address is known by, or else the member's id.
AnyAccount = Hashable


class Person:
    """A member in a room."""

    __slots__ = ("account", "came_ms", "connections", "member", "renamed_at")

    def __init__(self, member: Member, account: AnyAccount, came_ms: int = 0) -> None:
        self.member = member
        self.came_ms = came_ms  # milliseconds since 1970
        self.account = account
        self.connections = 1
        self.renamed_at = float("-inf")  # monotonic seconds


class Reservation(NamedTuple):
    """A nick that stays a member's for a while."""

    member_id: str
    account: AnyAccount
    until: float  # monotonic seconds
    nick: str
    looks: tuple[str, ...]  # of which another nick may have taken some over


class Roster:
    """The people in one room, their nicks and those kept for others."""

    def __init__(self) -> None:
        self.people: dict[str, Person] = {}  # by member's id
        self.holders: dict[str, str] = {}  # look of a nick: id of the member who has it now
        self.reserved: dict[str, Reservation] = {}  # by look of the nick; the oldest first
        # The same by member's id, and by account; the oldest first.
        self.kept: dict[str, list[Reservation]] = {}
        self.of_account: dict[AnyAccount, list[Reservation]] = {}

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
            self._take(look)
            self.holders[look] = member_id

    def reserve(self, nick: str, member_id: str, until: float, account: AnyAccount = None) -> None:
        """Reserve a nick, until a time in monotonic seconds, for the member who had it."""
        new = Reservation(member_id, account or member_id, until, nick, looks(nick))
        for look in new.looks:
            self.holders.pop(look, None)
            self._take(look)
        mine = self.kept.get(member_id, [])
        if len(mine) == MEMBERS_RESERVATIONS:
            self._forget(mine[0])
        self.kept.setdefault(member_id, []).append(new)
        self.of_account.setdefault(new.account, []).append(new)
        self.reserved.update(dict.fromkeys(new.looks, new))
        while len(self.reserved) > LOOKS_LIMIT:
            self._make_place()

    def last_nick(self, member_id: str, now: float) -> str | None:
        """Give the nick that is kept for a member since the last time; None for none."""
        kept = self.kept.get(member_id)
        return kept[-1].nick if kept and kept[-1].until > now else None

    def _make_place(self) -> None:
        """Forget the oldest nick of the account with the most: who takes many loses them first."""
        greediest = max(self.of_account.values(), key=len)  # the first of those who have as many
        self._forget(greediest[0])

    def _take(self, look: str) -> None:
        """Take a look out of the reservation that has it, which stays for its other looks."""
        kept = self.reserved.pop(look, None)
        if kept is not None and not any(self.reserved.get(each) is kept for each in kept.looks):
            self._forget(kept)

    def _forget(self, reservation: Reservation) -> None:
        for look in reservation.looks:
            if self.reserved.get(look) is reservation:
                del self.reserved[look]
        _remove(self.kept, reservation.member_id, reservation)
        _remove(self.of_account, reservation.account, reservation)

    def forget_expired(self, now: float) -> None:
        """Forget the reservations whose time is over."""
        while self.reserved:  # the oldest ends first
            oldest = next(iter(self.reserved.values()))
            if oldest.until > now:
                return
            self._forget(oldest)


def _remove(kept: dict[Any, list[Reservation]], key: AnyAccount, reservation: Reservation) -> None:
    mine = kept[key]
    mine.remove(reservation)
    if not mine:
        del kept[key]
