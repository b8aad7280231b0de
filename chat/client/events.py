"""What a client tells its caller, and how it reads what the server says."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from chat.protocol import (
    Acted,
    Done,
    Edited,
    Ended,
    Entry,
    Error,
    ErrorCode,
    Found,
    Gap,
    IsTyping,
    Joined,
    Left,
    Message,
    Muted,
    Older,
    Pinned,
    Pong,
    Removed,
    Renamed,
    RulesSet,
    Welcome,
)


class Status(StrEnum):
    """Where a client is."""

    CONNECTING = "connecting"
    JOINED = "joined"
    WAITING = "waiting"
    STOPPED = "stopped"


class State(Struct, frozen=True):
    """The news that a client is connected, or why it is not."""

    status: Status
    reason: str = ""  # one word, like "lost", "restarting", "full" or "nick_taken"
    detail: str = ""  # a sentence in English, if there is one
    retry_s: float | None = None  # seconds from now to the next attempt


class Reset(Struct, frozen=True):
    """The news that what was shown before no longer counts: these are the newest messages now.

    It comes with the first join too (`gap` is None), and else only where the server cannot prove
    that nothing is missing, or where the caller was too slow to read the events (`skipped`).
    """

    gap: Gap | None
    messages: Sequence[Message]
    more: bool  # older ones exist


#: What `Client.events` gives.
Event = Entry | Joined | Left | Renamed | IsTyping | Muted | Acted | Ended | Reset | State


class Stopped(Exception):
    """A client that will not come back by itself; `reason` is one word, as in `State`."""

    def __init__(self, reason: str, detail: str = "", suggest: str | None = None) -> None:
        """Stop; `suggest` is a free nick, if the one wished for is taken."""
        super().__init__(detail or reason)
        self.reason = reason
        self.detail = detail
        self.suggest = suggest


class Unknown(Struct, frozen=True):
    """An entry of a kind that this program does not know: it counts, but says nothing."""

    seq: int
    at: str


Told = (
    Welcome
    | Message
    | Edited
    | Removed
    | Pinned
    | RulesSet
    | Joined
    | Left
    | Renamed
    | IsTyping
    | Done
    | Muted
    | Ended
    | Acted
    | Found
    | Older
    | Pong
    | Error
)

_decoder: msgspec.json.Decoder[Told] = msgspec.json.Decoder(Told)
_any_json = msgspec.json.Decoder()


def read_event(text: str | bytes) -> Told | Unknown | None:
    """Read what the server said; None for what this program does not know and may ignore.

    docs/protocol.md (Versions) says what is to be done with what is newer than this program.
    """
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        value = _any_json.decode(text)
        if not isinstance(value, dict):
            return None
        return _as_far_as_known(value)
    except (msgspec.DecodeError, RecursionError):
        return None


def _as_far_as_known(value: dict[str, Any]) -> Told | Unknown | None:
    """Read what has a word or a type that came later. Raises msgspec.ValidationError."""
    match value:
        case {"type": "error"}:
            value["code"] = ErrorCode.BAD_COMMAND  # a refusal of some kind
            return msgspec.convert(value, Error)
        case {"type": "welcome", "gap": str()}:
            value["gap"] = Gap.LOST
            return msgspec.convert(value, Welcome)
        case {"type": str(), "seq": int(seq), "at": str(at)}:
            return Unknown(seq, at)
    return None
