"""What requests and answers of the API look like: their query, their bodies. No I/O.

What is unknown in a body or a query is ignored, as on the socket. The names and bounds are those of
chat/protocol.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from chat.names import NAME_LIMIT
from chat.protocol import (
    BAR_LIMIT_S,
    PACE_LIMIT_S,
    REPLAY_LIMIT,
    TITLE_LIMIT,
    WORDS_LIMIT,
    Entry,
    Gap,
    Message,
    Rules,
    Seen,
    Write,
)

BODY_LIMIT = 16_384  # bytes; like a message on the socket
WAIT_LIMIT_S = 50.0  # reverse proxies wait 55 or 60 seconds for an answer

_SEQ_MAX = 2**53 - 1
_Nick = Annotated[str, Meta(description="The name shown. Who is in the room has the one it has.")]
_Seq = Annotated[int, Meta(ge=1, le=_SEQ_MAX)]
_Time = Annotated[str, Meta(max_length=64, description="A time, RFC 3339; null: never.")]
_Member = Annotated[
    str, Meta(pattern="^[A-Za-z0-9_-]{22}$", description="The public id of a member.")
]

# --- queries --------------------------------------------------------------------------------------


class NoQuery(Struct, frozen=True):
    """A query with nothing in it."""


class Reading(Struct, frozen=True):
    """Which entries of a room to give; `after`, `before` and `find` exclude each other."""

    after: Annotated[
        str,
        Meta(max_length=160, description="A place: `next` of an earlier answer, or a plain seq."),
    ] = ""
    before: _Seq | None = None
    find: Annotated[str, Meta(min_length=1, max_length=WORDS_LIMIT)] | None = None
    limit: Annotated[int, Meta(ge=1, le=REPLAY_LIMIT)] = 50
    wait: Annotated[
        float, Meta(ge=0, le=WAIT_LIMIT_S, description="Seconds to wait if nothing is there.")
    ] = 0.0


class Whose(Struct, frozen=True):
    """Whose message it is: without a member, that of the key."""

    member: _Member | None = None


class Acting(Struct, frozen=True):
    """Under which nick something is done."""

    nick: _Nick | None = None


class HookKey(Struct, frozen=True):
    """What the address of an incoming webhook has: the key of the member that posts."""

    key: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{22,128}$")]


class ActingOn(Struct, frozen=True):
    """Under which nick something is done to whose message: without a member, that of the key."""

    nick: _Nick | None = None
    member: _Member | None = None


class AfterName(Struct, frozen=True):
    """Which rooms to list: those after a name."""

    after: Annotated[str, Meta(max_length=NAME_LIMIT)] = ""
    limit: Annotated[int, Meta(ge=1, le=500)] = 100


# --- bodies of requests ---------------------------------------------------------------------------


class NewMessage(Struct, frozen=True):
    """A message to be posted."""

    text: str
    nick: _Nick | None = None
    reply: _Seq | None = None


class NewText(Struct, frozen=True):
    """Another text for one's own message."""

    text: str
    nick: _Nick | None = None


class NewRoom(Struct, frozen=True):
    """A room to be made under the name in the address."""

    write: Write = Write.ALL
    ends_at: _Time | None = None


class NewPrivateRoom(Struct, frozen=True):
    """A private room to be made: its name comes of its owner key."""

    title: Annotated[str, Meta(max_length=TITLE_LIMIT)] = ""
    write: Write = Write.ALL
    ends_at: _Time | None = None


class NewRules(Struct, frozen=True):
    """A change of a room's rules; what is not named stays."""

    write: Write | UnsetType = UNSET
    pace_s: Annotated[int, Meta(ge=0, le=PACE_LIMIT_S)] | UnsetType = UNSET
    locked: bool | UnsetType = UNSET
    ends_at: _Time | UnsetType | None = UNSET


class NewPin(Struct, frozen=True):
    """The message for all to see under the header, by its seq."""

    target: _Seq


class NewBar(Struct, frozen=True):
    """For how long a member is kept from something; 0: no longer."""

    for_s: Annotated[int, Meta(ge=0, le=BAR_LIMIT_S)]


