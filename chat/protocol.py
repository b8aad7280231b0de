"""The wire protocol, version 1: commands, events and codes. No I/O."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Annotated, get_args

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from chat.visible import has_ink

VERSION = 1
TEXT_LIMIT = 2000  # characters of a message, once it is clean
FRAME_LIMIT = 16 * 1024  # bytes of one incoming WebSocket message
REPLAY_LIMIT = 500  # messages a resume may have missed
WELCOME_MESSAGES = 50  # messages shown to whoever does not resume

_SEQ_MAX = 2**53 - 1  # what JavaScript counts exactly


class ErrorCode(StrEnum):
    """What was wrong with a command; the connection stays."""

    BAD_JSON = "bad_json"
    BAD_COMMAND = "bad_command"
    JOIN_FIRST = "join_first"
    ALREADY_JOINED = "already_joined"
    NICK_INVALID = "nick_invalid"
    NICK_TAKEN = "nick_taken"
    ROOM_INVALID = "room_invalid"
    TEXT_EMPTY = "text_empty"
    TEXT_TOO_LONG = "text_too_long"
    RATE_LIMITED = "rate_limited"
    STORAGE_UNAVAILABLE = "storage_unavailable"
    BANNED = "banned"
    MUTED = "muted"


class CloseCode(IntEnum):
    """Why a connection ends (RFC 6455, section 7.4)."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED = 1003
    INVALID_TEXT = 1007
    ABUSE = 1008
    TOO_BIG = 1009
    RESTARTING = 1012
    FULL = 1013
    REMOVED = 4003
    TOO_SLOW = 4008


class Refused(Exception):
    """A command that is turned down, for a reason that its sender is told."""

    def __init__(
        self,
        code: ErrorCode,
        detail: str,
        *,
        retry_after: float | None = None,
        suggest: str | None = None,
        command: str | None = None,
    ) -> None:
        """Refuse; `command` is the type of a command that could not be read."""
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.command = command
        self.retry_after = retry_after
        self.suggest = suggest


# --- commands: browser → server ---------------------------------------------------


class Seen(Struct, frozen=True):
    """The last message that a returning connection saw; `at` proves that it saw this one."""

    epoch: Annotated[str, Meta(max_length=64)]
    seq: Annotated[int, Meta(ge=0, le=_SEQ_MAX)]
    at: Annotated[str, Meta(max_length=64)] | None = None


class Command(Struct, frozen=True, tag_field="type"):
    """What a browser asks."""


class Join(Command, frozen=True, tag="join"):
    """Entering a room, or coming back to it after `after`."""

    room: str = "general"
    nick: str | None = None
    key: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{22,128}\Z")] | None = None
    after: Seen | None = None


class Post(Command, frozen=True, tag="post"):
    """Something to say; `id` makes a repetition harmless."""

    id: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{1,64}\Z")]
    text: str


class Rename(Command, frozen=True, tag="rename"):
    """A change of nick."""

    nick: str


class Typing(Command, frozen=True, tag="typing"):
    """The news that its sender is writing."""


class History(Command, frozen=True, tag="history"):
    """A question for the messages before a seq."""

    before: Annotated[int, Meta(ge=1, le=_SEQ_MAX)]
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class Ping(Command, frozen=True, tag="ping"):
    """A question whether the server still hears."""


AnyCommand = Join | Post | Rename | Typing | History | Ping

_decoder: msgspec.json.Decoder[AnyCommand] = msgspec.json.Decoder(AnyCommand)
_any_json = msgspec.json.Decoder()


def name_of(command: type[Command]) -> str:
    """Give the `type` that a command has on the wire."""
    return str(command.__struct_config__.tag)


_NAMES = frozenset(map(name_of, get_args(AnyCommand)))


def decode_command(text: str) -> AnyCommand:
    """Parse one text message into a command.

    Raises Refused: `bad_json` for what is not JSON, `bad_command` for the rest, with the name of
    the command if that is known.
    """
    try:
        return _decoder.decode(text)
    except (msgspec.ValidationError, RecursionError) as error:
        # msgspec stops at the first wrong type: what comes after may not be JSON at all.
        try:
            value = _any_json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            raise Refused(ErrorCode.BAD_JSON, "That is not JSON.") from None
        name = value.get("type") if isinstance(value, dict) else None
        known = name if isinstance(name, str) and name in _NAMES else None
        raise Refused(ErrorCode.BAD_COMMAND, f"{error}.", command=known) from None
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise Refused(ErrorCode.BAD_JSON, "That is not JSON.") from None


