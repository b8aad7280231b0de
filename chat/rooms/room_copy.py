"""What a worker knows of the people in a room whose people are on Redis.

There is no lock here: presence has one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct
from msgspec.msgpack import Decoder

from chat.protocol import Joined, Left, Member, Renamed

_EARLY_LIMIT = 1000  # changes that may wait for those before them


#: What a room is told of its people.
Happening = Joined | Left | Renamed


class Change(NamedTuple):
    """What has happened to one member."""

    kind: str  # joined, left, renamed; typing, which is no change of a room
    member_id: str
    nick: str
    was: str
    order: int  # of its arrival


class Step(NamedTuple):
    """What has happened to a room, from one version to the next."""

    room: str
    before: str
    version: str
    changes: list[Change]


class PersonThere(Struct, array_like=True, frozen=True):
    """A member in a room, as Redis has it."""

    order: int
    nick: str
    looks: list[str]
    account: str
    renamed: float
    workers: dict[str, float]  # that hold it, and the turn of each one's last hold


class Held:
    """A member that this worker holds in a room."""

    __slots__ = ("account", "asking", "connections", "member")

    def __init__(self, member: Member, account: str) -> None:
        self.member = member  # with the nick that it was last held under; "" for none yet
        self.account = account
        self.connections = 0
        self.asking = 0  # joins and renames on their way to Redis


decode_step = Decoder(Step).decode
decode_changes = Decoder(list[Change]).decode
_decode_person = Decoder(PersonThere).decode


def decode_people(pairs: Sequence[bytes]) -> dict[str, PersonThere]:
    """Read the people of a room as Redis gives them: ids and people by turns."""
    people = {
        member_id.decode(): _decode_person(packed)
        for member_id, packed in zip(pairs[::2], pairs[1::2], strict=True)
    }
    return dict(sorted(people.items(), key=lambda item: item[1].order))


class RoomCopy:
    """The people of a room, as of a version; and those of them that this worker holds."""

    def __init__(self) -> None:
        self.is_loaded = False
        self.version = 0
        self.people: dict[str, Member] = {}  # in the order of arrival
        self.orders: dict[str, int] = {}
        self.held: dict[str, Held] = {}
        self.is_lost = False  # Redis has begun another history of the room
        self.doubted_until = 0.0  # monotonic seconds; until then nobody who is missing has left
        self._early: dict[int, Step] = {}  # by the version before

    @property
    def has_gap(self) -> bool:
        """Tell whether changes wait for one before them."""
        return bool(self._early)

    def find(self, member_id: str) -> Member | None:
        """Give a member as of the newest change that is known, although some before it may not."""
        if self._early and member_id in (ahead := self._ahead()):
            return ahead[member_id]
        return self.people.get(member_id)

    def members(self) -> list[Member]:
        """List the people, with those of this worker whose arrival waits for changes before it."""
        if not self._early:
            return list(self.people.values())
        ahead = self._ahead()
        known = (ahead.get(who, member) for who, member in self.people.items())
        late = (ahead.get(who) for who in self.held if who not in self.people)
        return [member for member in (*known, *late) if member is not None]

    def _ahead(self) -> dict[str, Member | None]:
        """Give whom the changes that wait are about, as they will be; None for who has left."""
        steps = sorted(self._early.values(), key=lambda step: int(step.version))
        return {
            change.member_id: None
            if change.kind == "left"
            else Member(change.member_id, change.nick)
            for step in steps
            for change in step.changes
        }

    def take(self, step: Step) -> list[Happening]:
        """Take a step when all before it were taken; give what has happened to the people."""
        if int(step.version) <= self.version:
            return []  # known already, from the reply or from the channel
        self.is_lost = self.is_lost or int(step.before) < self.version
        self._early[int(step.before)] = step
        if not self.is_loaded or len(self._early) > _EARLY_LIMIT:
            return []  # it is read as a whole
        return self._catch_up()

    def load(
        self, version: int, people: dict[str, PersonThere], *, is_doubted: bool = False
    ) -> list[Happening]:
        """Take the room as Redis has it; give what has happened meanwhile.

        Where it is doubted, who is missing stays: its worker may be about to hold it again.
        """
        events: list[Happening] = []
        is_first, self.is_loaded = not self.is_loaded, True
        for member_id in [each for each in self.people if each not in people]:
            if not is_doubted:
                events += self._apply(Change("left", member_id, "", "", 0))
        for member_id, person in people.items():
            events += self._apply(Change("joined", member_id, person.nick, "", person.order))
        by_order = sorted(self.people, key=self.orders.__getitem__)
        self.people = {member_id: self.people[member_id] for member_id in by_order}
        self.version = version
        for before in [each for each, step in self._early.items() if int(step.version) <= version]:
            del self._early[before]
        if len(self._early) > _EARLY_LIMIT:
            self._early.clear()
        self.is_lost = False
        return self._catch_up() if is_first else [*events, *self._catch_up()]

    def _catch_up(self) -> list[Happening]:
        events: list[Happening] = []
        while (step := self._early.pop(self.version, None)) is not None:
            for change in step.changes:
                events += self._apply(change)
            self.version = int(step.version)
        return events

    def _apply(self, change: Change) -> list[Happening]:
        was = self.people.get(change.member_id)
        if change.kind == "left":
            self.orders.pop(change.member_id, None)
            return [Left(self.people.pop(change.member_id))] if was else []
        member = Member(change.member_id, change.nick)
        self.people[change.member_id] = member
        self.orders[change.member_id] = change.order
        if was is None:
            return [Joined(member)]
        return [Renamed(member, was.nick)] if was.nick != change.nick else []
