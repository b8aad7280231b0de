"""What a sender is told of its command: errors, and what the log says of it."""

from __future__ import annotations

import logging

from chat import protocol
from chat.log import Answer, StorageFull, StorageUnavailable
from chat.names.rooms import room_in_log
from chat.protocol import AnyCommand, Done, Entry, Error, ErrorCode, Made, Refused
from chat.rooms.session import Session

_logger = logging.getLogger(__name__)

STORAGE_RETRY_S = 2.0  # when to try again what the log could not do
_NOT_NOW = "The server cannot store or read messages now. Nothing of yours is lost: try again."


def refusal(refused: Refused, command: AnyCommand | None = None) -> Error:
    """Say why a command is refused; without it, it could not be read."""
    return Error(
        refused.code,
        refused.detail,
        command=refused.command if command is None else protocol.name_of(type(command)),
        id=_id_of(command),
        retry_after=refused.retry_after,
        suggest=refused.suggest,
    )


def storage_error(command: AnyCommand | None, detail: str = _NOT_NOW) -> Error:
    """Say that the log cannot do a command now."""
    return Error(
        ErrorCode.STORAGE_UNAVAILABLE,
        detail,
        command=None if command is None else protocol.name_of(type(command)),
        id=_id_of(command),
        retry_after=STORAGE_RETRY_S,
    )


def answer_to(session: Session, command: AnyCommand) -> Answer:
    """Give what the log calls when a command became no new entry; on its writer thread.

    What goes wrong then ends this connection alone: the thread has others to tell.
    """

    def answer(outcome: Entry | Done | Made | Refused | StorageUnavailable) -> None:
        try:
            if isinstance(outcome, Refused):
                session.send(refusal(outcome, command))
            elif isinstance(outcome, StorageUnavailable):
                detail = str(outcome) if isinstance(outcome, StorageFull) else _NOT_NOW
                session.send(storage_error(command, detail))
            else:
                session.send(outcome)
        except Exception:
            _logger.exception("room %s: a bug", room_in_log(session.room), extra=session.ids)
            if session.connection is not None:
                session.connection.give_up()

    return answer


def _id_of(command: AnyCommand | None) -> str | None:
    return command.id if isinstance(command, protocol.Act) else None
