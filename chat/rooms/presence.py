"""Presence: the people in each room, and their nicks. The contract that every engine keeps.

A member has one nick a room, however many connections. It leaves when the last of them
has been gone for the leave grace, so that a reload or a lost network is no departure.
Its nick stays reserved for a while after that. Nothing here touches the log: what is
announced may be lost, and a room that is forgotten relearns from the log the reservations of
those who spoke lately.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from chat.names.rooms import room_in_log
from chat.protocol import ErrorCode, Event, IsTyping, Member, Refused
from chat.rooms.amounts import too_fast
from chat.rooms.announcer import Announcer
from chat.rooms.session import Session

_logger = logging.getLogger(__name__)

ANNOUNCE_EVERY_S = 0.05  # a crowd that comes at once is announced in one piece
YOUNG_S = 600.0  # from its start a server cannot know who was here before
MEMBERS_RESERVATIONS = 3  # nicks kept for one member; its oldest go first
LOOKS_LIMIT = 2000  # looks that are kept a room: who keeps most loses the oldest first

#: Gives who posted in a room since a time, and when; milliseconds since 1970. The log's.
RecentNicks = Callable[[str, int], Sequence[tuple[Member, int]]]


class Arrival(NamedTuple):
    """What a join has come to."""

    member: Member
    is_known: bool  # it is or lately was in the room; or nobody knows that it was not


class Presence(Protocol):
    """The people in the rooms of this worker, and their nicks; from any thread.

    Where several workers share the rooms, these are the people of all workers.
    """

    def start(self) -> None:
        """Start the threads; once, before the first join, in the process that serves."""

    def close(self) -> None:
        """Tell nothing any more; in a process that is about to end."""

    def join(
        self, room: str, member_id: str, nick: str | None, account: bytes | None = None
    ) -> Arrival:
        """Let a member in with one more connection, and take the nick for it.

        `account` is what its address is known by, which all keys that its people make up have in
        common. Where too many nicks are reserved, the account with the most loses its oldest first.

        Without a nick it keeps the one it has, or gets a guest's. Raises Refused
        (`nick_taken`) when the nick looks like one that is another member's, or (`rate_limited`)
        when it is another one than before, too soon; StorageUnavailable when it cannot be known
        whose the nick is.
        """

    def leave(self, room: str, member_id: str) -> None:
        """Note that a connection of a member has ended; the leave grace follows the last one."""

    def rename(self, room: str, member_id: str, nick: str) -> None:
        """Give a member another nick.

        Raises Refused (`nick_taken`, `rate_limited`) and StorageUnavailable, like `join`.
        """

    def typing(self, room: str, member_id: str) -> None:
        """Tell the others that a member is writing."""

    def member(self, room: str, member_id: str) -> Member:
        """Give a member with its present nick; it must have a connection in the room, here."""

    def members(self, room: str) -> list[Member]:
        """List who is in a room, in the order of arrival.

        Raises StorageUnavailable where nobody of this worker is in the room, and others cannot be
        asked.
        """

    def people(self, room: str) -> list[tuple[Member, int]]:
        """List who is in a room, with the time of arrival: milliseconds since 1970.

        Raises StorageUnavailable, like `members`.
        """

    def visit(
        self, room: str, member_id: str, nick: str | None, account: bytes | None = None
    ) -> Member:
        """Give a member under whose nick something is posted by somebody who need not be there.

        Who is in the room has the nick that it has there. Who is not has the nick that it gives, or
        else the last one that is kept for it, or a guest's; it stays its own for a while, like that
        of somebody who has left. `account` is as in `join`.

        Raises Refused (`nick_taken`) and StorageUnavailable, like `join`.
        """

    def is_occupied(self, room: str) -> bool:
        """Tell whether anybody is in a room, at whatever worker. Raises StorageUnavailable."""

    def rooms(self) -> list[str]:
        """List the rooms in which anybody is, at whatever worker, in the order of their names.

        Raises StorageUnavailable.
        """


def sender(presence: Presence, session: Session, room: str) -> Member:
    """Give the member that a session in a room is, with its present nick."""
    return session.visitor or presence.member(room, session.member_id)


def member_here(presence: Presence, room: str, member_id: str) -> Member:
    """Name a member who is in a room; without a nick, if it is not."""
    here = presence.members(room)
    return next((each for each in here if each.id == member_id), Member(member_id, ""))


class News:
    """What the rooms are to be told, gathered. There is no lock here: presence has one."""

    def __init__(self, announcer: Announcer) -> None:
        self._announcer = announcer
        self._events: dict[str, list[Event]] = {}  # by room
        self._writing: set[tuple[str, str]] = set()  # room and member: whose typing is in there

    def __bool__(self) -> bool:
        return bool(self._events)

    def tell(self, room: str, event: Event) -> None:
        """Note what a room is to be told."""
        self._events.setdefault(room, []).append(event)

    def tell_typing(self, room: str, member: Member) -> None:
        """Note that somebody is writing, once for all who gather meanwhile."""
        if (room, member.id) not in self._writing:
            self._writing.add((room, member.id))
            self.tell(room, IsTyping(member))

    def forget(self, room: str) -> None:
        """Forget what a room was to be told."""
        self._events.pop(room, None)

    def take(self) -> dict[str, list[Event]]:
        """Give the news of each room, and forget them."""
        events, self._events = self._events, {}
        self._writing.clear()
        return events

    def announce(self, news: dict[str, list[Event]]) -> None:
        """Tell each room what was taken; on the presence thread, without the lock."""
        for room, events in news.items():
            try:
                self._announcer.announce(room, events)
            except Exception:
                _logger.exception("presence: news of room %s not told", room_in_log(room))


def lately(
    recent_nicks: RecentNicks, room: str, reservation_s: float, now: float
) -> list[tuple[Member, float]]:
    """Read from the log who spoke within the reservation, and how many seconds ago.

    `now` is the time of the log's clock, in seconds since 1970. Raises StorageUnavailable. Call it
    without a lock: a slow disk would stop everybody.
    """
    recent = recent_nicks(room, int((now - reservation_s) * 1000))
    return [(member, max(0.0, now - at_ms / 1000)) for member, at_ms in recent]


def nick_taken(suggest: str) -> Refused:
    """Make the refusal of a nick that looks like another member's."""
    return Refused(
        ErrorCode.NICK_TAKEN,
        "Somebody here has this nick, or one that looks like it.",
        suggest=suggest,
    )


def renamed_too_soon(wait_s: float) -> Refused:
    """Make the refusal of one more change of nick."""
    return too_fast("You have just changed your nick: wait a moment.", wait_s)
