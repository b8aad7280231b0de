"""The hub: what happens on each command.

Everything here runs on the thread of the connection that asked, but for what the log calls
back.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial

from msgspec import UNSET

from chat import protocol
from chat.config import Settings
from chat.log import Draft, MessageLog, StorageFull, StorageUnavailable
from chat.names.keys import member_id, new_key
from chat.names.nicks import clean_nick
from chat.names.rooms import clean_room
from chat.protocol import (
    CloseCode,
    Error,
    ErrorCode,
    Event,
    History,
    Join,
    Member,
    Message,
    Ping,
    Post,
    Refused,
    Rename,
    Renamed,
    Typing,
    Welcome,
)
from chat.rooms.amounts import Abuse
from chat.rooms.delivery import Delivery, Replay
from chat.rooms.ledger import Account, Budget
from chat.rooms.pace import Pace, read_paces
from chat.rooms.presence import Presence
from chat.rooms.registry import Registry
from chat.rooms.session import Session
from chat.sockets.connection import Connection
from chat.sockets.frames import encode_event

_logger = logging.getLogger(__name__)

_STORAGE_RETRY_S = 2.0  # when to try again what the log could not do
_NOT_NOW = "The server cannot store or read messages now. Nothing of yours is lost: try again."


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
    ) -> None:
        """Prepare; `page` is the version of the page that this server gives."""
        self._log = log
        self._registry = registry
        self._delivery = Delivery(log, registry)
        self._presence = presence
        self._paces = read_paces(settings)
        self._limits = protocol.Limits(retention_messages=settings.chat_retention_messages)
        self._page_version = page
        self.stopping = False

    def start(self) -> None:
        """Start presence, and open the log, which was claimed; before the first connection.

        Raises LogError.
        """
        self._presence.start()
        self._log.start(self._delivery.committed, self._come_back, self._registry.is_occupied)

    @contextmanager
    def attached(self, connection: Connection, account: Account | None = None) -> Iterator[Session]:
        """Know a connection for as long as the block lasts; nothing limits one without account."""

        def send(event: Event) -> int:
            frame = encode_event(event)
            connection.enqueue(frame)
            return len(frame)

        pace = None if account is None else Pace(self._paces)
        session = Session(send, account=account, pace=pace, connection=connection)
        self._registry.add(connection)
        try:
            if self.stopping:  # it came in after the others were closed
                connection.close(CloseCode.RESTARTING)
            yield session
        finally:
            self._registry.discard(connection)
            if session.room is not None:
                self._presence.leave(session.room, session.member_id)

    def stop(self) -> None:
        """Tell every connection to come back later, and commit what is queued."""
        self.stopping = True
        self._come_back()
        self._presence.close()
        self._log.close()

    def _come_back(self, rooms: Collection[str] | None = None) -> None:
        """Tell the connections in these rooms (None: all connections) to come back."""
        self._registry.close(CloseCode.RESTARTING, rooms)

    def handle(self, session: Session, text: str) -> None:
        """Do what one text message asks, or answer why not.

        Raises Abuse when the session, or its address, was refused too often.
        """
        name = post_id = None
        try:
            command = protocol.decode_command(text)
            name = protocol.name_of(type(command))
            if isinstance(command, Post):
                post_id = command.id
            self.do(session, command)
        except Refused as refusal:
            session.send(
                Error(
                    refusal.code,
                    refusal.detail,
                    command=name or refusal.command,
                    id=post_id,
                    retry_after=refusal.retry_after,
                    suggest=refusal.suggest,
                )
            )
            _count_refusal(session, refusal.retry_after)
        except StorageUnavailable:
            session.send(_storage_error(name, post_id))

    def do(self, session: Session, command: protocol.AnyCommand) -> None:
        """Do a command. Raises Refused, or StorageUnavailable when the log cannot help."""
        if session.pace is not None:
            session.pace.spend(command)
        if isinstance(command, Ping):
            session.send(protocol.Pong())
        elif isinstance(command, Join):
            self._join(session, command)
        elif session.room is None:
            raise Refused(ErrorCode.JOIN_FIRST, "Join a room first.")
        elif isinstance(command, Post):
            self._post(session, session.room, command)
        elif isinstance(command, Rename):
            self._rename(session, session.room, command)
        elif isinstance(command, Typing):
            if session.account is not None:
                session.account.spend(Budget.TYPING)
            self._presence.typing(session.room, session.member_id)
        elif isinstance(command, History):
            self._history(session, session.room, command)

    def _join(self, session: Session, command: Join) -> None:
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
        of = None if account is None else account.key
        member, is_known = self._presence.join(room, member_id(key), nick, of)
        session.room, session.member_id = room, member.id

        def welcome(replay: Replay) -> bytes:
            event = Welcome(
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
            )
            frame = encode_event(event)
            if account is not None:
                account.charge(Budget.SENT_BYTES, len(frame))
                if replay.resumed and replay.seq and command.key and is_known:
                    account.resumed()
            return frame

        try:
            self._delivery.join(connection, room, member.id, command.after, welcome)
        except StorageUnavailable:
            error = _storage_error(protocol.name_of(Join))
            connection.abandon(encode_event(error), CloseCode.RESTARTING)

    def _post(self, session: Session, room: str, command: Post) -> None:
        text = protocol.clean_text(command.text)
        if session.account is not None:
            session.account.post(room, len(text.encode()))
        draft = Draft(room, command.id, self._presence.member(room, session.member_id), text)
        self._log.append(draft, partial(self._answer, session, command.id))

    def _answer(
        self, session: Session, post_id: str, outcome: Message | StorageUnavailable
    ) -> None:
        """Answer a post that became no new message; on the log's writer thread.

        What goes wrong ends this connection alone: the thread has others to tell.
        """
        try:
            if isinstance(outcome, Message):
                session.send(outcome)
            else:
                detail = str(outcome) if isinstance(outcome, StorageFull) else _NOT_NOW
                session.send(_storage_error(protocol.name_of(Post), post_id, detail))
        except Exception:
            _logger.exception("room %s member %s: a bug", session.room, session.member_id)
            if session.connection is not None:
                session.connection.give_up()

    def _history(self, session: Session, room: str, command: History) -> None:
        account = session.account
        # The budget is looked at and charged within one turn: many connections of one address that
        # ask at once would else all find that something is left.
        with self._delivery.turn():
            if account is not None:
                account.spend(Budget.SENT_BYTES, 0)
            messages, more = self._delivery.page(room, command.before, command.limit)
            size = session.send(protocol.Older(command.before, messages, more))
            if account is not None:
                account.charge(Budget.SENT_BYTES, size)

    def _rename(self, session: Session, room: str, command: Rename) -> None:
        nick = clean_nick(command.nick)
        was = self._presence.member(room, session.member_id).nick
        if nick == was:
            session.send(Renamed(Member(session.member_id, nick), was))
        else:
            if session.account is not None:
                session.account.spend(Budget.RENAMES)
            self._presence.rename(room, session.member_id, nick)


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


def _storage_error(
    command: str | None, post_id: str | None = None, detail: str = _NOT_NOW
) -> Error:
    return Error(
        ErrorCode.STORAGE_UNAVAILABLE,
        detail,
        command=command,
        id=post_id,
        retry_after=_STORAGE_RETRY_S,
    )