class Hook(Struct, frozen=True):
    """What programs send to an incoming webhook."""

    text: str
    username: _Nick | None = None


class Until(Struct, frozen=True):
    """The last entry that is deleted, by its seq; all before it go too."""

    last: _Seq


class PastMember(Struct, frozen=True):
    """Who posted a message of the past."""

    id: _Member
    nick: str


class PastMessage(Struct, frozen=True):
    """A message of the past, as an export has it; `reply` is the seq that its target has here."""

    id: str
    member: PastMember
    text: str
    at: _Time
    reply: _Seq | None = None


class Past(Struct, frozen=True):
    """Messages of the past, oldest first."""

    messages: Annotated[list[PastMessage], Meta(max_length=100)]


# --- bodies of answers ----------------------------------------------------------------------------


class Nothing(Struct, frozen=True):
    """An answer without a body."""


class Entries(Struct, frozen=True):
    """What a room's log has after a place, oldest first; messages and texts as they are now."""

    room: str
    entries: Sequence[Entry]
    next: Annotated[str, Meta(description="The place after these: `after` of the next request.")]
    more: bool
    gap: Gap | None = None  # why these do not follow the place that was asked for


class Messages(Struct, frozen=True, omit_defaults=True):
    """Messages of a room as they are now: oldest first; those that were found, newest first."""

    room: str
    messages: Sequence[Message]
    more: bool
    looked_to: int | None = None  # the seq down to which was looked, where that is not all


class Room(Struct, frozen=True):
    """What is known of a room besides its entries."""

    room: str
    title: str
    made: bool
    rules: Rules
    pin: int | None
    people: int


class Person(Struct, frozen=True):
    """Somebody who is in a room."""

    id: str
    nick: str
    since: str


class People(Struct, frozen=True):
    """Who is in a room, in the order of arrival."""

    room: str
    people: Sequence[Person]


class ListedRoom(Struct, frozen=True):
    """A room, as the operator lists it; over a network a private one's name is a hash of it."""

    room: str
    title: str
    made: bool
    entries: int  # that are kept
    head: int  # seq of the newest one, ever
    at: str | None  # when that came
    ended_at: str | None


class Rooms(Struct, frozen=True):
    """Rooms in the order of their names."""

    rooms: Sequence[ListedRoom]
    more: bool


class PersonSomewhere(Struct, frozen=True):
    """Somebody who is in a room."""

    room: str
    id: str
    nick: str
    since: str


class Everybody(Struct, frozen=True):
    """Who is here, by room."""

    people: Sequence[PersonSomewhere]


class Hour(Struct, frozen=True):
    """The posts of an hour, and how many people wrote them."""

    at: str
    posts: int
    members: int


class Week(Struct, frozen=True):
    """The hours of a week in which somebody posted; not all of it, where too much was posted."""

    hours: Sequence[Hour]
    is_whole: bool


class Pruned(Struct, frozen=True):
    """How many entries were deleted."""

    entries: int


class Added(Struct, frozen=True):
    """How many messages were stored that were not there before."""

    messages: int


class Probe(Struct, frozen=True):
    """What the server sees of a request."""

    address: str  # whose it takes it for; empty: a Unix socket's
    forwarded_for: Sequence[str]
    host: str
    protocol: str
    tls: bool
    trusted_proxies: int


class MadeRoom(Struct, frozen=True):
    """A room that was made, and the key of its owners."""

    room: str
    owner: str


# --- places -----------------------------------------------------------------------------------


def place_name(place: Seen) -> str:
    """Write a place in a room's log for a query: its seq, and what proves it."""
    return f"{place.seq}~{place.at or ''}~{place.epoch}"


def read_place(written: str) -> Seen:
    """Read a place; a plain seq is one that nothing proves. Raises ValueError."""
    seq, _, proof = written.partition("~")
    at, _, epoch = proof.partition("~")
    if not (seq.isascii() and seq.isdigit()) or int(seq) > _SEQ_MAX:
        raise ValueError(written)
    return Seen(epoch, int(seq), at or None)
