"""A worker's copy of a room: whatever comes first, it becomes what Redis has."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from chat.protocol import Joined, Left, Member, Renamed
from chat.rooms.room_copy import Change, Happening, Held, PersonThere, RoomCopy, Step

ANN, BOB, EVE = Member("ann", "Ann"), Member("bob", "Bob"), Member("eve", "Eve")


def step(before: int, version: int, *changes: Change) -> Step:
    return Step("general", str(before), str(version), list(changes))


def joined(member: Member, order: int) -> Change:
    return Change("joined", member.id, member.nick, "", order)


def left(member: Member) -> Change:
    return Change("left", member.id, member.nick, "", 0)


def renamed(member: Member, nick: str) -> Change:
    return Change("renamed", member.id, nick, member.nick, 1)


def there(**nicks: str) -> dict[str, PersonThere]:
    """Give people as Redis has them, in the order of arrival."""
    return {
        member_id: PersonThere(order, nick, [], "", 0.0, {})
        for order, (member_id, nick) in enumerate(nicks.items(), 1)
    }


def loaded(version: int, **nicks: str) -> RoomCopy:
    copy = RoomCopy()
    assert copy.load(version, there(**nicks)) == []
    return copy


def test_step_that_comes_twice_is_taken_once() -> None:
    copy = loaded(10)

    assert copy.take(step(10, 20, joined(ANN, 20))) == [Joined(ANN)]
    assert copy.take(step(10, 20, joined(ANN, 20))) == []
    assert copy.members() == [ANN]


def test_step_waits_for_the_one_before_it_but_its_member_is_known() -> None:
    copy = loaded(10, bob="Bob")
    copy.held["eve"] = Held(EVE, "")

    assert copy.take(step(20, 30, joined(EVE, 30))) == []
    assert copy.has_gap
    assert copy.find("eve") == EVE
    assert copy.members() == [BOB, EVE]
    assert copy.take(step(10, 20, joined(ANN, 20))) == [Joined(ANN), Joined(EVE)]
    assert not copy.has_gap
    assert copy.members() == [BOB, ANN, EVE]


def test_what_was_missed_is_told_when_the_room_is_read_again() -> None:
    copy = loaded(10, bob="Bob", ann="Ann")

    told = copy.load(50, there(ann="Anna", eve="Eve"))

    assert told == [Left(BOB), Renamed(Member("ann", "Anna"), "Ann"), Joined(EVE)]
    assert copy.take(step(20, 30, left(EVE))) == []  # it is older


def test_nobody_has_left_who_is_missing_while_that_is_doubted() -> None:
    copy = loaded(10, bob="Bob", ann="Ann")

    assert copy.load(5, {}, is_doubted=True) == []
    assert copy.take(step(5, 60, joined(ANN, 2))) == []
    assert copy.members() == [BOB, ANN]
    assert copy.load(60, there(ann="Ann")) == [Left(BOB)]


def test_another_history_of_the_room_is_noticed() -> None:
    copy = loaded(10, bob="Bob")
    copy.take(step(10, 20, joined(ANN, 20)))
    assert not copy.is_lost

    copy.take(step(0, 30, joined(EVE, 30)))

    assert copy.is_lost
    assert copy.members() == [BOB, ANN]


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Step], dict[str, str]]:
    """Make what happens in a room, and who is in it afterwards."""
    people: dict[str, str] = {}
    steps: list[Step] = []
    for number in range(draw(st.integers(1, 12))):
        member_id = draw(st.sampled_from(["ann", "bob", "eve"]))
        member = Member(member_id, people.get(member_id, member_id))
        version = 10 * (number + 1)
        if member_id not in people:
            people[member_id] = member_id
            change = joined(member, version)
        elif draw(st.booleans()):
            del people[member_id]
            change = left(member)
        else:
            people[member_id] = f"{member.nick}!"
            change = renamed(member, people[member_id])
        steps.append(step(10 * number, version, change))
    return steps, people


@given(histories(), st.randoms(use_true_random=False))
def test_any_order_of_the_steps_leads_to_the_same_people(
    history: tuple[list[Step], dict[str, str]], random: object
) -> None:
    steps, people = history
    copy = loaded(0)
    shuffled: list[Step] = [*steps, *steps[::2]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    told: list[Happening] = []
    for each in shuffled:
        told += copy.take(each)

    assert {member.id: member.nick for member in copy.members()} == people
    assert not copy.has_gap
    assert told == told_in_order(steps)


def told_in_order(steps: Sequence[Step]) -> list[Happening]:
    copy = loaded(0)
    return [event for each in steps for event in copy.take(each)]
