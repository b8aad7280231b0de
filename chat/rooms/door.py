"""Who may be in a room, and who may do there what owners may."""

from __future__ import annotations

from hmac import compare_digest

from chat.config import Settings
from chat.log import MessageLog, Record
from chat.names.keys import is_owner_key, owner_hash
from chat.protocol import ErrorCode, Refused
from chat.rooms.bars import (
    address_barred_until,
    banned,
    now_ms,
    refuse_ended,
    refuse_put_out,
)
from chat.rooms.ledger import Budget
from chat.rooms.presence import Presence
from chat.rooms.session import Session


class Door:
    """What is asked of everybody who comes, by a WebSocket or by a request; from any thread."""

    def __init__(self, settings: Settings, log: MessageLog, presence: Presence) -> None:
        self._log = log
        self._presence = presence
        self._token = settings.chat_admin_token.encode()

    def take_owner(self, session: Session, record: Record, given: str) -> None:
        """Know what an owner key, or the operator's token, lets a session do.

        Whoever tries keys has a budget for wrong ones, which right ones do not use up. Raises
        Refused (`rate_limited`) when it is used up, for right ones too: nobody learns which it was.
        """
        account = session.account
        if account is not None:
            account.spend(Budget.WRONG_KEYS)
        is_token = compare_digest(given.encode("utf-8", "replace"), self._token)
        session.is_operator = is_token and self._token != b""
        if is_owner_key(given):
            session.keep_owner(owner_hash(given))
        if account is not None and session.owns(record):
            account.give_back(Budget.WRONG_KEYS)

    def refuse_barred(self, session: Session, room: str, record: Record) -> None:
        """Raise Refused (`room_ended`, `banned`, `room_locked`) for who may not come in."""
        now, who = now_ms(), session.member_id
        refuse_ended(record, now)
        if session.owns(record):
            return
        refuse_put_out(record, who, now)
        until = None
        if record.addresses and session.address:
            until = address_barred_until(record, session.address, now)
        if (until is None and not record.rules.locked) or self._is_known(room, who):
            return
        if until is not None:
            raise banned(until, now)
        raise Refused(ErrorCode.ROOM_LOCKED, "Nobody new may come in here now.")

    def _is_known(self, room: str, who: str) -> bool:
        """Tell whether a member is no newcomer."""
        return self._log.knows(room, who) or any(
            each.id == who for each in self._presence.members(room)
        )
