"""Why a draft or a proposal is refused in the commit, the same with every engine."""

from __future__ import annotations

from chat.log import StorageUnavailable
from chat.protocol import ErrorCode, Refused


def other_log() -> StorageUnavailable:
    """Refuse what was sent by somebody who knows another log than this one."""
    return StorageUnavailable("the log is another one")


def target_unknown() -> Refused:
    """Refuse a target that is no message of the room, or a removed one."""
    return Refused(ErrorCode.TARGET_UNKNOWN, "That message is not there, or not any more.")


def not_yours() -> Refused:
    """Refuse to change what another member wrote."""
    return Refused(ErrorCode.NOT_YOURS, "Only who wrote a message may do that.")


def not_owner() -> Refused:
    """Refuse what only owners may do, to others' messages."""
    return Refused(ErrorCode.NOT_OWNER, "Only the owners of this room can do that.")


def too_late() -> Refused:
    """Refuse to edit what was said too long ago."""
    return Refused(ErrorCode.TOO_LATE, "That message is too old to be edited.")


def room_exists() -> Refused:
    """Refuse to make a room that is there."""
    return Refused(ErrorCode.ROOM_EXISTS, "There is a room of that name: choose another name.")


def room_ended() -> Refused:
    """Refuse everything in a room that has ended."""
    return Refused(ErrorCode.ROOM_ENDED, "This conversation has ended.")
