"""Which nick belongs to which member in a room, and for how long."""

from __future__ import annotations

from chat.rooms.roster import Roster

ANN, BOB = "ann-id", "bob-id"


def test_nick_of_somebody_who_is_here_is_taken_for_others_only() -> None:
    roster = Roster()
    roster.hold("Ann", ANN)

    assert roster.taken("ann", BOB, now=0.0)
    assert not roster.taken("ann", ANN, now=0.0)


def test_reservation_holds_until_it_is_over_and_is_forgotten_then() -> None:
    roster = Roster()
    roster.reserve("Ann", ANN, until=10.0)
    roster.reserve("Bob", BOB, until=20.0)

    assert roster.taken("Ann", BOB, now=9.0)
    assert not roster.taken("Ann", BOB, now=10.0)
    roster.forget_expired(10.0)
    assert not roster.taken("Ann", BOB, now=0.0)
    assert roster.taken("Bob", ANN, now=0.0)
    roster.forget_expired(20.0)
    assert not roster.reserved


def test_whoever_comes_back_holds_the_nick_again() -> None:
    roster = Roster()
    roster.hold("Ann", ANN)
    roster.reserve("Ann", ANN, until=10.0)
    roster.hold("Ann", ANN)

    assert not roster.reserved
    assert roster.taken("Ann", BOB, now=11.0)


def test_only_so_many_looks_are_kept_and_the_oldest_go_first() -> None:
    roster = Roster()
    for number in range(3000):
        roster.reserve(f"nick{number}", f"id{number}", until=10.0)

    assert len(roster.reserved) == 2000
    assert not roster.taken("nick0", ANN, now=0.0)
    assert roster.taken("nick2999", ANN, now=0.0)


def test_nick_is_not_pushed_out_by_many_members_of_one_account() -> None:
    roster = Roster()
    roster.reserve("Ann", ANN, until=10.0, account="hers")
    for number in range(3000):
        roster.reserve(f"nick{number}", f"id{number}", until=10.0, account="a stranger's")

    assert roster.taken("Ann", BOB, now=0.0)
    assert not roster.taken("nick0", BOB, now=0.0)
    assert len(roster.reserved) <= 2000


def test_nick_before_a_twin_of_it_stays_reserved_with_its_other_looks() -> None:
    for before, after, other in (("Ian", "lan", "ian"), ("NIKH", "νικη", "nikh")):
        roster = Roster()
        roster.hold(before, ANN)
        roster.reserve(before, ANN, until=10.0)
        roster.hold(after, ANN)
        assert roster.taken(other, BOB, now=0.0)
        roster.reserve(after, ANN, until=20.0)
        assert roster.taken(other, BOB, now=9.0)
        assert roster.taken(after, BOB, now=19.0)
        roster.forget_expired(20.0)
        assert not any((roster.reserved, roster.kept, roster.of_account))


def test_member_keeps_the_three_nicks_that_it_had_last() -> None:
    roster = Roster()
    for number in range(10):
        roster.reserve(f"nick{number}", BOB, until=10.0)

    taken = [number for number in range(10) if roster.taken(f"nick{number}", ANN, now=0.0)]
    assert taken == [7, 8, 9]


def test_who_keeps_most_nicks_loses_them_first() -> None:
    roster = Roster()
    roster.reserve("Ann", ANN, until=10.0)
    for number in range(3000):
        roster.reserve(f"nick{number}", f"id{number // 3}", until=10.0)

    assert len(roster.reserved) <= 2000
    assert roster.taken("Ann", BOB, now=0.0)
    assert roster.taken("nick2999", ANN, now=0.0)


def test_nothing_is_left_of_nicks_that_are_kept_no_more() -> None:
    roster = Roster()
    for nick in ("Ann", "АNN", "ann", "Ann.", "Anna"):  # most of them share their looks
        roster.reserve(nick, ANN, until=10.0)
        roster.hold(nick, ANN)
    roster.reserve("Anna", ANN, until=10.0)
    assert roster.taken("Anna", BOB, now=0.0)

    roster.forget_expired(10.0)

    assert not roster.reserved
    assert not roster.kept
