"""The hub: which part does each command, and what is answered when it cannot be done.

Everything here runs on the thread of the connection that asked, but for what the log calls
back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from chat import protocol
from chat.config import Settings
from chat.log import MessageLog, StorageUnavailable
from chat.metrics import Metrics
from chat.names.nicks import clean_nick
from chat.protocol import (
    CloseCode,
    Entry,
    Error,
    ErrorCode,
    Event,
    Join,
    Make,
    Member,
    Ping,
    Refused,
    Rename,
    Renamed,
    Typing,
)
from chat.rooms.amounts import Abuse, Amount
from chat.rooms.answers import refusal, storage_error
from chat.rooms.arrival import Arrival
from chat.rooms.attendance import Attendance
from chat.rooms.bars import now_ms, refuse_writing
from chat.rooms.consequences import Consequences
from chat.rooms.conversation import Conversation
from chat.rooms.delivery import Delivery
from chat.rooms.door import Door
from chat.rooms.ledger import Account, Budget
from chat.rooms.operating import Operating
from chat.rooms.owners import Owners
from chat.rooms.pace import Pace, read_paces
from chat.rooms.presence import Presence
from chat.rooms.reading import Reading
from chat.rooms.records import Records
from chat.rooms.registry import Registry
from chat.rooms.session import Session
from chat.rooms.turns import MemberAmount, Turns
from chat.rooms.visits import Visits
from chat.sockets.connection import Connection
from chat.sockets.frames import encode_event

_logger = logging.getLogger(__name__)

#: Does a command of somebody in a room. Raises Refused, or StorageUnavailable.
_Do = Callable[[Session, str, Any], None]

#: Why a command may be refused that was done before, with the same id.
_FOR_NOW = frozenset(
    (
        ErrorCode.NOT_OWNER,
        ErrorCode.MUTED,
        ErrorCode.READ_ONLY,
        ErrorCode.TOO_SOON,
        ErrorCode.TOO_LATE,
        ErrorCode.BAD_COMMAND,  # like an end that is over by now
    )
)

# Reports of one member in one room, and removals of all that is its own. Its address has a budget.
_OFTEN = Amount("reports of a member", 10, 600.0)


class Hub:
    """The one place where commands are done, for all connections of this worker."""

    def __init__(
        self,
        settings: Settings,
        log: MessageLog,
        registry: Registry,
        presence: Presence,
        *,
        page: str = "",
        metrics: Metrics | None = None,
    ) -> None:
        """Prepare; `page` is the version of the page that this server gives."""
        self._log = log
        self._metrics = metrics = metrics or Metrics()
        self._registry = registry
        self._delivery = delivery = Delivery(log, registry)
        self._presence = presence
        self._paces = read_paces(settings)
        self._has_operator = settings.chat_admin_token != ""
        self._records = records = Records(log, registry.is_occupied)
        self._attendance = attendance = Attendance()
        self._turns = Turns(log.recent_nicks)
        self._consequences = Consequences(log, records, attendance)
        door = Door(settings, log, presence)
        self._arrival = Arrival(
            settings,
            log,
            registry,
            delivery,
            records,
            presence,
            attendance,
            door,
            metrics,
            page=page,
        )
        often = MemberAmount(_OFTEN)
        self._conversation = conversation = Conversation(
            settings, log, records, presence, self._turns, often
        )
        owners = Owners(log, records, presence, attendance, often)
        reading = Reading(log, records, delivery)
        self._do: dict[type[protocol.Command], _Do] = {
            protocol.Post: conversation.post,
            protocol.Edit: conversation.edit,
            protocol.Remove: conversation.remove,
            protocol.Pin: conversation.pin,
            protocol.Erase: conversation.erase,
            protocol.SetRules: owners.set_rules,
            protocol.Mute: owners.mute,
            protocol.PutOut: owners.put_out,
            protocol.Report: owners.report,
            protocol.Rekey: owners.rekey,
            protocol.End: owners.end,
            protocol.Audit: reading.audit,
            protocol.Find: reading.find,
            protocol.History: reading.history,
            Rename: self._rename,
            Typing: self._typing,
        }
        self.visits = Visits(
            log,
            registry,
            delivery,
            records,
            presence,
            attendance,
            self._turns,
            door,
            self.do,
            has_operator=self._has_operator,
        )
        self.operating = Operating(log, registry, presence, door)
        self.stopping = False

    def start(self) -> None:
        """Start presence, and open the log, which was claimed; before the first connection.

        Raises LogError.
        """
        self._presence.start()
        self._log.start(
            self._committed, self._replaced, self._registry.is_occupied, self._consequences.acted
        )

    @contextmanager
    def attached(
        self, connection: Connection, account: Account | None = None, address: str = ""
    ) -> Iterator[Session]:
        """Know a connection for as long as the block lasts; nothing limits one without account.

        `address` is what its subscriber has of the network; empty where that is many people's.
        """

        def send(event: Event) -> int:
            if isinstance(event, Error):
                self._metrics.refusals.add(1, event.code)
                _logger.debug("refused: %s", event.code, extra=session.ids)
            frame = encode_event(event)
            connection.enqueue(frame)
            return len(frame)

        pace = None if account is None else Pace(self._paces)
        session = Session(
            send,
            account=account,
            pace=pace,
            connection=connection,
            address=address,
            close=connection.close,
        )
        self._registry.add(connection)
        try:
            if self.stopping:  # it came in after the others were closed
                connection.close(CloseCode.RESTARTING)
            yield session
        finally:
            self._registry.discard(connection)
            if session.room is not None:
                self._leave(session, session.room)

    def stop(self) -> None:
        """Tell every connection to come back later, and commit what is queued."""
        self.stopping = True
        self._come_back()
        self._presence.close()
        self._log.close()

    # --- what the log calls back: on its writer thread --------------------------------------

    def _committed(self, room: str, entries: Sequence[Entry]) -> None:
        self._turns.committed(room, entries)
        self._records.committed(room, entries)
        self._delivery.committed(room, entries)

    def _replaced(self, rooms: Collection[str] | None) -> None:
        self._records.drop(rooms)
        self._come_back(rooms)

    def _come_back(self, rooms: Collection[str] | None = None) -> None:
        """Tell the connections in these rooms (None: all connections) to come back."""
        self._registry.close(CloseCode.RESTARTING, rooms)

    # --- commands ---------------------------------------------------------------------------

    def handle(self, session: Session, text: str) -> None:
        """Do what one text message asks, or answer why not.

        Raises Abuse when the session, or its address, was refused too often.
        """
        command = None
        try:
            command = protocol.decode_command(text)
            self.do(session, command)
        except Refused as refused:
            session.send(refusal(refused, command))
            _count_refusal(session, refused.retry_after)
        except StorageUnavailable:
            session.send(storage_error(command))

    def do(self, session: Session, command: protocol.AnyCommand) -> None:
        """Do a command. Raises Refused, or StorageUnavailable when the log cannot help."""
        if session.pace is not None:
            session.pace.spend(command)
        if isinstance(command, Ping):
            session.send(protocol.Pong())
        elif isinstance(command, Join):
            self._arrival.join(session, command)
        elif isinstance(command, Make):
            self._arrival.make(session, command)
        elif session.room is None:
            raise Refused(ErrorCode.JOIN_FIRST, "Join a room first.")
        else:
            self._do_in_room(session, session.room, command)

    def _do_in_room(self, session: Session, room: str, command: protocol.AnyCommand) -> None:
        try:
            self._do[type(command)](session, room, command)
        except Refused as refused:
            if refused.code not in _FOR_NOW or not isinstance(command, protocol.Act):
                raise
            self._conversation.answer_repeated(session, room, command, refused)
            _count_refusal(session, refused.retry_after)

    def _rename(self, session: Session, room: str, command: Rename) -> None:
        nick = clean_nick(command.nick)
        was = self._presence.member(room, session.member_id).nick
        if nick == was:
            session.send(Renamed(Member(session.member_id, nick), was))
        else:
            if session.account is not None:
                session.account.spend(Budget.RENAMES)
            self._presence.rename(room, session.member_id, nick)

    def _typing(self, session: Session, room: str, _command: Typing) -> None:
        record = self._records.of(room)
        if not session.owns(record):
            refuse_writing(record, session.member_id, now_ms())
        if session.account is not None:
            session.account.spend(Budget.TYPING)
        self._presence.typing(room, session.member_id)

    def _leave(self, session: Session, room: str) -> None:
        may_be_put_out = self._has_operator or self._records.is_made(room)
        self._attendance.leave(session, room, remember=may_be_put_out)
        self._presence.leave(room, session.member_id)
        self._records.forget(room)
        if not self._registry.is_occupied(room):
            self._turns.forget(room)


def _count_refusal(session: Session, retry_after: float | None) -> None:
    """Count a refusal. Raises Abuse when it is one too many: its address has to cool down."""
    pace, account = session.pace, session.account
    if pace is None or account is None:
        return
    try:
        if pace.refused(retry_after):
            account.refused()
    except Abuse:
        account.cool_down()
        raise
