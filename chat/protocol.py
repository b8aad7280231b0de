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
REPLAY_LIMIT = 500  # entries a resume may have missed
WELCOME_MESSAGES = 50  # messages shown to whoever does not resume
QUOTE_LIMIT = 140  # characters of a message that are quoted above an answer to it
TITLE_LIMIT = 64  # characters of a private room's title
REASON_LIMIT = 500  # characters of what a report says
WORDS_LIMIT = 100  # characters that are searched for
PACE_LIMIT_S = 3600  # from one post of a member to the next, at most
BAR_LIMIT_S = 30 * 86_400  # for which somebody is muted or kept out, at most

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
    TARGET_UNKNOWN = "target_unknown"
    NOT_YOURS = "not_yours"
    TOO_LATE = "too_late"
    NOT_OWNER = "not_owner"
    READ_ONLY = "read_only"
    ROOM_LOCKED = "room_locked"
    TOO_SOON = "too_soon"
    ROOM_EXISTS = "room_exists"
    ROOM_ENDED = "room_ended"


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
    ENDED = 4004
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


_Id = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{1,64}\Z")]
_Seq = Annotated[int, Meta(ge=1, le=_SEQ_MAX)]
_Time = Annotated[str, Meta(max_length=64)]  # RFC 3339
_MemberId = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{22}\Z")]
_OwnerKey = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{22}\Z")]  # 128 bits
_ForS = Annotated[int, Meta(ge=0, le=BAR_LIMIT_S)]


class Write(StrEnum):
    """Who may write in a room."""

    ALL = "all"
    OWNERS = "owners"


class Seen(Struct, frozen=True):
    """The last entry that a returning connection saw; `at` proves that it saw this one."""

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
    owner: Annotated[str, Meta(max_length=256)] | None = None  # a room's key, or the operator's


class Make(Command, frozen=True, tag="make"):
    """A room to be made on purpose, before `join`; with the same `owner`, a repetition is harmless.

    A private one has no `room`: its name comes from the owner key.
    """

    room: str | None = None
    private: bool = False
    title: Annotated[str, Meta(max_length=TITLE_LIMIT)] = ""
    write: Write = Write.ALL
    ends_at: _Time | None = None
    owner: _OwnerKey | None = None


class Act(Command, frozen=True):
    """A command that the log keeps; `id`, of its sender's making, makes a repetition harmless."""

    id: _Id


class Post(Act, frozen=True, tag="post"):
    """Something to say, perhaps as an answer to a message."""

    text: str
    reply: _Seq | None = None


class Edit(Act, frozen=True, tag="edit"):
    """Another text for one's own message."""

    target: _Seq
    text: str


class Remove(Act, frozen=True, tag="remove"):
    """A message to be taken back, or a `post` that may have been sent: the id of that."""

    target: _Seq | None = None
    post: _Id | None = None


class Pin(Act, frozen=True, tag="pin"):
    """A message for all to see under the header; None: no message."""

    target: _Seq | None


class SetRules(Act, frozen=True, tag="rules"):
    """A change of a room's rules; what is not named stays."""

    write: Write | UnsetType = UNSET
    pace_s: Annotated[int, Meta(ge=0, le=PACE_LIMIT_S)] | UnsetType = UNSET
    locked: bool | UnsetType = UNSET
    ends_at: _Time | UnsetType | None = UNSET


class Mute(Act, frozen=True, tag="mute"):
    """A member who is not to write for a time; 0 seconds: may write again."""

    member: _MemberId
    for_s: _ForS


class PutOut(Act, frozen=True, tag="put_out"):
    """A member to be put out, and kept out for a time; 0 seconds: may come again."""

    member: _MemberId
    for_s: _ForS


class Report(Act, frozen=True, tag="report"):
    """A message that whoever looks after the room should see."""

    target: _Seq
    text: Annotated[str, Meta(max_length=REASON_LIMIT)] = ""


class Erase(Act, frozen=True, tag="erase"):
    """All of one's own messages in the room, to be taken back; or, by an owner, a member's."""

    member: _MemberId | None = None


class Rekey(Act, frozen=True, tag="rekey"):
    """Another owner key; the one before is nobody's then."""

    owner: _OwnerKey


class End(Act, frozen=True, tag="end"):
    """The end of the room, now."""


class Audit(Command, frozen=True, tag="audit"):
    """A question for what was done in the room; `everywhere`: for the reports of all rooms."""

    before: _Seq | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    everywhere: bool = False


class Find(Command, frozen=True, tag="find"):
    """A question for the messages that have all these words, the newest ones before a seq."""

    words: Annotated[str, Meta(min_length=1, max_length=WORDS_LIMIT)]
    before: _Seq | None = None
    limit: Annotated[int, Meta(ge=1, le=50)] = 20


class Rename(Command, frozen=True, tag="rename"):
    """A change of nick."""

    nick: str


class Typing(Command, frozen=True, tag="typing"):
    """The news that its sender is writing."""


class History(Command, frozen=True, tag="history"):
    """A question for the messages before a seq."""

    before: _Seq
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class Ping(Command, frozen=True, tag="ping"):
    """A question whether the server still hears."""


#: What changes the log or the record of a room, but for posts.
Change = Edit | Remove | Pin | SetRules | Mute | PutOut | Report | Erase | Rekey | End

