"""Who is in which room of this worker, and whose addresses are remembered for how long."""

from __future__ import annotations

import pytest

from chat.rooms.attendance import Attendance
from chat.rooms.session import Session
from tests.rooms.test_pace import Clock

ROOM, ANN = "salon", "a" * 22


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attendance(clock: Clock) -> Attendance:
    return Attendance(clock)


def session(address: str, member_id: str = ANN) -> Session:
    session = Session(lambda event: 0, address=address)
    session.member_id = member_id
    return session


def test_addresses_are_those_of_who_is_there_and_was_lately(
    attendance: Attendance, clock: Clock
) -> None:
    here, gone, unknown = session("192.0.2.1"), session("192.0.2.2"), session("")
    other = session("192.0.2.9", "b" * 22)
    for each in (here, gone, unknown, other):
        attendance.enter(each, ROOM)
    assert attendance.addresses(ROOM, ANN) == {"192.0.2.1", "192.0.2.2"}
    attendance.leave(gone, ROOM, remember=True)
    assert set(attendance.sessions(ROOM)) == {here, unknown, other}
    clock.now_s += 600
    assert attendance.addresses(ROOM, ANN) == {"192.0.2.1", "192.0.2.2"}
    clock.now_s += 1
    assert attendance.addresses(ROOM, ANN) == {"192.0.2.1"}
    assert attendance.addresses("elsewhere", ANN) == set()


def test_address_is_forgotten_at_once_where_nobody_can_be_put_out(attendance: Attendance) -> None:
    gone = session("192.0.2.1")
    attendance.enter(gone, ROOM)
    attendance.leave(gone, ROOM)
    assert attendance.addresses(ROOM, ANN) == set()
    assert attendance.sessions(ROOM) == ()


def test_oldest_addresses_make_room_for_new_ones(attendance: Attendance) -> None:
    for number in range(10_001):
        gone = session(f"192.0.{number // 256}.{number % 256}")
        attendance.enter(gone, ROOM)
        attendance.leave(gone, ROOM, remember=True)
    found = attendance.addresses(ROOM, ANN)
    assert len(found) <= 10_000
    assert "192.0.0.0" not in found
    assert f"192.0.{10_000 // 256}.{10_000 % 256}" in found
