"""What is said: posts, and what their authors and owners do to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chat.config import Settings
from chat.log import Draft, MessageLog, Proposal, Record
from chat.protocol import (
    Change,
    Edit,
    Erase,
    ErrorCode,
    Pin,
    Post,
    Refused,
    Remove,
    clean_text,
)
from chat.rooms.answers import answer_to
from chat.rooms.bars import now_ms, refuse_ended, refuse_writing
from chat.rooms.ledger import Budget
from chat.rooms.presence import Presence, member_here, sender
from chat.rooms.records import Records
from chat.rooms.session import Session
from chat.rooms.turns import MemberAmount, Turns

_NO_MESSAGE = 2**53 - 1  # seq of none: the last one of all


class Conversation:
    """The commands that become entries of the log, but for the rules.

    Each is done on its connection's thread, and raises Refused and StorageUnavailable. Whether its
    target may be changed is the log's business, and answered later.
    """

    def __init__(
        self,
        settings: Settings,
        log: MessageLog,
        records: Records,
        presence: Presence,
        turns: Turns,
        often: MemberAmount,
    ) -> None:
        self._log = log
        self._records = records
        self._presence = presence
        self._turns = turns
        self._often = often
        self._edit_within_s = settings.chat_edit_within_s

    def post(self, session: Session, room: str, command: Post) -> None:
        """Say something."""
        text = clean_text(command.text)
        record = self._records.of(room)
        refuse_ended(record, now_ms())
        self._count(session, room, len(text.encode()))
        self._may_write(session, record)
        answer = answer_to(session, command)
        give_back = None
        if record.rules.pace_s and not session.owns(record):
            give_back = self._turns.take(room, session.member_id, record.rules.pace_s)
            answer = _both(give_back, answer)
        member = sender(self._presence, session, room)
        try:
            draft = Draft(room, command.id, member, text, command.reply, session.followed)
            self._log.append(draft, answer)
        except BaseException:
            if give_back is not None:
                give_back()
            raise

    def edit(self, session: Session, room: str, command: Edit) -> None:
        """Write one's own message anew."""
        text = clean_text(command.text)
        record = self._records.of(room)
        refuse_ended(record, now_ms())
        if not self._edit_within_s:
            raise Refused(ErrorCode.TOO_LATE, "Messages are not edited on this server.")
        self._count(session, room, len(text.encode()))
        self._may_write(session, record)
        edit = Edit(command.id, command.target, text)
        self._append(session, room, edit, within_s=self._edit_within_s)

    def remove(self, session: Session, room: str, command: Remove) -> None:
        """Take back one's own message, or remove anybody's as an owner."""
        if (command.target is None) == (command.post is None):
            raise Refused(ErrorCode.BAD_COMMAND, "Name either a target or a post.")
        record = self._records.of(room)
        refuse_ended(record, now_ms())
        self._count(session, room)
        self._append(session, room, command, is_owner=session.owns(record))

    def pin(self, session: Session, room: str, command: Pin) -> None:
        """Let everybody see a message under the header, as an owner."""
        record = self._records.of(room)
        refuse_ended(record, now_ms())
        session.require_owner(record)
        self._count(session, room)
        self._append(session, room, command, is_owner=True)

    def erase(self, session: Session, room: str, command: Erase) -> None:
        """Take back all of one's own messages, or remove all of a member's as an owner."""
        record = self._records.of(room)
        refuse_ended(record, now_ms())
        is_own = command.member in (None, session.member_id)
        if not is_own:
            session.require_owner(record)
        if session.account is not None:
            session.account.spend(Budget.REPORTS if is_own else Budget.ACTS)
            self._often.spend(room, session.member_id)
        if is_own:
            self._append(session, room, command)
        else:
            whom = member_here(self._presence, room, command.member or "")
            self._append(session, room, command, is_owner=True, whom=whom)

    def answer_repeated(
        self, session: Session, room: str, command: Post | Change, refused: Refused
    ) -> None:
        """Answer a command that may not be done now, but may have been done when it could be.

        Its answer may have been lost, or the rules or the owner key may be others since. So the log
        is asked for a pin of no message with its id: what was done is answered, and what was not is
        refused. Raises StorageUnavailable.
        """
        answer = answer_to(session, command)

        def answer_original(outcome: Any) -> None:
            answer(refused if isinstance(outcome, Refused) else outcome)

        member = sender(self._presence, session, room)
        self._log.append(Proposal(room, member, Pin(command.id, _NO_MESSAGE)), answer_original)

    @staticmethod
    def _may_write(session: Session, record: Record) -> None:
        """Raise Refused for who may not write now."""
        if not session.owns(record):
            refuse_writing(record, session.member_id, now_ms())

    def _count(self, session: Session, room: str, size: int = 0) -> None:
        """Count an entry as a post of its address."""
        if session.account is not None:
            session.account.post(room, size)

    def _append(self, session: Session, room: str, command: Change, **fields: Any) -> None:
        member = sender(self._presence, session, room)
        proposal = Proposal(room, member, command, followed=session.followed, **fields)
        self._log.append(proposal, answer_to(session, command))


def _both(first: Callable[[], None], answer: Callable[[Any], None]) -> Callable[[Any], None]:
    def both(outcome: Any) -> None:
        first()
        answer(outcome)

    return both