AnyCommand = (
    Join
    | Make
    | Post
    | Edit
    | Remove
    | Pin
    | SetRules
    | Mute
    | PutOut
    | Report
    | Erase
    | Rekey
    | End
    | Audit
    | Find
    | Rename
    | Typing
    | History
    | Ping
)

_decoder: msgspec.json.Decoder[AnyCommand] = msgspec.json.Decoder(AnyCommand)
_any_json = msgspec.json.Decoder()


_AN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def is_id(given: str) -> bool:
    """Tell whether a text may be the id of a command."""
    return _AN_ID.fullmatch(given) is not None


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


class Quote(Struct, frozen=True, omit_defaults=True):
    """The message that an answer is to, as it is now, cut short; without member: it is gone."""

    seq: int
    member: Member | None = None
    text: str = ""
    removed: bool = False


class Message(Event, frozen=True, tag="message", omit_defaults=True):
    """What somebody posted and the log keeps, as it is now; times are RFC 3339, UTC."""

    seq: int
    id: str
    member: Member
    text: str  # empty for a removed one
    at: str
    reply: Quote | None = None
    edited: str | None = None  # when
    removed: bool = False


class Edited(Event, frozen=True, tag="edited", omit_defaults=True):
    """The news that a message has another text: the one that it has now."""

    seq: int
    id: str
    member: Member
    target: int
    at: str
    text: str | None = None  # None: the message is removed, or gone


class Removed(Event, frozen=True, tag="removed"):
    """The news that a message was taken away; no target: a post will never be one."""

    seq: int
    id: str
    member: Member
    target: int | None
    at: str


class Pinned(Event, frozen=True, tag="pinned"):
    """The news that a message is for all to see under the header; None: none is any more."""

    seq: int
    id: str
    member: Member
    target: int | None
    at: str
    message: Message | None = None  # the target as it is now; None: it is removed, or gone


class Rules(Struct, frozen=True):
    """What holds in a room."""

    write: Write = Write.ALL
    pace_s: int = 0  # from one post of a member to the next
    locked: bool = False  # no newcomers
    ends_at: str | None = None


class RulesSet(Event, frozen=True, tag="rules"):
    """The news that a room has other rules: all of them, after the change."""

    seq: int
    id: str
    member: Member
    at: str
    rules: Rules


#: What a room's log has.
Entry = Message | Edited | Removed | Pinned | RulesSet


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
    edit_within_s: int = 900


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
    changes: Sequence[Entry] | UnsetType = UNSET  # missed entries that are no messages, in order
    owner: bool = False  # this connection may do what owners may
    operator: bool = False  # and that in all rooms
    made: bool = False  # the room was made on purpose: it has an owner
    title: str = ""  # of a private room
    rules: Rules = Rules()
    pin: Message | None = None
    muted: str | UnsetType = UNSET  # until when this member may not write


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


class Done(Event, frozen=True, tag="done"):
    """The answer to a command that is no entry of the log."""

    id: str


class Made(Event, frozen=True, tag="made"):
    """The answer to a make command: the room, and the key of its owners."""

    room: str
    owner: str


class Muted(Event, frozen=True, tag="muted"):
    """The news, for a member alone, until when it may not write; None: it may."""

    until: str | None


class Ended(Event, frozen=True, tag="ended"):
    """The news that the room has ended."""

    at: str


class Deed(Struct, frozen=True, omit_defaults=True):
    """What an owner did, or somebody reported: a line of the room's audit list."""

    number: int  # 1, 2, 3 … in each room
    at: str
    by: Member
    what: str  # the name of the command
    member: Member | None = None  # to whom; without a nick, if that is not known
    target: int | None = None  # seq of the message
    text: str = ""  # of a report
    for_s: int | None = None
    rules: Rules | None = None  # after a change of them
    room: str = ""  # where, if reports of all rooms were asked for


class Bar(Struct, frozen=True):
    """A member who may not write, or not come in, until a time."""

    member: Member
    what: str  # "mute" or "put_out"
    until: str


class Acted(Event, frozen=True, tag="acted"):
    """The news, for owners, that something was done."""

    deed: Deed


class AuditList(Event, frozen=True, tag="audit"):
    """The answer to an audit command, newest first; `before` is what was asked."""

    before: int | None
    acts: Sequence[Deed]
    more: bool
    bars: Sequence[Bar] = ()  # those that hold now, with the newest acts


class Found(Event, frozen=True, tag="found", omit_defaults=True):
    """The answer to a find command, newest first; `words` and `before` are what was asked."""

    words: str
    messages: Sequence[Message]
    more: bool
    before: int | None = None
    looked_to: int | None = None  # the seq down to which was looked, where that is not all


class Older(Event, frozen=True, tag="history"):
    """The answer to a history command, oldest first; `before` is what was asked."""

    before: int
    messages: Sequence[Message]
    more: bool


class Pong(Event, frozen=True, tag="pong"):
    """The answer to a ping command."""


class Error(Event, frozen=True, tag="error", omit_defaults=True):
    """Why a command was refused: which one (None: that is unknown), and its `id`, if it has one."""

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


def read_time(written: str) -> int:
    """Read a time as RFC 3339 has it; give milliseconds since 1970. Raises Refused."""
    try:
        moment = datetime.fromisoformat(written)
        if moment.tzinfo is None:
            raise ValueError
        return int(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise Refused(
            ErrorCode.BAD_COMMAND, "A time is written like 2026-12-31T12:00:00Z."
        ) from None
