"""What a client knows of its room: its place in the log, who is there, what holds.

It has no thread and no lock: the client's lock guards it.
"""

from __future__ import annotations

from msgspec import UNSET
from msgspec.structs import replace

from chat.client.events import Event, Reset, Told, Unknown
from chat.protocol import (
    Acted,
    Edited,
    Ended,
    Entry,
    Gap,
    IsTyping,
    Join,
    Joined,
    Left,
    Member,
    Message,
    Muted,
    Pinned,
    Removed,
    Renamed,
    Rules,
    RulesSet,
    Seen,
    Welcome,
)


class Disorder(Exception):
    """An answer of the server that cannot be right: a new join corrects it."""


class Room:
    """A room as its newest welcome gave it, and as what was told since has changed it."""

    def __init__(self, name: str, nick: str | None, key: str, owner: str | None) -> None:
        self.name = name
        self.nick = nick  # of the next join
        self.welcome: Welcome | None = None
        self.me: Member | None = None
        self.people: dict[str, Member] = {}
        self.rules = Rules()
        self.pin: Message | None = None
        self._key = key
        self._owner = owner
        self._seen: Seen | None = None  # the last entry that was told

    @property
    def was_joined(self) -> bool:
        """Tell whether there was ever a welcome."""
        return self.me is not None

    def join_command(self) -> Join:
        """Make the command that enters the room, or comes back to this place."""
        return Join(self.name, self.nick, self._key, self._seen, self._owner)

    def is_mine(self, entry: Entry) -> bool:
        """Tell whether an entry is this member's own."""
        return self.me is not None and entry.member.id == self.me.id

    def enter(self, welcome: Welcome) -> list[Event]:
        """Take a welcome; give what it tells that is new. Raises Disorder."""
        before, was = self._seen, self.me
        resumed = before is not None and welcome.resumed
        entries = entries_of(welcome)
        if before is not None and resumed:
            expected = list(range(before.seq + 1, welcome.seq + 1))
            if [each.seq for each in entries] != expected or welcome.epoch != before.epoch:
                self._seen = None  # begin again, which is a reset
                raise Disorder("a welcome that does not follow what was seen")
        self.welcome, self.me, self.nick = welcome, welcome.member, welcome.member.nick
        self.people = {member.id: member for member in welcome.members}
        self.rules, self.pin = welcome.rules, welcome.pin
        self._seen = Seen(welcome.epoch, welcome.seq, welcome.at or None)
        told: list[Event] = []
        if was is not None and was.nick != self.nick:
            told.append(Renamed(self.me, was.nick))
        if resumed:
            return [*told, *entries]
        gap = None if was is None or (before and before.seq == 0) else _gap(welcome)
        return [*told, Reset(gap, tuple(welcome.messages), welcome.more)]

    def take(self, event: Told | Unknown) -> list[Event]:
        """Take any other event; give what it tells that is new. Raises Disorder."""
        match event:
            case Message() | Edited() | Removed() | Pinned() | RulesSet() | Unknown():
                return self._logged(event)
            case Joined(member=member):
                self.people[member.id] = member
            case Left(member=member):
                self.people.pop(member.id, None)
            case Renamed(member=member):
                self.people[member.id] = member
                if self.me is not None and member.id == self.me.id:
                    self.me, self.nick = member, member.nick
            case IsTyping() | Muted() | Acted() | Ended():
                pass
            case _:
                return []
        return [event]

    def _logged(self, entry: Entry | Unknown) -> list[Event]:
        """Take an entry of the log: the next one, or one that answers a repeated command."""
        assert self._seen is not None
        if entry.seq <= self._seen.seq:
            return []
        if entry.seq > self._seen.seq + 1:
            raise Disorder("entries are missing")
        self._seen = Seen(self._seen.epoch, entry.seq, entry.at)
        if isinstance(entry, Unknown):
            return []
        self._follow(entry)
        return [entry]

    def _follow(self, entry: Entry) -> None:
        """Change what holds in the room as a new entry says."""
        pinned = self.pin.seq if self.pin else None
        match entry:
            case RulesSet(rules=rules):
                self.rules = rules
            case Pinned(message=message):
                self.pin = None if message is None or message.removed else message
            case Removed(target=target) if target is not None and target == pinned:
                self.pin = None
            case Edited(target=target, text=text) if target == pinned and self.pin:
                self.pin = None if text is None else replace(self.pin, text=text, edited=entry.at)


def entries_of(welcome: Welcome) -> list[Entry]:
    """Give all entries that a welcome has, in order."""
    changes = () if welcome.changes is UNSET else welcome.changes
    return sorted([*welcome.messages, *changes], key=lambda entry: entry.seq)


def _gap(welcome: Welcome) -> Gap:
    return Gap.LOST if welcome.gap is UNSET else welcome.gap
