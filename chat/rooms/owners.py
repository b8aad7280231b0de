"""What owners do with their room, and what is reported to them."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from chat.log import MessageLog, Proposal, Record
from chat.names.keys import owner_hash
from chat.names.rooms import HOME
from chat.protocol import (
    Change,
    End,
    ErrorCode,
    Mute,
    PutOut,
    Refused,
    Rekey,
    Report,
    SetRules,
    read_time,
    rfc3339,
)
from chat.rooms.answers import answer_to
from chat.rooms.attendance import Attendance
from chat.rooms.bars import now_ms, refuse_ended
from chat.rooms.ledger import Budget
from chat.rooms.presence import Presence, member_here, sender
from chat.rooms.records import Records
from chat.rooms.session import Session
from chat.rooms.turns import MemberAmount

_LONGEST_MS = 10 * 366 * 86_400_000  # from now until a room ends, at most: ten years


class Owners:
    """The commands of owners, and reports.

    Each is done on its connection's thread, and raises Refused and StorageUnavailable.
    """

    def __init__(
        self,
        log: MessageLog,
        records: Records,
        presence: Presence,
        attendance: Attendance,
        often: MemberAmount,
    ) -> None:
        self._log = log
        self._records = records
        self._presence = presence
        self._attendance = attendance
        self._often = often

    def set_rules(self, session: Session, room: str, command: SetRules) -> None:
        """Change the room's rules."""
        self._owned(session, room)
        if command.ends_at is not UNSET and command.ends_at is not None:
            if room == HOME:
                raise _endless()
            command = replace(command, ends_at=clean_end(command.ends_at))
        if session.account is not None:
            session.account.post(room, 0)
        known = self._known(room) if command.locked is True else ()
        self._append(session, room, command, known=known)

    def mute(self, session: Session, room: str, command: Mute) -> None:
        """Let a member not write for a time, or write again."""
        self._owned(session, room)
        self._spare_owners(room, command.member, command.for_s)
        _spend(session, Budget.ACTS)
        self._append(session, room, command, whom=member_here(self._presence, room, command.member))

    def put_out(self, session: Session, room: str, command: PutOut) -> None:
        """Put a member out for a time, or let it come again."""
        self._owned(session, room)
        self._spare_owners(room, command.member, command.for_s)
        _spend(session, Budget.ACTS)
        # An address is kept out for newcomers only: who is here, or has written, is none.
        known = self._known(room) if command.for_s else ()
        whom = member_here(self._presence, room, command.member)
        self._append(session, room, command, whom=whom, known=known)

    def report(self, session: Session, room: str, command: Report) -> None:
        """Let whoever looks after the room know of a message."""
        refuse_ended(self._records.of(room), now_ms())
        if session.account is not None:
            session.account.spend(Budget.REPORTS)
            self._often.spend(room, session.member_id)
        self._append(session, room, command, is_owner=False)

    def rekey(self, session: Session, room: str, command: Rekey) -> None:
        """Change the owner key of a made room; the one before is nobody's then."""
        record = self._owned(session, room)
        if record.owner is None:
            raise Refused(ErrorCode.BAD_COMMAND, "This room has no owner key.")
        _spend(session, Budget.ACTS)
        session.keep_owner(owner_hash(command.owner))
        self._append(session, room, command)

    def end(self, session: Session, room: str, command: End) -> None:
        """End the room now."""
        self._owned(session, room)
        if room == HOME:
            raise _endless()
        _spend(session, Budget.ACTS)
        self._append(session, room, command)

    def _owned(self, session: Session, room: str) -> Record:
        """Give the record of a room. Raises Refused unless the session owns it."""
        record = self._records.of(room)
        refuse_ended(record, now_ms())
        session.require_owner(record)
        return record

    def _spare_owners(self, room: str, member_id: str, for_s: int) -> None:
        """Raise Refused for somebody who is known here to own the room; bars hold for no owner."""
        theirs = [each for each in self._attendance.sessions(room) if each.member_id == member_id]
        if not (for_s and theirs):
            return
        record = self._log.record(room)  # the key may have been changed just now
        if any(each.owns(record) for each in theirs):
            raise Refused(ErrorCode.BAD_COMMAND, "This person owns the room: change its key first.")

    def _known(self, room: str) -> list[str]:
        """Give who is no newcomer: whose entries are in the log, and who is here."""
        here = (each.id for each in self._presence.members(room))
        return list(dict.fromkeys((*here, *self._log.members(room))))

    def _append(
        self, session: Session, room: str, command: Change, *, is_owner: bool = True, **fields: Any
    ) -> None:
        member = sender(self._presence, session, room)
        proposal = Proposal(room, member, command, is_owner, followed=session.followed, **fields)
        self._log.append(proposal, answer_to(session, command))


def clean_end(ends_at: str) -> str:
    """Give the time at which a room is to end as it is kept.

    Raises Refused (`bad_command`) for what is no time, is over, or is more than ten years away.
    """
    at, now = read_time(ends_at), now_ms()
    if not now < at <= now + _LONGEST_MS:
        raise Refused(ErrorCode.BAD_COMMAND, "A room ends in the future, within ten years.")
    return rfc3339(at)


def _endless() -> Refused:
    return Refused(ErrorCode.BAD_COMMAND, "This room does not end.")


def _spend(session: Session, budget: Budget) -> None:
    if session.account is not None:
        session.account.spend(budget)
