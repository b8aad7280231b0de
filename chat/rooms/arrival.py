"""Making a room, and coming into one."""

from __future__ import annotations

import logging
from hmac import compare_digest

from msgspec import UNSET
from msgspec.structs import replace

from chat import protocol
from chat.config import Settings
from chat.log import MessageLog, Proposal, Record, StorageUnavailable
from chat.metrics import Metrics
from chat.names.keys import (
    member_id,
    new_key,
    new_owner_key,
    owner_hash,
    private_room,
)
from chat.names.nicks import clean_nick
from chat.names.rooms import HOME, clean_room, clean_title, room_in_log
from chat.protocol import (
    CloseCode,
    ErrorCode,
    Join,
    Made,
    Make,
    Member,
    Message,
    Refused,
    Welcome,
    rfc3339,
)
from chat.rooms.answers import answer_to, storage_error
from chat.rooms.attendance import Attendance
from chat.rooms.bars import (
    MUTE,
    barred_until,
    now_ms,
    refuse_ended,
)
from chat.rooms.delivery import Delivery, Replay, ReplayFailed
from chat.rooms.door import Door
from chat.rooms.ledger import Budget
from chat.rooms.owners import clean_end
from chat.rooms.presence import Presence
from chat.rooms.records import Records
from chat.rooms.registry import Registry
from chat.rooms.session import Session
from chat.sockets.frames import encode_event

_logger = logging.getLogger(__name__)


