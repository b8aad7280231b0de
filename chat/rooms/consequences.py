"""What follows when a room has another record: who is told, who is put out, and the end.

All of it is on the log's writer thread, on each worker that has somebody in the room.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable
from math import ceil

from chat.log import MessageLog, Proposal, Record, StorageUnavailable
from chat.names.rooms import room_in_log
from chat.protocol import Acted, CloseCode, Deed, Ended, Event, Member, Muted, PutOut, rfc3339
from chat.rooms.attendance import Attendance
from chat.rooms.bars import MUTE, PUT_OUT, barred_until, bars_for, now_ms
from chat.rooms.records import Records
from chat.rooms.session import Session

_logger = logging.getLogger(__name__)


class Consequences:
    """What the sessions of a room are told of its record, besides its entries."""

    def __init__(self, log: MessageLog, records: Records, attendance: Attendance) -> None:
        self._log = log
        self._records = records
        self._attendance = attendance

    def acted(self, room: str, record: Record, deed: Deed | None) -> None:
        """Take a room's record as it is now, and do what follows from what has changed."""
        before = self._records.take(room, record)
        # Who is just coming in reads the record again (arrival.py).
        sessions = [each for each in self._attendance.sessions(room) if each.room is not None]
        if record.ended_at is not None:
            _close(room, sessions, CloseCode.ENDED, Ended(record.ended_at))
            return
        if deed is not None:
            _tell_owners(room, record, deed, sessions)
        if record.bars != before.bars:
            self._follow_bars(room, before, record, sessions)

    def _follow_bars(
        self, room: str, before: Record, record: Record, sessions: Iterable[Session]
    ) -> None:
        now = now_ms()
        barred = [each for each in sessions if not each.owns(record)]
        for session in barred:
            was = barred_until(before, session.member_id, MUTE, now)
            until = barred_until(record, session.member_id, MUTE, now)
            if was != until:
                _send(room, [session], Muted(None if until is None else rfc3339(until)))
        for bar in record.bars:
            if bar.what == PUT_OUT and bar.until_ms > now and bar not in before.bars:
                who = bar.member
                self._bar_addresses(room, record, who, bar.until_ms)
                theirs = [each for each in barred if each.member_id == who.id]
                _close(room, theirs, CloseCode.REMOVED)

    def _bar_addresses(self, room: str, record: Record, who: Member, until_ms: int) -> None:
        """Let the log keep the addresses out from which a member is here, or was lately."""
        addresses = bars_for(record, self._attendance.addresses(room, who.id), until_ms)
        if not addresses:
            return
        # No command of a client has a dot in its id.
        command = PutOut(f".{secrets.token_hex(8)}", who.id, ceil((until_ms - now_ms()) / 1000))
        proposal = Proposal(room, who, command, is_owner=True, whom=who, addresses=addresses)

        def answer(outcome: object) -> None:
            if isinstance(outcome, Exception):
                _not_kept_out(room, outcome)

        try:
            self._log.append(proposal, answer)
        except StorageUnavailable as problem:
            _not_kept_out(room, problem)


def _tell_owners(room: str, record: Record, deed: Deed, sessions: Iterable[Session]) -> None:
    """Tell owners what was done; who has the key from before is told last that it was changed."""
    owners = []
    for session in sessions:
        owns = session.owns(record)
        if owns or (session.was_owner and deed.what == "rekey"):
            owners.append(session)
        session.was_owner = owns
    _send(room, owners, Acted(deed))


def _close(
    room: str, sessions: Iterable[Session], code: CloseCode, last: Event | None = None
) -> None:
    """Close some sessions, after a last event."""
    for session in sessions:
        if last is not None:
            _send(room, [session], last)
        session.close(code)


def _send(room: str, sessions: Iterable[Session], event: Event) -> None:
    """Send an event to some sessions; what goes wrong with one of them ends that one alone."""
    for session in sessions:
        try:
            session.send(event)
        except Exception:
            said = "room %s: a bug; a connection is closed"
            _logger.exception(said, room_in_log(room), extra=session.ids)
            if session.connection is not None:
                session.connection.give_up()


def _not_kept_out(room: str, problem: Exception) -> None:
    _logger.warning("room %s: an address is not kept out: %s", room_in_log(room), problem)
