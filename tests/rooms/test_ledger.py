"""The ledger of budgets by address: what it counts together, what comes back, what it forgets."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from chat.config import read_settings
from chat.protocol import ErrorCode, Refused
from chat.rooms.amounts import Abuse
from chat.rooms.ledger import Account, Budget, Ledger, read_allowance
from tests.rooms.test_pace import Clock

SMALL = {
    "CHAT_ADDRESS_SOCKETS": "3",
    "CHAT_ADDRESS_WEBSOCKETS": "2",
    "CHAT_ADDRESS_CONNECTS": "4",
    "CHAT_ADDRESS_JOINS": "4",
    "CHAT_ADDRESS_NEW_ROOMS": "2",
    "CHAT_ADDRESS_POSTS": "10",
    "CHAT_ADDRESS_REFUSALS": "2",
}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(clock: Clock) -> Ledger:
    return Ledger(read_allowance(read_settings(SMALL)), now_s=clock)


def waits(account: Account, budget: Budget, number: float = 1) -> float | None:
    """Take from a budget; give the seconds to wait, 0 if that was allowed."""
    try:
        account.spend(budget, number)
    except Refused as refused:
        return refused.retry_after if refused.code is ErrorCode.RATE_LIMITED else None
    return 0.0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8:0:0:ffff::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("", "", True),
        ("", "127.0.0.1", False),
    ],
)
def test_address_is_ipv4_or_what_one_subscriber_has_of_ipv6(
    ledger: Ledger, one: str, other: str, same: bool
) -> None:
    assert (ledger.account(one) is ledger.account(other)) is same


def test_budget_may_be_used_at_once_and_comes_back_evenly(ledger: Ledger, clock: Clock) -> None:
    account = ledger.account("192.0.2.1")

    assert [waits(account, Budget.JOINS) for _ in range(5)] == [0, 0, 0, 0, 15]
    clock.now_s += 14
    assert waits(account, Budget.JOINS) == pytest.approx(1)
    clock.now_s += 1
    assert [waits(account, Budget.JOINS) for _ in range(2)] == [0, 15]
    clock.now_s += 3600
    assert [waits(account, Budget.JOINS) for _ in range(5)] == [0, 0, 0, 0, 15]


def test_who_waits_as_long_as_it_is_told_gets_through(ledger: Ledger, clock: Clock) -> None:
    account = ledger.account("192.0.2.1")
    for _ in range(1000):
        if wait_s := waits(account, Budget.POSTS):
            clock.now_s += wait_s
            assert waits(account, Budget.POSTS) == 0


def test_debt_is_waited_for(ledger: Ledger, clock: Clock) -> None:
    account = ledger.account("192.0.2.1")
    minute = ledger.allowance.amounts[Budget.SENT_BYTES].number
    account.charge(Budget.SENT_BYTES, 3 * minute)

    assert waits(account, Budget.SENT_BYTES, 0) == pytest.approx(120)
    with pytest.raises(Refused):
        account.enter("general")
    clock.now_s += 120
    account.enter("general")


def test_post_that_is_refused_uses_nothing_up(ledger: Ledger, clock: Clock) -> None:
    account = ledger.account("192.0.2.1")
    size = int(ledger.allowance.amounts[Budget.POST_BYTES].number)
    account.post("general", size)
    for _ in range(20):
        with pytest.raises(Refused):
            account.post("general", 100)
    clock.now_s += 60
    for _ in range(10):
        account.post("general", 100)
    with pytest.raises(Refused) as refused:
        account.post("general", 100)
    assert refused.value.retry_after == pytest.approx(6, abs=0.1)


def test_share_of_a_room_is_of_each_room(clock: Clock) -> None:
    settings = read_settings({"CHAT_RETENTION_MESSAGES": "1000", "CHAT_ROOM_SHARE_PERCENT": "15"})
    account = Ledger(read_allowance(settings), now_s=clock).account("192.0.2.1")
    for _ in range(150):
        account.post("one", 1)
    with pytest.raises(Refused) as refused:
        account.post("one", 1)
    assert refused.value.retry_after == pytest.approx(4 * 3600 / 150)
    account.post("other", 1)


def test_join_into_known_rooms_is_not_one_into_a_new_room(ledger: Ledger) -> None:
    account = ledger.account("192.0.2.1")
    account.enter("one")
    account.enter("two")
    with pytest.raises(Refused) as refused:
        account.enter("three")
    assert refused.value.retry_after == 1800
    account.enter("one")  # the refused one was not counted as a join
    account.enter("one")
    with pytest.raises(Refused):
        account.enter("one")


def test_who_comes_back_to_its_place_is_hardly_charged(ledger: Ledger) -> None:
    account = ledger.account("192.0.2.1")
    for _ in range(30):
        assert account.open_ws() == 0
        account.enter("general")
        account.resumed()
        account.close_ws()


def test_sockets_and_websockets_are_counted_until_they_end(ledger: Ledger) -> None:
    account = ledger.account("192.0.2.1")
    assert [account.open_socket() for _ in range(4)] == [True, True, True, False]
    account.close_socket()
    assert account.open_socket()
    assert [account.open_ws() > 0 for _ in range(3)] == [False, False, True]
    account.close_ws()
    assert account.open_ws() == 0


def test_address_has_a_quarter_of_the_places_but_a_class_finds_room_in_a_small_house() -> None:
    ledger = Ledger(read_allowance(read_settings({})))
    shares = []
    for places in (1, 40, 100, 1000):
        ledger.fit(places, places)
        shares.append(ledger.allowance.websockets)
    assert shares == [1, 40, 40, 250]
    ledger = Ledger(read_allowance(read_settings({"CHAT_ADDRESS_WEBSOCKETS": "7"})))
    ledger.fit(1000, 1000)
    assert (ledger.allowance.sockets, ledger.allowance.websockets) == (250, 7)


def test_abuse_lets_the_address_cool_down(ledger: Ledger, clock: Clock) -> None:
    account = ledger.account("192.0.2.1")
    account.refused()
    account.refused()
    with pytest.raises(Abuse):
        account.refused()
    account.cool_down()
    assert account.open_ws() == 30
    clock.now_s += 30
    assert account.open_ws() == 0


def test_sockets_that_stay_open_are_counted_for_days(ledger: Ledger, clock: Clock) -> None:
    account = ledger.account("192.0.2.1")
    assert [account.open_socket() for _ in range(4)] == [True, True, True, False]
    for _ in range(8):
        clock.now_s += 86_400
        ledger.account("192.0.2.2")
    account = ledger.account("192.0.2.1")
    assert not account.open_socket()
    for _ in range(3):
        account.close_socket()
    for _ in range(2):
        clock.now_s += 86_400
        ledger.account("192.0.2.2")
    assert ledger.account("192.0.2.1") is not account  # it is known for a day only


def test_account_is_kept_when_the_salt_of_the_day_changes(ledger: Ledger, clock: Clock) -> None:
    account = ledger.account("192.0.2.1")
    for _ in range(3):
        clock.now_s += 86_400
        assert ledger.account("192.0.2.1") is account


def test_emptiest_accounts_are_forgotten_and_those_with_sockets_never(ledger: Ledger) -> None:
    greedy, there = ledger.account("192.0.2.1"), ledger.account("192.0.2.2")
    while not waits(greedy, Budget.JOINS):
        pass
    there.open_socket()
    for number in range(12_000):
        ledger.account(f"10.0.{number >> 8}.{number & 255}")
        assert len(ledger) <= 10_000
    assert ledger.account("192.0.2.1") is greedy
    assert ledger.account("192.0.2.2") is there


def test_room_that_was_entered_long_ago_is_new_again(clock: Clock) -> None:
    # So what an account remembers of rooms is bounded.
    settings = read_settings({"CHAT_ADDRESS_NEW_ROOMS": "501", "CHAT_ADDRESS_JOINS": "1000"})
    account = Ledger(read_allowance(settings), now_s=clock).account("192.0.2.1")
    for number in range(501):
        account.enter(f"r{number}")
    account.enter("r500")
    with pytest.raises(Refused):
        account.enter("r0")


def test_share_of_a_room_is_not_got_again_by_entering_others(clock: Clock) -> None:
    settings = {"CHAT_RETENTION_MESSAGES": "1000", "CHAT_ADDRESS_JOINS": "1000"}
    account = Ledger(read_allowance(read_settings(settings)), now_s=clock).account("192.0.2.1")
    account.enter("one")
    for _ in range(100):
        account.post("one", 1)
    for number in range(599):  # as many as an address may enter in an hour
        clock.now_s += 0.01
        account.enter(f"r{number}")
    with pytest.raises(Refused):
        account.post("one", 1)


def test_share_of_a_room_is_not_got_again_by_posting_into_others(clock: Clock) -> None:
    settings = {
        "CHAT_RETENTION_MESSAGES": "1000",
        "CHAT_ADDRESS_JOINS": "1000",
        "CHAT_ADDRESS_POSTS": "100000",
    }
    account = Ledger(read_allowance(read_settings(settings)), now_s=clock).account("192.0.2.1")
    for number in range(500):
        account.post(f"r{number}", 1)
    with pytest.raises(Refused) as refused:  # no room's share may be forgotten
        account.post("one", 1)
    assert refused.value.retry_after == 4 * 3600 / 100
    clock.now_s += 4 * 3600 / 100  # that of the first is whole again
    account.post("one", 1)
    for number in range(1, 500):
        for _ in range(2):
            account.post(f"r{number}", 1)
    for _ in range(99):
        account.post("one", 1)
    with pytest.raises(Refused):
        account.post("one", 1)


def test_limit_is_told_with_its_setting(clock: Clock) -> None:
    told: list[str] = []
    ledger = Ledger(
        read_allowance(read_settings(SMALL)), lambda _, line: told.append(line), now_s=clock
    )
    account = ledger.account("192.0.2.1")
    for _ in range(11):
        try:
            account.post("general", 1)
        except Refused:
            pass
    for _ in range(3):
        account.open_ws()
    for _ in range(4):
        account.open_socket()
    assert told == [
        "An address is limited: CHAT_ADDRESS_POSTS allows 10 in 60 s",
        "An address has too many WebSockets: CHAT_ADDRESS_WEBSOCKETS=2",
        "An address has too many sockets: CHAT_ADDRESS_SOCKETS=3",
    ]


def test_threads_share_a_budget_exactly(ledger: Ledger) -> None:
    account = ledger.account("192.0.2.1")
    with ThreadPoolExecutor(4) as threads:
        given = list(threads.map(lambda _: waits(account, Budget.POSTS), range(200)))
    assert given.count(0.0) == 10