class Arrival:
    """The commands before a session is in a room; each is done on its connection's thread."""

    def __init__(
        self,
        settings: Settings,
        log: MessageLog,
        registry: Registry,
        delivery: Delivery,
        records: Records,
        presence: Presence,
        attendance: Attendance,
        door: Door,
        metrics: Metrics,
        *,
        page: str,
    ) -> None:
        """Prepare; `page` is the version of the page that this server gives."""
        self._log = log
        self._registry = registry
        self._delivery = delivery
        self._records = records
        self._presence = presence
        self._attendance = attendance
        self._door = door
        self._metrics = metrics
        self._page_version = page
        self._limits = protocol.Limits(
            retention_messages=settings.chat_retention_messages,
            edit_within_s=settings.chat_edit_within_s,
        )

    # --- making --------------------------------------------------------------------------

    def make(self, session: Session, command: Make) -> None:
        """Make a room on purpose; with the owner key of one that is made, say so again.

        Raises Refused, and StorageUnavailable when the log cannot help.
        """
        if session.room is not None:
            raise Refused(ErrorCode.ALREADY_JOINED, "Make a room before you join one.")
        key = command.owner or new_owner_key()
        if command.private == (command.room is not None):
            raise Refused(ErrorCode.BAD_COMMAND, "A room has a name, or is private.")
        room = private_room(key) if command.room is None else clean_room(command.room)
        title = clean_title(command.title) if command.private else ""
        if room == HOME:
            raise _room_exists()
        record = self._log.record(room)
        if record.owner is not None and compare_digest(record.owner, owner_hash(key)):
            refuse_ended(record, now_ms())
            session.send(Made(room, key))
            return
        ends_at = None if command.ends_at is None else clean_end(command.ends_at)
        if session.account is not None:
            session.account.spend(Budget.NEW_ROOMS)
        refuse_ended(record, now_ms())
        if record.owner is not None or self._presence.is_occupied(room):
            raise _room_exists()
        cleaned = replace(command, room=room, title=title, ends_at=ends_at, owner=key)
        self._log.append(Proposal(room, Member("", ""), cleaned), answer_to(session, command))

    # --- coming in -----------------------------------------------------------------------

    def join(self, session: Session, command: Join) -> None:
        """Let a session into a room. Raises Refused, and StorageUnavailable."""
        connection = session.connection
        if connection is None:
            raise Refused(ErrorCode.BAD_COMMAND, "Only a WebSocket can join a room.")
        connection.asks_for_room()
        if session.room is not None:
            raise Refused(ErrorCode.ALREADY_JOINED, "This connection is in a room already.")
        room = clean_room(command.room)
        nick = None if command.nick is None else clean_nick(command.nick)
        key = command.key or new_key()
        account = session.account
        if account is not None:
            account.enter(room)
        session.member_id = member_id(key)
        session.forget_owner()

        def welcome(replay: Replay) -> bytes:
            return self._let_in(session, room, nick, key, command, replay)

        # Before the record is read: whoever is put out from now on is found here.
        self._attendance.enter(session, room)
        try:
            self._delivery.join(connection, room, session.member_id, command.after, welcome)
        except ReplayFailed:
            self._metrics.refusals.add(1, ErrorCode.STORAGE_UNAVAILABLE)
            connection.abandon(encode_event(storage_error(command)), CloseCode.RESTARTING)
            self._registry.part(connection)
        finally:
            if session.room is None:
                self._attendance.leave(session, room)
                self._records.forget(room)

    def _let_in(
        self,
        session: Session,
        room: str,
        nick: str | None,
        key: str,
        command: Join,
        replay: Replay,
    ) -> bytes:
        """Decide whether somebody may come in, and write the welcome.

        The connection is registered, and the log was read: nothing that comes is missed. Raises
        Refused, and StorageUnavailable.
        """
        changes = self._records.changes
        record = self._records.as_of(room, replay.seq)
        if command.owner is not None:
            self._door.take_owner(session, record, command.owner)
        self._door.refuse_barred(session, room, record)
        account = session.account
        of = None if account is None else account.key
        member, is_known = self._presence.join(room, session.member_id, nick, of)
        session.followed = replay.followed
        session.room = room  # whoever is put out from now on is found by its session
        if self._records.changes != changes:
            record = self._look_again(session, room)
        session.was_owner = session.owns(record)
        frame = encode_event(self._welcome(session, room, key, member, record, replay))
        if account is not None:
            account.charge(Budget.SENT_BYTES, len(frame))
            if replay.resumed and replay.seq and command.key and is_known:
                account.resumed()
        self._count(session, room, replay)
        return frame

    def _count(self, session: Session, room: str, replay: Replay) -> None:
        """Count a join, and what it was given of what it missed."""
        metrics, given = self._metrics, len(replay.messages) + len(replay.changes)
        metrics.joins.add()
        if replay.resumed:
            metrics.resumes.add()
            metrics.resumed_entries.add(given)
        elif replay.gap is not None:
            metrics.resets.add(1, replay.gap)
            metrics.reset_messages.add(given, replay.gap)
        how = "resumed" if replay.resumed else replay.gap or "new"
        line = "join room %s %s, %d entries"
        _logger.debug(line, room_in_log(room), how, given, extra=session.ids)

    def _look_again(self, session: Session, room: str) -> Record:
        """Read the record again: another one was told while somebody came in."""
        try:
            record = self._records.read(room)
            self._door.refuse_barred(session, room, record)
        except (Refused, StorageUnavailable):
            session.room = None
            self._presence.leave(room, session.member_id)
            raise
        return record

    def _welcome(
        self,
        session: Session,
        room: str,
        key: str,
        member: Member,
        record: Record,
        replay: Replay,
    ) -> Welcome:
        owns = session.owns(record)
        muted = None if owns else barred_until(record, member.id, MUTE, now_ms())
        return Welcome(
            room=room,
            epoch=replay.epoch,
            seq=replay.seq,
            member=member,
            key=key,
            members=self._presence.members(room),
            messages=replay.messages,
            more=replay.more,
            resumed=replay.resumed,
            limits=self._limits,
            page=self._page_version,
            at=replay.at or UNSET,
            gap=replay.gap or UNSET,
            changes=replay.changes or UNSET,
            owner=owns,
            operator=session.is_operator,
            made=record.owner is not None,
            title=record.title,
            rules=record.rules,
            pin=self._pinned(room, record, replay),
            muted=UNSET if muted is None else rfc3339(muted),
        )

    def _pinned(self, room: str, record: Record, replay: Replay) -> Message | None:
        """Give the message that is pinned."""
        if record.pin is None:
            return None
        here = [each for each in replay.messages if each.seq == record.pin]
        found = here or self._log.before(room, record.pin + 1, 1).messages
        return found[0] if found and found[0].seq == record.pin and not found[0].removed else None


def _room_exists() -> Refused:
    return Refused(ErrorCode.ROOM_EXISTS, "There is such a room already: choose another name.")
