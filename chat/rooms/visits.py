"""Stays in a room without a connection: how a request over HTTP does what the socket does.

A visitor sends commands, and waits for what becomes of them; and it follows a room's log. It is not
among the people of the room, so nobody is told that it comes and goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Condition
from time import monotonic
from typing import NamedTuple

import msgspec

from chat.log import MessageLog, Missed, Record
from chat.names.keys import member_id
from chat.names.nicks import clean_nick
from chat.names.rooms import clean_room
from chat.protocol import (
    WELCOME_MESSAGES,
    Act,
    Acted,
    AnyCommand,
    CloseCode,
    Done,
    End,
    Ended,
    Entry,
    Erase,
    Event,
    Gap,
    Make,
    Member,
    Muted,
    Remove,
    Seen,
)
from chat.rooms.attendance import Attendance
from chat.rooms.delivery import NEWEST, Delivery
from chat.rooms.door import Door
from chat.rooms.ledger import Account
from chat.rooms.presence import Presence
from chat.rooms.records import Records
from chat.rooms.registry import Registry
from chat.rooms.session import Session
from chat.rooms.turns import Turns

#: What a session is told that is no answer to its command.
_NO_ANSWERS = (Acted, Ended, Muted)


class Guest(NamedTuple):
    """Who asks: its member's key, and what else it may say of itself."""

    key: str
    owner: str | None = None  # the room's key, or the operator's token
    is_operator: bool = False  # the operator, who need not prove it
    account: Account | None = None  # its address's; None: nothing is limited
    address: str = ""  # what its subscriber has of the network; empty where that is unknown


class Outcome(NamedTuple):
    """What became of a command."""

    event: Event  # an entry, an answer, or an error
    is_new: bool  # the entry did not exist before


class Following(NamedTuple):
    """What a room's log has after a place, and the place that it leads to."""

    entries: Sequence[Entry]  # oldest first, as they are now
    place: Seen  # after the last of them
    more: bool  # there are further ones already
    gap: Gap | None = None  # why these do not follow the place that was asked for


class Visitor:
    """A sender of commands that waits for what becomes of each."""

    def __init__(self, do: Callable[[Session, AnyCommand], None], guest: Guest) -> None:
        self._do = do
        self.session = Session(
            self._take, account=guest.account, address=guest.address, close=self.close
        )
        self.session.member_id = member_id(guest.key)
        self.session.is_operator = guest.is_operator
        # Guards all below; tells of a change.
        self._changed = Condition()
        self._command: AnyCommand | None = None  # that was not answered yet
        self._outcome: Outcome | None = None
        self._has_news = False
        self.closed_with: CloseCode | None = None

    def do(self, command: AnyCommand, within_s: float) -> Outcome | None:
        """Do a command; None if what becomes of it is not known within that time.

        Raises Refused, and StorageUnavailable.
        """
        with self._changed:
            self._command, self._outcome = command, None
        self._do(self.session, command)
        with self._changed:
            self._changed.wait_for(lambda: self._outcome or self.closed_with, within_s)
            self._command = None
            return self._outcome

    def watch(self) -> None:
        """Begin to look for news: what is read of the log from now on has all before."""
        with self._changed:
            self._has_news = False

    def wait(self, within_s: float) -> None:
        """Wait for entries that were committed since `watch`."""
        with self._changed:
            self._changed.wait_for(lambda: self._has_news or self.closed_with, within_s)

    # --- from any thread ---------------------------------------------------------------------

    def deliver(self, entries: Sequence[Entry]) -> None:
        """Take note of a room's new entries."""
        with self._changed:
            self._has_news = True
            for entry in entries:
                if self._is_answer(entry):
                    self._outcome = Outcome(entry, is_new=True)
            self._changed.notify_all()

    def close(self, code: CloseCode) -> None:
        """Wait no longer."""
        with self._changed:
            self.closed_with = code
            if code is CloseCode.ENDED and isinstance(self._command, End):
                self._outcome = Outcome(Done(self._command.id), is_new=True)
            self._changed.notify_all()

    def _take(self, event: Event) -> int:
        """Take an answer; give its size in bytes."""
        with self._changed:
            if self._command is not None and not isinstance(event, _NO_ANSWERS):
                self._outcome = Outcome(event, is_new=False)
                self._changed.notify_all()
        return len(msgspec.json.encode(event))

    def _is_answer(self, entry: Entry) -> bool:
        """Tell whether an entry is what became of the command; with the lock held."""
        command = self._command
        if not isinstance(command, Act) or isinstance(command, Erase):  # that is answered `done`
            return False
        ids = {command.id, command.post} if isinstance(command, Remove) else {command.id}
        return entry.id in ids and entry.member.id == self.session.member_id


