"""The entries of a room, as Redis has them, and what they say. No I/O.

An entry is its time, a tab, and a JSON array. The array of a plain post has four members, as it
had before there were other kinds; that of any other entry has all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from chat.protocol import (
    QUOTE_LIMIT,
    Deed,
    Edited,
    Entry,
    Member,
    Message,
    Pinned,
    Quote,
    Removed,
    Rules,
    RulesSet,
    rfc3339,
)

# The values of `kind`.
MESSAGE, EDITED, REMOVED, PINNED, RULES = range(5)


class Head(NamedTuple):
    """The newest entry that a room was ever given."""

    seq: int  # 0 for none
    at_ms: int  # 0 for none


NO_HEAD = Head(0, 0)


class Body(msgspec.Struct, array_like=True, frozen=True):
    """An entry, without its seq and time; 0 stands for nothing."""

    id: str
    member: str
    nick: str
    text: str  # of a message, as it is now; of rules, all of them as JSON
    kind: int = MESSAGE
    reply: int = 0  # seq of the message that this one answers
    target: int = 0  # seq of the message that this entry changes or pins
    edited: int = 0  # milliseconds since 1970
    removed: int = 0  # 1: a message whose text is gone


class Share(NamedTuple):
    """Consecutive entries of one room, perhaps none, and what else was done in the room with them.

    What changes the record, or adds to the audit list, has a version.
    """

    first: int  # seq of the first entry, or of the one that will come after this share
    entries: Sequence[Entry]
    at_ms: int  # of the last one
    version: str = ""  # of the room's record; empty: it is as it was
    deeds: Sequence[Deed] = ()

    @property
    def last(self) -> int:
        """Give the seq of the last entry."""
        return self.first + len(self.entries) - 1


class Line(NamedTuple):
    """An entry with its time."""

    at_ms: int
    body: Body


_decode = msgspec.json.Decoder(Body).decode
_decode_rules = msgspec.json.Decoder(Rules).decode
_decode_deed = msgspec.json.Decoder(Deed).decode


def line(raw: bytes | str) -> Line:
    """Read an entry."""
    time, _, body = raw.partition("\t") if isinstance(raw, str) else raw.partition(b"\t")
    return Line(int(time), _decode(body))


def lines(flat: Sequence[Any]) -> dict[int, Line]:
    """Read entries that are given as seq, entry, seq, entry …"""
    return {seq: line(raw) for seq, raw in zip(flat[::2], flat[1::2], strict=True)}


def entry(seq: int, at: str, body: Body, about: Mapping[int, Line]) -> Entry:
    """Give what an entry says; `about` has the messages that it may be about, as they are now."""
    kind = body.kind
    if kind == MESSAGE:
        return message(seq, at, body, about)
    member = Member(body.member, body.nick)
    if kind == RULES:
        return RulesSet(seq, body.id, member, at, _decode_rules(body.text))
    target = body.target
    if kind == REMOVED:
        return Removed(seq, body.id, member, target or None, at)
    found = about.get(target)
    now = None if found is None or found.body.removed else found
    if kind == PINNED:
        shown = None if now is None else message(target, rfc3339(now.at_ms), now.body, about)
        return Pinned(seq, body.id, member, target or None, at, shown)
    return Edited(seq, body.id, member, target, at, None if now is None else now.body.text)


def message(seq: int, at: str, body: Body, about: Mapping[int, Line]) -> Message:
    """Give what an entry says that is a message."""
    member = Member(body.member, body.nick)
    if not (body.reply or body.edited or body.removed):  # most of them
        return Message(seq, body.id, member, body.text, at)
    edited = rfc3339(body.edited) if body.edited else None
    quoted = _quote(body.reply, about) if body.reply else None
    return Message(seq, body.id, member, body.text, at, quoted, edited, bool(body.removed))


def _quote(seq: int, about: Mapping[int, Line]) -> Quote:
    found = about.get(seq)
    if found is None:
        return Quote(seq)
    body = found.body
    author = Member(body.member, body.nick)
    return Quote(seq, author, body.text[:QUOTE_LIMIT], bool(body.removed))


def entries(first: int, found: Sequence[Line], about: Mapping[int, Line]) -> list[Entry]:
    """Give what consecutive entries say."""
    about = {**about, **dict(enumerate(found, first))}
    return [
        entry(seq, rfc3339(at_ms), body, about) for seq, (at_ms, body) in enumerate(found, first)
    ]


def deed(number: int, raw: bytes | str, room: str = "") -> Deed:
    """Read a line of an audit list: its time, the mark of its id or nothing, and JSON."""
    time, _, body = raw.split("\t", 2) if isinstance(raw, str) else raw.split(b"\t", 2)
    found = _decode_deed(body)
    return msgspec.structs.replace(found, number=number, at=rfc3339(int(time)), room=room)


# --- what is published ----------------------------------------------------------------------


class Told(msgspec.Struct, array_like=True, frozen=True):
    """What workers tell each other of a room's share of a batch; of plain posts, the first four."""

    epoch: str
    first: int
    at_ms: int
    bodies: list[str]
    about: list[Any] = []  # seq, entry, seq, entry …: the messages that the entries are about
    version: str = ""
    deeds: list[Any] = []  # number, line, number, line …


_decode_told = msgspec.msgpack.Decoder(Told).decode


def told(packed: bytes) -> tuple[str, Share]:
    """Read what was told: the epoch, and the share. Raises ValueError for what cannot be read."""
    epoch, first, at_ms, bodies, flat, version, numbered = msgspec.structs.astuple(
        _decode_told(packed)
    )
    about = lines(flat)
    found = [_decode(body) for body in bodies]
    if flat:  # they may be about each other
        about.update((seq, Line(at_ms, body)) for seq, body in enumerate(found, first))
    at = rfc3339(at_ms)
    shared = [entry(seq, at, body, about) for seq, body in enumerate(found, first)]
    done = [deed(*each) for each in zip(numbered[::2], numbered[1::2], strict=True)]
    return epoch, Share(first, shared, at_ms, version, done)