_BREAKS = re.compile("\r\n?|[\u2028\u2029]")  # line breaks of other systems
_CONTROLS = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f]")  # all but tabs and line feeds
_BLANK_LINES = re.compile(r"\s*\n")  # before a text


def clean_text(text: str) -> str:
    """Give a message's text as it is kept. The page does the same (clean-text.js).

    Every line break is a line feed. The other control characters go, but tabs stay. Blank lines
    before the text go, and white space after it; the spaces before its first word stay.

    Raises Refused: `text_empty` when nothing can be seen, `text_too_long` over TEXT_LIMIT.
    """
    if not text.replace("\n", "").replace("\t", "").isprintable():  # most texts are: a fast path
        text = _CONTROLS.sub("", _BREAKS.sub("\n", text))
    if blank := _BLANK_LINES.match(text):
        text = text[blank.end() :]
    text = text.rstrip()
    if not has_ink(text):
        raise Refused(ErrorCode.TEXT_EMPTY, "Write something first.")
    if len(text) > TEXT_LIMIT:
        raise Refused(ErrorCode.TEXT_TOO_LONG, f"{len(text)} characters; {TEXT_LIMIT} are allowed.")
    return text


# --- events: server → browser -----------------------------------------------------


class Member(Struct, frozen=True):
    """A person in a room: a public id and the nick shown."""

    id: str
    nick: str


class Event(Struct, frozen=True, tag_field="type"):
    """What the server tells."""


class Message(Event, frozen=True, tag="message"):
    """What somebody posted and the log keeps; `at` is RFC 3339, UTC."""

    seq: int
    id: str
    member: Member
    text: str
    at: str


class Gap(StrEnum):
    """Why a returning connection is not given exactly what it missed."""

    SKIPPED = "skipped"  # more was missed than is replayed or kept, or nothing proves the place
    LOST = "lost"  # the log is another one, or shorter
    CHANGED = "changed"  # the log has another message in that place


class Limits(Struct, frozen=True):
    """What the server allows and keeps."""

    retention_messages: int
    text: int = TEXT_LIMIT
    frame: int = FRAME_LIMIT


class Welcome(Event, frozen=True, kw_only=True, tag="welcome"):
    """The answer to a join."""

    protocol: int = VERSION
    room: str
    epoch: str
    seq: int
    member: Member
    key: str
    members: list[Member]
    messages: Sequence[Message]
    more: bool
    resumed: bool
    limits: Limits
    page: str = ""  # the version of the page that this server gives
    at: str | UnsetType = UNSET  # of the entry with `seq`
    gap: Gap | UnsetType = UNSET  # why it does not resume what `after` asked for


class Joined(Event, frozen=True, tag="joined"):
    """The news that a member came."""

    member: Member


class Left(Event, frozen=True, tag="left"):
    """The news that a member is gone for longer than the leave grace."""

    member: Member


class Renamed(Event, frozen=True, tag="renamed"):
    """The news that a member has another nick; `was` is the one before."""

    member: Member
    was: str


class IsTyping(Event, frozen=True, tag="typing"):
    """The news that a member is writing."""

    member: Member


class Older(Event, frozen=True, tag="history"):
    """The answer to a history command, oldest first; `before` is what was asked."""

    before: int
    messages: Sequence[Message]
    more: bool


class Pong(Event, frozen=True, tag="pong"):
    """The answer to a ping command."""


class Error(Event, frozen=True, tag="error", omit_defaults=True):
    """Why a command was refused: which one (None: that is unknown), and `id` of the post."""

    code: ErrorCode
    detail: str
    command: str | None = None
    id: str | None = None
    retry_after: float | None = None
    suggest: str | None = None


def rfc3339(unix_ms: int) -> str:
    """Write a time, milliseconds since 1970, as RFC 3339 in UTC."""
    moment = datetime.fromtimestamp(unix_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