class Visit:
    """One visitor's stay in one room; on its request's thread."""

    def __init__(
        self,
        room: str,
        visitor: Visitor,
        record: Record,
        log: MessageLog,
        delivery: Delivery,
        presence: Presence,
    ) -> None:
        self.room = room
        self.record = record
        self.session = visitor.session
        self._visitor = visitor
        self._log = log
        self._delivery = delivery
        self._presence = presence

    @property
    def is_over(self) -> bool:
        """Tell whether it may go on no longer: the server stops, or somebody was put out."""
        return self._visitor.closed_with is not None

    def be(self, nick: str | None) -> Member:
        """Take a nick for what is done from now on; without one, a guest's, always the same.

        Raises Refused (`nick_invalid`, `nick_taken`), and StorageUnavailable.
        """
        session = self.session
        wanted = None if nick is None else clean_nick(nick)
        of = None if session.account is None else session.account.key
        session.visitor = self._presence.visit(self.room, session.member_id, wanted, of)
        return session.visitor

    def do(self, command: AnyCommand, within_s: float) -> Outcome | None:
        """Do a command, as `Visitor.do`."""
        return self._visitor.do(command, within_s)

    def own(self, entry_id: str, member: str | None = None) -> Entry | None:
        """Give the entry for which a member, or this one, has used an id; None for none."""
        return self._log.own(self.room, member or self.session.member_id, entry_id)

    def people(self) -> list[tuple[Member, int]]:
        """List who is in the room, with the time of arrival: milliseconds since 1970."""
        return self._presence.people(self.room)

    def newest(self, limit: int) -> Following:
        """Give the last messages, and the place after them."""
        with self._delivery.turn():
            recent = self._log.before(self.room, NEWEST, limit + 1)
        place = Seen(recent.epoch, recent.head, recent.at)
        return Following(recent.messages[-limit:], place, more=False)

    def after(self, seen: Seen, limit: int, wait_s: float = 0.0) -> Following:
        """Give the first entries after a place; wait for one if there are none.

        Without an epoch nothing proves the place, and what the log has is given. Where the log is
        another one, the newest messages are given in place of what was missed; where entries are
        gone, the first of those that are left.
        """
        until = monotonic() + wait_s
        while True:
            self._visitor.watch()
            found = self._read(seen, limit)
            left_s = until - monotonic()
            if found.entries or found.gap or left_s <= 0:
                return found
            self._visitor.wait(left_s)
            if self.is_over:
                return found

    def _read(self, seen: Seen, limit: int) -> Following:
        with self._delivery.turn():
            missed = self._log.after(self.room, seen.seq, limit + 1)
        if (gap := _another_log(seen, missed)) is not None:
            return self.newest(WELCOME_MESSAGES)._replace(gap=gap)
        entries = missed.entries[:limit]
        if not entries:
            is_gone = seen.seq < missed.head
            place = Seen(missed.epoch, missed.head, None if is_gone else missed.at)
            return Following((), place, more=False, gap=Gap.SKIPPED if is_gone else None)
        is_gone = entries[0].seq != seen.seq + 1
        place = Seen(missed.epoch, entries[-1].seq, entries[-1].at)
        more = len(missed.entries) > limit
        return Following(entries, place, more, Gap.SKIPPED if is_gone else None)


class Visits:
    """The way in for those who have no connection; each on its request's thread."""

    def __init__(
        self,
        log: MessageLog,
        registry: Registry,
        delivery: Delivery,
        records: Records,
        presence: Presence,
        attendance: Attendance,
        turns: Turns,
        door: Door,
        do: Callable[[Session, AnyCommand], None],
        *,
        has_operator: bool,
    ) -> None:
        """Prepare; with an operator, people may be put out of every room."""
        self._has_operator = has_operator
        self._log = log
        self._registry = registry
        self._delivery = delivery
        self._records = records
        self._presence = presence
        self._attendance = attendance
        self._turns = turns
        self._door = door
        self._do = do

    def make(self, guest: Guest, command: Make, within_s: float) -> Outcome | None:
        """Make a room; as `Visitor.do`."""
        return Visitor(self._do, guest).do(command, within_s)

    @contextmanager
    def enter(self, name: str, guest: Guest) -> Iterator[Visit]:
        """Let a guest into a room for as long as the block lasts.

        Raises Refused for what would refuse its join, and StorageUnavailable.
        """
        room = clean_room(name)
        if guest.account is not None:
            guest.account.enter(room, joins=0)
        visitor = Visitor(self._do, guest)
        session = visitor.session
        # In this order, as in a join: whoever is put out from now on is found, and of what the log
        # has from now on nothing is missed.
        self._attendance.enter(session, room)
        self._registry.follow(room, visitor)
        try:
            session.followed = self._log.follow(room)
            record = self._let_in(session, room, guest)
            visit = Visit(room, visitor, record, self._log, self._delivery, self._presence)
            yield visit
        finally:
            self._registry.unfollow(room, visitor)
            may_be_put_out = self._has_operator or self._records.is_made(room)
            self._attendance.leave(session, room, remember=may_be_put_out)
            self._records.forget(room)
            if not self._registry.is_occupied(room):
                self._turns.forget(room)

    def _let_in(self, session: Session, room: str, guest: Guest) -> Record:
        """Decide whether a guest may come in. Raises Refused, and StorageUnavailable."""
        changes = self._records.changes
        record = self._records.of(room)
        if guest.owner is not None:
            self._door.take_owner(session, record, guest.owner)
        self._door.refuse_barred(session, room, record)
        session.room = room  # whoever is put out from now on is found by its session
        if self._records.changes != changes:  # another record was told meanwhile
            record = self._records.read(room)
            self._door.refuse_barred(session, room, record)
        session.was_owner = session.owns(record)
        return record


def _another_log(seen: Seen, missed: Missed) -> Gap | None:
    """Tell why a log is not the one in which somebody saw an entry; None if nothing says so."""
    if not seen.epoch:
        return None
    if seen.epoch != missed.epoch or seen.seq > missed.head:
        return Gap.LOST
    if seen.at is not None and missed.at is not None and seen.at != missed.at:
        return Gap.CHANGED
    return None
