"""What is read on demand: older messages, those with some words, and the audit list."""

from __future__ import annotations

from collections.abc import Callable

from chat.log import MessageLog, Record
from chat.protocol import (
    Audit,
    AuditList,
    Bar,
    ErrorCode,
    Event,
    Find,
    Found,
    History,
    Older,
    Refused,
    rfc3339,
)
from chat.rooms.bars import now_ms, refuse_ended
from chat.rooms.delivery import Delivery
from chat.rooms.ledger import Budget
from chat.rooms.records import Records
from chat.rooms.session import Session
from chat.sockets.frames import encode_event

#: A search that finds nothing sends nothing, but may take the processor for 40 ms.
_FIND_BYTES = 65_536


class Reading:
    """The commands that read the log; each raises Refused and StorageUnavailable."""

    def __init__(self, log: MessageLog, records: Records, delivery: Delivery) -> None:
        self._log = log
        self._records = records
        self._delivery = delivery

    def history(self, session: Session, room: str, command: History) -> None:
        """Give the messages before a seq."""

        def read() -> Event:
            messages, more = self._delivery.page(room, command.before, command.limit)
            return Older(command.before, messages, more)

        self._give(session, room, read)

    def find(self, session: Session, room: str, command: Find) -> None:
        """Give the messages that have some words."""

        def read() -> Event:
            found = self._log.find(room, command.words, command.before, command.limit)
            return Found(command.words, found.messages, found.more, command.before, found.looked_to)

        self._give(session, room, read, least_bytes=_FIND_BYTES)

    def audit(self, session: Session, room: str, command: Audit) -> None:
        """Give an owner what was done in the room, or the operator the reports of all rooms."""
        session.require_owner(self._records.of(room))
        if command.everywhere and not session.is_operator:
            raise Refused(ErrorCode.NOT_OWNER, "Only the operator can see that.")

        def read() -> Event:
            limit = command.limit
            if command.everywhere:
                acts = self._log.reports(limit + 1)
            else:
                acts = self._log.deeds(room, command.before, limit + 1)
            with_bars = command.before is None and not command.everywhere
            bars = _bars(self._log.record(room)) if with_bars else ()
            return AuditList(command.before, acts[:limit], len(acts) > limit, bars)

        self._give(session, room, read)

    def _give(
        self, session: Session, room: str, read: Callable[[], Event], *, least_bytes: int = 0
    ) -> None:
        """Read in turn, and charge what is sent, but no less than `least_bytes`.

        The budget is looked at and charged within one turn: many connections of one address that
        ask at once would else all find that something is left.
        """
        refuse_ended(self._records.of(room), now_ms())
        account = session.account
        with self._delivery.turn():
            if account is not None:
                account.spend(Budget.SENT_BYTES, 0)
            size = _send_as_of_now(session, read)
            if account is not None:
                account.charge(Budget.SENT_BYTES, max(size, least_bytes))


def _send_as_of_now(session: Session, read: Callable[[], Event]) -> int:
    """Send what is read, before all that comes meanwhile; give its size in bytes.

    Else a message that is removed meanwhile would be given again, as it was, after its removal.
    """
    connection = session.connection
    if connection is None:
        return session.send(read())
    frame = b""
    connection.hold()
    try:
        frame = encode_event(read())
    finally:
        connection.go_on(frame)
    return len(frame)


def _bars(record: Record) -> list[Bar]:
    now = now_ms()
    holding = sorted(
        (bar for bar in record.bars if bar.until_ms > now), key=lambda bar: bar.until_ms
    )
    return [Bar(bar.member, bar.what, rfc3339(bar.until_ms)) for bar in holding]
