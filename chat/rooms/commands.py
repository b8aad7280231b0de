"""What happens on each command: join, post, rename, typing, history, ping.

Everything here runs on the thread of the connection that asked, but for what the log and
the presence call back.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from time import time

from chat import protocol
from chat.config import Settings
from chat.log import Draft, MessageLog, StorageUnavailable
from chat.names.keys import member_id, new_key
from chat.names.nicks import clean_nick
from chat.names.rooms import clean_room
from chat.protocol import (
    CloseCode,
    Error,
    ErrorCode,
    Event,
    History,
    IsTyping,
    Join,
    Joined,
    Member,
    Message,
    Ping,
    Post,
    Refused,
    Rename,
    Renamed,
    Seen,
    Typing,
)
from chat.rooms.delivery import LogTail
from chat.rooms.presence import Presence
from chat.rooms.registry import Registry
from chat.rooms.session import Session
from chat.sockets.connection import Connection
from chat.sockets.frames import encode_event

_logger = logging.getLogger(__name__)

_STORAGE_RETRY_S = 2.0  # when to try again what the log could not do
_NEWEST = 2**53  # above every seq


class Hub:
    """Turn commands into what happens, for all connections of this worker."""

    def __init__(
        self, settings: Settings, log: MessageLog, registry: Registry, *, page: str = ""
    ) -> None:
        """Prepare; `page` is the version of the page that this server gives."""
        self._log = log
        self._registry = registry
        self._tail = LogTail(log, registry)
        self._presence = Presence(
            self._announce,
            partial(self._recent_nicks, settings.chat_nick_reservation_s),
            leave_grace_s=settings.chat_leave_grace_s,
            nick_reservation_s=settings.chat_nick_reservation_s,
        )
        self._limited = settings.limited
        self._limits = protocol.Limits(retention_messages=settings.chat_retention_messages)
        self._page_version = page
        self.stopping = False

    @contextmanager
    def attached(self, connection: Connection) -> Iterator[Session]:
        """Know a connection for as long as the block lasts."""
        self._log.start(self._tail.committed, self._tail.poll)
        session = Session(connection, limited=self._limited)
        self._registry.add(connection)
        if self.stopping:  # it came in while the others were being told
            connection.close(CloseCode.RESTARTING)
        try:
            yield session
        finally:
            self._registry.discard(connection)
            if session.room is not None:
                self._presence.leave(session.room, session.member_id)

    def stop(self) -> None:
        """Tell every connection to come back later, and commit what is queued."""
        self.stopping = True
        for connection in self._registry.connections():
            connection.close(CloseCode.RESTARTING)
        self._log.close()

    def handle(self, session: Session, text: str) -> None:
        """Do what one text message asks, or answer why not."""
        post_id = None
        try:
            command = protocol.decode_command(text)
            if isinstance(command, Post):
                post_id = command.id
            session.spend(command)
            self._do(session, command)
        except Refused as refusal:
            session.send(
                Error(
                    refusal.code,
                    refusal.detail,
                    id=post_id,
                    retry_after=refusal.retry_after,
                    suggest=refusal.suggest,
                )
            )
            session.refused()
        except StorageUnavailable as problem:
            _logger.warning("room %s member %s: %s", session.room, session.member_id, problem)
            session.send(_storage_error(post_id))

    def _do(self, session: Session, command: protocol.AnyCommand) -> None:
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
            self._presence.typing(session.room, session.member_id)
        elif isinstance(command, History):
            self._history(session, session.room, command)

    def _join(self, session: Session, command: Join) -> None:
        if session.room is not None:
            raise Refused(ErrorCode.ALREADY_JOINED, "This connection is in a room already.")
        room = clean_room(command.room)
        nick = None if command.nick is None else clean_nick(command.nick)
        key = command.key or new_key()
        connection = session.connection
        member = self._presence.join(room, member_id(key), nick)
        session.room, session.member_id = room, member.id
        try:
            # Registers first: what is committed from here on is held, nothing falls between.
            connection.hold()
            self._registry.join(connection, room, member.id)
            resumed, messages, more = self._replay(room, command.after)
        except StorageUnavailable:
            self._registry.leave(connection)
            connection.release()
            self._presence.leave(room, member.id)
            session.room = None
            raise
        seen = command.after.seq if resumed and command.after else 0
        position = messages[-1].seq if messages else seen
        welcome = protocol.Welcome(
            room=room,
            epoch=self._log.epoch,
            seq=position,
            member=member,
            key=key,
            members=self._presence.members(room),
            messages=messages,
            more=more,
            resumed=resumed,
            limits=self._limits,
            page=self._page_version,
        )
        connection.go_live(encode_event(welcome), position)
        self._registry.note_position(room, position)
        _logger.debug("room %s member %s joined, resumed=%s", room, member.id, resumed)

    def _replay(self, room: str, after: Seen | None) -> tuple[bool, list[Message], bool]:
        """Read what a joining connection is given: resumed?, messages, are there older ones?"""
        if after is not None and after.epoch == self._log.epoch:
            missed = self._log.after(room, after.seq, protocol.REPLAY_LIMIT + 1)
            if missed is not None and len(missed) <= protocol.REPLAY_LIMIT:
                return True, missed, after.seq > 0
        return False, *self._page(room, _NEWEST, protocol.WELCOME_MESSAGES)

    def _page(self, room: str, before: int, limit: int) -> tuple[list[Message], bool]:
        """Read the last `limit` messages before a seq, and whether there are older ones."""
        messages = self._log.before(room, before, limit + 1)
        return messages[-limit:], len(messages) > limit

    def _post(self, session: Session, room: str, command: Post) -> None:
        draft = Draft(
            room,
            command.id,
            self._presence.member(room, session.member_id),
            protocol.clean_text(command.text),
        )
        self._log.append(draft, partial(self._answer, session, command.id))

    def _answer(
        self, session: Session, post_id: str, outcome: Message | StorageUnavailable
    ) -> None:
        """Answer a post that the tail does not show; on the log's writer thread."""
        if isinstance(outcome, Message):
            session.send(outcome)
        else:
            session.send(_storage_error(post_id))

    def _rename(self, session: Session, room: str, command: Rename) -> None:
        nick = clean_nick(command.nick)
        was = self._presence.member(room, session.member_id).nick
        if nick == was:
            session.send(Renamed(Member(session.member_id, nick), was))
        else:
            self._presence.rename(room, session.member_id, nick)

    def _history(self, session: Session, room: str, command: History) -> None:
        messages, more = self._page(room, command.before, command.limit)
        session.send(protocol.Older(messages, more))

    def _announce(self, room: str, events: Sequence[Event]) -> None:
        """Tell a room its news, but nobody that it came or writes itself."""
        frames = [encode_event(event) for event in events]
        own: dict[str, list[int]] = {}
        for index, event in enumerate(events):
            if isinstance(event, Joined | IsTyping):
                own.setdefault(event.member.id, []).append(index)
        instead = {
            member_id: b"".join(frame for i, frame in enumerate(frames) if i not in indexes)
            for member_id, indexes in own.items()
        }
        self._registry.notify(room, b"".join(frames), instead)

    def _recent_nicks(self, lately_s: float, room: str) -> list[tuple[Member, float]]:
        now = time()
        recent = self._log.recent_nicks(room, int((now - lately_s) * 1000))
        return [(member, max(0.0, now - at_ms / 1000)) for member, at_ms in recent]


def _storage_error(post_id: str | None) -> Error:
    return Error(
        ErrorCode.STORAGE_UNAVAILABLE,
        "The server cannot store or read messages now. Nothing of yours is lost: try again.",
        id=post_id,
        retry_after=_STORAGE_RETRY_S,
    )
