"""The people in one room, and their nicks. There is no lock here: presence has one."""

from __future__ import annotations

from chat.names.nicks import looks
from chat.protocol import Event, Member

_RESERVATIONS_LIMIT = 2000  # looks remembered a room; the oldest go first


class Person:
    """A member in a room."""

    __slots__ = ("connections", "member", "renamed_at")

    def __init__(self, member: Member) -> None:
        self.member = member
        self.connections = 1
        self.renamed_at = float("-inf")  # monotonic seconds


class Roster:
    """The people in one room, their nicks and those kept for others, and the room's news."""

    def __init__(self) -> None:
        self.people: dict[str, Person] = {}  # by member's id
        self.holders: dict[str, str] = {}  # look of a nick: id of the member who has it now
        # Look of a nick: id of the member who had it, and until when it stays that member's.
        self.reserved: dict[str, tuple[str, float]] = {}
        self.news: list[Event] = []
        self.writing: set[str] = set()  # members whose typing is in the news

    def taken(self, nick: str, member_id: str, now: float) -> bool:
        """Tell whether a nick looks like one that is another member's."""
        for look in looks(nick):
            owner, until = self.reserved.get(look, (member_id, 0.0))
            if self.holders.get(look, member_id) != member_id or (
                owner != member_id and until > now
            ):
                return True
        return False

    def hold(self, nick: str, member_id: str) -> None:
        """Note that a member who is here has a nick."""
        for look in looks(nick):
            self.reserved.pop(look, None)
            self.holders[look] = member_id

    def reserve(self, nick: str, member_id: str, until: float) -> None:
        """Reserve a nick, until a time in monotonic seconds, for the member who had it."""
        for look in looks(nick):
            self.holders.pop(look, None)
            self.reserved.pop(look, None)  # the newest last
            self.reserved[look] = (member_id, until)
            if len(self.reserved) > _RESERVATIONS_LIMIT:
                del self.reserved[next(iter(self.reserved))]

    def take_news(self) -> list[Event]:
        """Give the news, and forget them."""
        news, self.news = self.news, []
        self.writing.clear()
        return news

    def forget_expired(self, now: float) -> None:
        """Forget the reservations whose time is over."""
        while self.reserved:  # the oldest ends first
            look, (_, until) = next(iter(self.reserved.items()))
            if until > now:
                return
            del self.reserved[look]
