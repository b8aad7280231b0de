"""One ledger over all workers: two ledgers on a real Redis, as two workers have them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from redis.exceptions import RedisError

from chat.config import read_settings
from chat.protocol import Refused
from chat.redis.servers import Servers
from chat.rooms import ledger_exchange
from chat.rooms.ledger import Account, Budget, Ledger, read_allowance
from chat.rooms.ledger_exchange import LedgerExchange
from tests.rooms.test_ledger import SMALL, waits
from tests.rooms.test_pace import Clock
from tests.support.redis import RedisCluster, RedisServer
from tests.support.waiting import wait_until

ADDRESS = "192.0.2.1"
SMALL_ROOMS = {"CHAT_RETENTION_MESSAGES": "1000", "CHAT_ADDRESS_POSTS": "1000"}
_WITHIN_S = 20.0


class Worker:
    """A ledger and its exchange, of which a test does each step; or a thread, as in a worker."""

    def __init__(
        self,
        url: str,
        now_s: Callable[[], float] = time.monotonic,
        *,
        lease_s: float = 20.0,
        day_s: float = 86_400.0,
        **settings: str,
    ) -> None:
        self.ledger = Ledger(read_allowance(read_settings({**SMALL, **settings})), now_s=now_s)
        self.servers = Servers(url, timeout_s=0.3)
        self.servers.start()
        self.exchange = LedgerExchange(self.ledger, self.servers, lease_s=lease_s, day_s=day_s)
        self.exchange.step()  # gets the salts, as `start` does

    def account(self, address: str = ADDRESS) -> Account:
        return self.ledger.account(address)

    def step(self) -> None:
        self.exchange.step()

    def step_at_last(self) -> None:
        """Do a step as soon as Redis can be asked again."""
        deadline = time.monotonic() + _WITHIN_S
        while True:
            try:
                self.step()
                return
            except RedisError:
                assert time.monotonic() < deadline
                time.sleep(0.02)  # bounded by the deadline: there is no event to wait for

    def come(self) -> Account:
        """Let the address come to this worker, and the worker ask about it."""
        account = self.account()
        if account.open_socket():
            account.close_socket()
        self.step()
        return account


def use_up(account: Account, budget: Budget) -> int:
    """Use up a budget; give how much of it was there."""
    number = 0
    while not waits(account, budget):
        number += 1
    return number


def open_all(account: Account) -> int:
    """Open WebSockets until no place is left; give how many were."""
    number = 0
    while not account.open_ws():
        number += 1
    return number


@pytest.fixture
def make_worker(redis: RedisServer) -> Iterator[Callable[..., Worker]]:
    """Make workers on a Redis that has nothing yet."""
    with redis.client() as client:
        client.flushall()
    made: list[Worker] = []

    def make(*arguments: Clock, **options: float | str) -> Worker:
        worker = Worker(redis.url, *arguments, **options)  # type: ignore[arg-type]
        made.append(worker)
        return worker

    yield make
    for worker in made:
        worker.exchange.close()
        worker.servers.close()


@pytest.fixture
def one(make_worker: Callable[..., Worker]) -> Worker:
    return make_worker()


@pytest.fixture
def other(make_worker: Callable[..., Worker]) -> Worker:
    return make_worker()


def test_what_is_used_up_at_one_worker_is_used_up_at_the_other(one: Worker, other: Worker) -> None:
    assert use_up(one.account(), Budget.POSTS) == 10
    one.step()
    account = other.come()
    assert waits(account, Budget.POSTS) == pytest.approx(6, abs=0.2)
    assert waits(account, Budget.JOINS) == 0
    assert waits(other.account("192.0.2.2"), Budget.POSTS) == 0


def test_what_is_used_at_both_is_added_up(one: Worker, other: Worker) -> None:
    for worker in (one, other):
        for _ in range(3):
            assert not waits(worker.account(), Budget.POSTS)
    one.step()
    other.step()
    assert use_up(other.account(), Budget.POSTS) == 4
    other.step()
    assert use_up(one.come(), Budget.POSTS) == 0


def test_what_was_gained_before_the_exchange_is_owed_after_it(one: Worker, other: Worker) -> None:
    for worker in (one, other):
        worker.come()
        assert use_up(worker.account(), Budget.POSTS) == 10
    one.step()
    other.step()
    assert waits(other.account(), Budget.POSTS) == pytest.approx(66, abs=0.5)
    assert waits(one.come(), Budget.POSTS) == pytest.approx(66, abs=0.5)


def test_who_waits_as_long_as_it_was_told_gets_through(
    make_worker: Callable[..., Worker], one: Worker
) -> None:
    clock = Clock()
    worker = make_worker(clock)
    account = worker.account()
    use_up(account, Budget.POSTS)
    told = waits(account, Budget.POSTS)
    assert told
    clock.now_s += 0.5
    worker.step()  # does not make it longer
    assert waits(account, Budget.POSTS) <= told - 0.5 + 0.01
    assert waits(one.come(), Budget.POSTS) <= told - 0.5 + 0.01


def test_share_of_a_room_is_one_share_at_all_workers(make_worker: Callable[..., Worker]) -> None:
    one, other = make_worker(**SMALL_ROOMS), make_worker(**SMALL_ROOMS)
    for _ in range(100):
        one.account().post("room", 1)
    one.step()
    account = other.come()
    with pytest.raises(Refused) as refused:
        account.post("room", 1)
    assert refused.value.retry_after == pytest.approx(4 * 3600 / 100, abs=0.5)
    account.post("other", 1)


def test_room_that_was_entered_before_is_asked_about(make_worker: Callable[..., Worker]) -> None:
    one, other = make_worker(**SMALL_ROOMS), make_worker(**SMALL_ROOMS)
    for worker in (one, other):
        worker.come()
        worker.account().enter("room")
        worker.step()
    for _ in range(100):
        one.account().post("room", 1)
    one.step()
    other.account().post("room", 1)
    other.step()
    with pytest.raises(Refused):
        other.account().post("room", 1)


def test_places_are_counted_at_all_workers(one: Worker, other: Worker) -> None:
    assert not one.account().open_ws()
    assert one.account().open_socket()
    one.step()
    account = other.come()
    assert open_all(account) == 1
    assert [account.open_socket() for _ in range(3)] == [True, True, False]
    one.account().close_ws()
    one.account().close_socket()
    one.step()
    other.step()  # it asks, because the address wanted more than it had
    assert open_all(account) == 1
    assert [account.open_socket() for _ in range(2)] == [True, False]


def test_places_of_a_killed_worker_are_free_after_its_lease(
    make_worker: Callable[..., Worker],
) -> None:
    killed, other = make_worker(lease_s=0.3), make_worker(lease_s=0.3)
    assert open_all(killed.account()) == 2
    killed.step()
    account = other.come()
    assert account.open_ws()
    deadline = time.monotonic() + _WITHIN_S
    while account.open_ws():
        assert time.monotonic() < deadline
        other.step()
    assert account.sockets_elsewhere == account.websockets_elsewhere == 0


def test_places_count_again_once_their_worker_is_heard_again(
    make_worker: Callable[..., Worker],
) -> None:
    silent, other = make_worker(lease_s=0.2), make_worker()
    assert open_all(silent.account()) == 2
    silent.step()
    deadline = time.monotonic() + _WITHIN_S
    while other.come().websockets_elsewhere:
        assert time.monotonic() < deadline
    for _ in range(2):  # it is told that it was taken for dead
        silent.step()
    assert other.come().open_ws()


def test_places_of_a_worker_that_stops_are_free_at_once(one: Worker, other: Worker) -> None:
    one.exchange.start()
    assert open_all(one.account()) == 2
    one.exchange.close()
    assert not other.come().open_ws()


def test_abuse_lets_the_address_cool_down_at_all_workers(one: Worker, other: Worker) -> None:
    one.account().cool_down()
    one.step()
    assert other.come().open_ws() == pytest.approx(30, abs=0.2)


def test_who_comes_back_to_its_place_is_hardly_charged_at_any_worker(
    one: Worker, other: Worker
) -> None:
    for _ in range(15):
        for worker in (one, other):
            account = worker.account()
            assert account.open_ws() == 0
            account.enter("general")
            worker.step()
            account.resumed()
            account.close_ws()
            worker.step()


def test_what_redis_has_lost_the_workers_tell_again(
    redis: RedisServer, one: Worker, other: Worker, make_worker: Callable[..., Worker]
) -> None:
    use_up(one.account(), Budget.POSTS)
    assert not one.account().open_ws()
    one.step()
    assert not other.come().open_ws()
    other.step()
    with redis.client() as client:
        client.flushall()
    for worker in (one, other):
        waits(worker.account(), Budget.TYPING)
        worker.step()
        assert waits(worker.account(), Budget.POSTS)
        worker.step()
    third = make_worker().come()
    assert waits(third, Budget.POSTS) == pytest.approx(6, abs=0.5)
    assert third.open_ws()


def test_report_whose_answer_was_lost_is_counted_once(
    redis: RedisServer, one: Worker, other: Worker
) -> None:
    one.come()
    for _ in range(4):
        waits(one.account(), Budget.POSTS)
    redis.freeze()
    try:
        for _ in range(2):
            with pytest.raises(RedisError):
                one.step()
            waits(one.account(), Budget.POSTS)
    finally:
        redis.thaw()
    one.step_at_last()
    one.step()
    assert use_up(other.come(), Budget.POSTS) == 4
    assert use_up(one.account(), Budget.POSTS) == 4


def test_without_redis_each_goes_on_alone_and_tells_later(
    redis: RedisServer, one: Worker, other: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for worker in (one, other):
        worker.come()
        worker.exchange.start()
    redis.kill()
    try:
        for worker in (one, other):
            for _ in range(4):
                assert waits(worker.account(), Budget.POSTS) == 0
        time.sleep(1.2)  # two rounds in vain, and no more lines for it
    finally:
        redis.start()
    deadline = time.monotonic() + _WITHIN_S
    while one.account().used(time.monotonic()) < 0.7:
        assert time.monotonic() < deadline
        waits(one.account(), Budget.TYPING)
        time.sleep(0.01)
    assert use_up(one.account(), Budget.POSTS) == 2
    lines = [record.message for record in caplog.records]
    assert sum("counts alone" in line for line in lines) == 2
    assert sum("together again" in line for line in lines) == 2
    assert len(lines) == 4


def test_use_that_had_come_back_while_redis_was_away_is_not_owed(
    make_worker: Callable[..., Worker], one: Worker
) -> None:
    clock = Clock()
    worker = make_worker(clock)
    account = worker.account()
    for _ in range(20):  # half of what comes back, for ten minutes
        assert waits(account, Budget.JOINS) == 0
        clock.now_s += 30
    worker.step()
    assert use_up(one.come(), Budget.JOINS) == 4


def test_little_at_each_of_many_workers_is_much(make_worker: Callable[..., Worker]) -> None:
    # Each gives out what comes back meanwhile: by its own count, nothing is ever used.
    clocks = [Clock() for _ in range(4)]
    workers = [make_worker(clock) for clock in clocks]
    for worker in workers:
        worker.account().spend(Budget.JOINS)
    for worker, clock in zip(workers, clocks, strict=True):
        clock.now_s += 15
        assert worker.account().used(clock.now_s) == 0
        worker.step()
    assert use_up(make_worker().come(), Budget.JOINS) == 1


def test_salts_of_the_day_are_the_same_at_all_workers(
    redis: RedisServer, make_worker: Callable[..., Worker]
) -> None:
    one, other = make_worker(day_s=0.3), make_worker(day_s=0.3)
    seen = set()
    deadline = time.monotonic() + _WITHIN_S
    while len(seen) < 4:
        assert time.monotonic() < deadline
        one.step()
        other.step()
        today = one.ledger.salts()[0]
        if today == other.ledger.salts()[0]:
            seen.add(today)
    with redis.client() as client:
        [name] = client.keys("*account-salts")
        assert client.hlen(name) == 2  # nobody is here who came before
        assert client.pttl(name) <= 600


def test_places_of_the_day_before_are_counted_at_all_workers(
    make_worker: Callable[..., Worker],
) -> None:
    one, other = make_worker(day_s=0.3), make_worker(day_s=0.3)
    use_up(one.account(), Budget.POSTS)
    assert open_all(one.account()) == 2
    one.step()
    yesterday = one.ledger.salts()[0]
    deadline = time.monotonic() + _WITHIN_S
    while one.ledger.salts()[0] == yesterday or other.ledger.salts()[0] != one.ledger.salts()[0]:
        assert time.monotonic() < deadline
        one.step()
        other.step()
    account = other.come()
    assert account.open_ws()
    assert waits(account, Budget.POSTS) == pytest.approx(6, abs=3)
    other.step()
    assert account.open_ws()
    for _ in range(2):
        one.account().close_ws()  # it comes to the first worker again, under its new hash
    one.step()
    other.step()
    assert open_all(account) == 2


def test_address_is_asked_about_when_its_first_connection_comes(
    one: Worker, other: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_exchange, "_EVERY_S", 3600.0)
    use_up(one.account(), Budget.POSTS)
    one.step()
    other.exchange.start()
    account = other.account()
    wait_until(lambda: account.asked_at)
    assert waits(account, Budget.POSTS)


def test_others_are_told_while_new_addresses_come_all_the_time(one: Worker, other: Worker) -> None:
    one.exchange.start()
    account = one.account()
    deadline = time.monotonic() + _WITHIN_S
    wait_until(lambda: account.asked_at)
    use_up(account, Budget.POSTS)
    number = 0
    while other.come().used(time.monotonic()) < 0.9:
        assert time.monotonic() < deadline
        for _ in range(5):
            number += 1
            one.account(f"10.0.{number >> 8}.{number & 255}")


def test_what_is_untold_is_bounded(redis: RedisServer, one: Worker) -> None:
    redis.freeze()
    try:
        for number in range(12_000):
            one.account(f"10.0.{number >> 8}.{number & 255}").open_ws()
            one.account(f"10.0.{number >> 8}.{number & 255}").close_ws()
        assert one.ledger.untold is not None
        assert len(one.ledger.untold) <= 10_000
    finally:
        redis.thaw()


def test_place_is_given_up_whose_account_was_forgotten(make_worker: Callable[..., Worker]) -> None:
    one, other = make_worker(lease_s=1.0), make_worker()
    assert open_all(one.account()) == 2
    one.step()
    for _ in range(2):
        one.account().close_ws()
    for number in range(12_000):  # before that is told, many others come, who use more
        one.account(f"10.0.{number >> 8}.{number & 255}").charge(Budget.POSTS, 5)
    deadline = time.monotonic() + _WITHIN_S
    while other.come().open_ws():
        assert time.monotonic() < deadline
        one.step()


def test_redis_forgets_an_address_once_it_has_nothing_used(redis: RedisServer, one: Worker) -> None:
    one.account().charge(Budget.POSTS, 0.1)  # 0.6 s
    one.account().post("room", 1)
    one.step()
    with redis.client() as client:
        ttls = {name: client.pttl(name) for name in client.keys("*:account*:*")}
    assert len(ttls) == 2
    assert all(0 < ttl <= 6600 for name, ttl in ttls.items() if b"rooms" not in name)
    assert all(0 < ttl <= 4 * 3600 * 1000 for ttl in ttls.values())


def test_partitions_of_a_cluster_share_accounts_too(tmp_path: pytest.TempPathFactory) -> None:
    cluster = RedisCluster(tmp_path)  # type: ignore[arg-type]
    try:
        cluster.start()
        one, other = Worker(cluster.url), Worker(cluster.url)
        addresses = [f"192.0.2.{number}" for number in range(200)]
        for address in addresses:
            use_up(one.account(address), Budget.NEW_ROOMS)
        one.step()
        for address in addresses:
            other.account(address)
        other.step()
        assert all(waits(other.account(address), Budget.NEW_ROOMS) for address in addresses)
    finally:
        cluster.end()
