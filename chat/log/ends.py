"""The two ends of a move: what is read of one log and written into another, whatever engine has it.

A log that is read is not served meanwhile. A log that is written is none yet: until `finish`, no
server takes it for one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from chat.log import AddressBar, Bar, Contents
from chat.protocol import Deed, Rules

STEP_ENTRIES = 200  # read and written at a time


class Entry(NamedTuple):
    """An entry, as the log has it."""

    seq: int
    at_ms: int
    id: str
    member: str
    nick: str
    text: str  # of a message, as it is now; of rules, all of them as JSON
    kind: int = 0  # chat/log/entries.py names them
    reply: int | None = None
    target: int | None = None
    edited_ms: int | None = None
    removed: int = 0  # 1: a message whose text is gone


class Kept(NamedTuple):
    """What is known of a room besides its entries; of an ended one, when it ended and no more."""

    rules: Rules = Rules()
    pin: int | None = None
    owner: bytes | None = None
    title: str = ""
    ended_ms: int | None = None
    bars: tuple[Bar, ...] = ()  # by member and kind
    addresses: tuple[tuple[str, AddressBar], ...] = ()  # by digest, each with who was put out
    known: tuple[str, ...] = ()  # by id
    #: By number, each with the id of its command, if that became no entry; else an empty one.
    deeds: tuple[tuple[str, Deed], ...] = ()


class Room(NamedTuple):
    """A room. It has all entries after its floor, up to the newest; an ended one has none."""

    name: str
    seq: int  # of the newest entry that it was ever given; 0 for none
    at_ms: int  # of that one; 0 if that is not known any more
    floor: int  # the seq of the newest entry that is gone; 0 for none
    floor_at_ms: int  # of that one; 0 if that is not known any more
    used_day: int  # the last day on which somebody read it, since 1970; 0: nothing was noted
    kept: Kept | None = None  # None: nothing is known besides


class Source(Protocol):
    """A log that is read."""

    def refuse_servers(self) -> None:
        """Raise LogError while a server has it."""

    def contents(self) -> Contents:
        """Count what it has."""

    def epochs(self) -> list[str]:
        """Give the epoch of each partition."""

    def days(self) -> set[int]:
        """Give the days on which a server ran, since 1970."""

    def rooms(self) -> Iterator[Room]:
        """Give all rooms that ever had an entry, or of which something is known."""

    def entries(self, room: Room) -> Iterator[list[Entry]]:
        """Give a room's entries in order, STEP_ENTRIES at a time."""


class Target(Source, Protocol):
    """A log that is written; what was written into it can be read."""

    def begin(self, contents: Contents, days: set[int]) -> None:
        """Prepare for so much. Raises LogError when there is no space for it."""

    def write(self, room: Room, entries: Sequence[Entry]) -> None:
        """Write some of a room's entries; what else is known of it comes with the first."""

    def settle(self) -> None:
        """Write what is left, so that everything can be read."""

    def room(self, name: str) -> Room | None:
        """Give a room, if it has one of that name."""

    def finish(self, epochs: list[str]) -> bool:
        """Make it a log that a server serves, with the epoch of each partition.

        False if it cannot have them, but has another one.
        """
