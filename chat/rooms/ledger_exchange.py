"""One ledger over all workers: they tell each other, through Redis, what addresses have used.

A worker's own ledger decides, at once. Twice a second a thread tells Redis what was used since, of
the accounts of which something was, and learns where these stand altogether. So an address that
goes to another worker gains what it uses before that worker has asked, and owes it afterwards. A
worker asks about an address when its first connection comes. While Redis cannot be asked, each
ledger goes on alone, and tells later what was used meanwhile.

Clocks differ, so what is told is amounts, and how long ago: a script on Redis reckons with Redis's
own clock. Sockets are places that a worker has taken for an address: they are free once the worker
has not been heard of for a while.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from threading import Event, Thread
from typing import NamedTuple

import msgspec
from redis.exceptions import RedisError

from chat.redis.partitions import key, partition_of
from chat.redis.servers import Command, Servers
from chat.rooms.amounts import Amount
from chat.rooms.ledger import Account, Allowance, Budget, Ledger, Standing, Usage
from chat.rooms.ledger_scripts import REPORT, SALTS

_logger = logging.getLogger(__name__)

_EVERY_S = 0.5
_URGENT_S = 0.02  # from one round to the next at least, if there is an account to be asked about
_AT_ONCE = 100  # accounts in one round trip, or few more
_A_ROUND = 25  # accounts of one partition: 1,600 in all cost a tenth of a core; others come next
_LEASE_S = 20.0  # from the last word of a worker until its places are free
_BEATS = 4  # words of a worker within its lease, where it has places
_SALTS_EVERY_S = 60.0
_DAY_S = 86_400.0
_SALTS_LIMIT = 30
_SALT_KEPT = 1 / 144  # of a day, after a worker last said that it needs the salt of one before
_PLACES_KEPT_S = 7200.0  # an account with places that nobody tells of any more
_RENEW_S = 3600.0  # so they are told again, long before
_STOP_WITHIN_S = 1.0


class _Answer(NamedTuple):
    """What Redis says of one account; milliseconds from now on."""

    sockets_elsewhere: int
    websockets_elsewhere: int
    cool: float
    budgets: list[tuple[str, float]]
    rooms: list[tuple[str, float]]

    def standing(self, now: float) -> Standing:
        """Give it in the times of this process."""
        return Standing(
            {
                Budget[name]: now + level / 1000
                for name, level in self.budgets
                if name in Budget.__members__  # else it is of a newer program
            },
            {room: now + level / 1000 for room, level in self.rooms},
            now + self.cool / 1000,
        )


class _Report:
    """What is told of one account, until it is answered."""

    __slots__ = ("_is_first", "_standing", "_usage", "key", "sockets", "websockets")

    def __init__(self, key: bytes, usage: Usage, account: Account | None) -> None:
        """Take what is to be told, with the ledger's lock held; no account: it was forgotten."""
        self.key = key
        self._usage = usage
        self._standing = account.standing(usage.rooms) if account else Standing({}, {}, 0.0)
        self.sockets = account.sockets if account else 0
        self.websockets = account.websockets if account else 0
        self._is_first = account is not None and not account.asked_at

    def packed(self, number: int, allowance: Allowance, now: float) -> list[object]:
        """Give it as the script reads it."""
        budgets, rooms = [], []
        for budget, used in zip(Budget, self._usage.amounts, strict=True):
            level_s = self._standing.full_at.get(budget, 0.0) - now
            if used or level_s > 0:
                budgets.append([budget.name, *_reckoned(allowance.amounts[budget], used, level_s)])
        for room, posts in self._usage.rooms.items():
            level_s = self._standing.rooms.get(room, 0.0) - now
            rooms.append([room, *_reckoned(allowance.room, posts, level_s)])
        return [
            number,
            (now - self._usage.since) * 1000,
            self.sockets,
            self.websockets,
            max(0.0, self._standing.cool_at - now) * 1000,
            budgets,
            rooms,
            self._is_first,
        ]


class _Batch(NamedTuple):
    """The reports of one partition; one that was not answered is sent again as it is."""

    number: int
    reports: list[_Report]


_LOOK: list[object] = [0, 0, 0, 0, 0, (), (), True]  # tells nothing, and gives places up
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(tuple[bool, list[_Answer]]).decode


class LedgerExchange:
    """What this worker's ledger tells the others and learns from them, on a thread of its own."""

    def __init__(
        self,
        ledger: Ledger,
        servers: Servers,
        *,
        lease_s: float = _LEASE_S,
        day_s: float = _DAY_S,
    ) -> None:
        """Prepare; from now on the ledger notes what is used.

        Places of a worker that says nothing for `lease_s` are free; a salt is used for `day_s`.
        """
        self._ledger = ledger
        self._servers = servers
        self._lease_s = lease_s
        self._day_s = day_s
        self._woken = Event()
        self._closing = Event()
        self._thread: Thread | None = None
        # What follows is the thread's.
        self._number = 0  # of the last batch
        self._unanswered: dict[int, _Batch] = {}  # by partition
        self._places: dict[bytes, int] = {}  # accounts that have places here, and their partitions
        self._heard_at: dict[int, float] = {}  # when Redis last heard of this worker, by partition
        self._beat_at = self._renew_at = 0.0
        self._salts_at = self._day_at = 0.0  # when to ask for the salts; when today's was begun
        self._away_since: float | None = None  # when Redis could first not be asked, if it cannot
        self._is_alone = False  # it has been away for longer than other workers' places last
        ledger.share(self._woken.set)

    def start(self) -> None:
        """Get the salts, if Redis can be asked, and start the thread; before any connection."""
        now = self._day_at = self._ledger.now_s()
        self._renew_at = now + _RENEW_S
        self._try(self._share_salts)
        self._thread = Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Give up the places here: who is told to come back will find another worker.

        Waits for a second at most.
        """
        self._closing.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join(_STOP_WITHIN_S)

    def step(self, *, urgent_only: bool = False) -> None:
        """Tell and learn, once. Raises RedisError."""
        now = self._ledger.now_s()
        if now >= self._salts_at:
            self._share_salts()
        quiet = self._beat(now) if now >= self._beat_at else set()
        told = self._told(urgent_only)
        self._look_back([each for keys in told.values() for each in keys])
        failed: RedisError | None = None
        partitions = self._unanswered.keys() | told.keys() | quiet
        for batches in _portions(self._batches(partitions, told)):
            self._unanswered.update(batches)
            failed = self._tell(batches) or failed
        if failed is not None:
            raise failed

    # --- on the thread -----------------------------------------------------------------------

    def _run(self) -> None:
        due_at = self._ledger.now_s()
        while not self._closing.is_set():
            self._woken.wait(max(0.0, due_at - self._ledger.now_s()))
            self._woken.clear()
            now = self._ledger.now_s()
            self._try(partial(self.step, urgent_only=now < due_at))
            if now >= due_at:
                due_at = now + _EVERY_S
            self._closing.wait(_URGENT_S if self._away_since is None else _EVERY_S)
        self._try(self._give_up)

    def _try(self, act: Callable[[], None]) -> None:
        """Do what needs Redis, and say once that it is away, and once that it is back."""
        now = self._ledger.now_s()
        try:
            act()
        except RedisError as error:
            if self._away_since is None:
                self._away_since = now
                _logger.warning("ledger: each worker counts alone: %s", error)
            elif not self._is_alone and now - self._away_since > self._lease_s:
                self._is_alone = True
                self._ledger.forget_others()
        except Exception:
            _logger.exception("ledger: a bug; it goes on")
        else:
            if self._away_since is not None:
                self._away_since, self._is_alone = None, False
                self._salts_at = 0.0
                _logger.info("ledger: the workers count together again")

    def _told(self, urgent_only: bool) -> dict[int, list[bytes]]:
        """Give the accounts that are to be told of, by partition."""
        untold = self._ledger.untold
        assert untold is not None
        with self._ledger.lock:
            keys = [each for each, usage in untold.items() if usage.is_urgent or not urgent_only]
        told: dict[int, list[bytes]] = {}
        for each in keys:
            told.setdefault(partition_of(each.hex()), []).append(each)
        # What is too much now has its turn in the next round: it stands first then.
        return {partition: keys[:_A_ROUND] for partition, keys in told.items()}

    def _batches(
        self, partitions: Iterable[int], told: dict[int, list[bytes]]
    ) -> Iterator[tuple[int, _Batch]]:
        untold = self._ledger.untold
        assert untold is not None
        for partition in partitions:
            if batch := self._unanswered.get(partition):
                yield partition, batch
                continue
            self._number += 1
            with self._ledger.lock:
                reports = [
                    _Report(each, usage, self._ledger.account_of(each))
                    for each in told.get(partition, ())
                    if (usage := untold.pop(each, None)) is not None
                ]
            yield partition, _Batch(self._number, reports)

    def _tell(self, batches: dict[int, _Batch]) -> RedisError | None:
        """Tell what is in these batches, and learn; give an error that came for an answer.

        What was not answered is told again. Raises RedisError.
        """
        now, allowance = self._ledger.now_s(), self._ledger.allowance
        commands = []
        for partition, (number, reports) in batches.items():
            keys = [report.key for report in reports]
            packed = [report.packed(number, allowance, now) for report in reports]
            commands.append((partition, self._command(partition, keys, packed)))
        replies = self._servers.ask(commands)
        failed: RedisError | None = None
        for (partition, batch), reply in zip(batches.items(), replies, strict=True):
            if isinstance(reply, RedisError):
                failed = reply
                continue
            del self._unanswered[partition]
            for report, answer in zip(
                batch.reports, self._heard(partition, reply, now), strict=True
            ):
                self._learn(report, answer, now)
                if report.sockets or report.websockets:
                    self._places[report.key] = partition
                else:
                    self._places.pop(report.key, None)
        return failed

    def _heard(self, partition: int, reply: bytes, now: float) -> list[_Answer]:
        """Read a reply; it also tells whether this worker's places there still counted."""
        was_alive, answers = _unpack(reply)
        if not was_alive:
            self._note(each for each, where in self._places.items() if where == partition)
            if now - self._heard_at.get(partition, float("-inf")) < self._lease_s:
                self._salts_at = 0.0  # Redis has lost what it had
        self._heard_at[partition] = now
        return answers

    def _learn(self, report: _Report, answer: _Answer, now: float) -> None:
        with self._ledger.lock:
            account = self._ledger.account_of(report.key)
            if account is None:
                return
            account.stand(answer.standing(now), now)
            account.learn_places(answer.sockets_elsewhere, answer.websockets_elsewhere)

    def _look_back(self, keys: Iterable[bytes]) -> None:
        """Ask about those that other workers may know by the salt of a day before.

        Before anything of them is told: what they have used follows them to their new hash.
        Raises RedisError.
        """
        with self._ledger.lock:
            accounts = (self._ledger.account_of(each) for each in keys)
            looks = [
                (account, older, partition_of(older.hex()))
                for account in accounts
                if account
                for older in account.older or ()
            ]
        for first in range(0, len(looks), _AT_ONCE):
            some, now = looks[first : first + _AT_ONCE], self._ledger.now_s()
            replies = self._servers.ask_strictly(
                [(where, self._command(where, [older], [_LOOK])) for _, older, where in some]
            )
            for (account, older, where), reply in zip(some, replies, strict=True):
                [answer] = self._heard(where, reply, now)
                self._places.pop(older, None)
                with self._ledger.lock:
                    account.stand_at_least(answer.standing(now))
                    account.keep_older(older, answer.sockets_elsewhere, answer.websockets_elsewhere)

    def _command(
        self, partition: int, accounts: list[bytes], reports: list[list[object]]
    ) -> Command:
        keys = [key(partition, "account-workers")]
        for each in accounts:
            keys += (
                key(partition, "account", each.hex()),
                key(partition, "account-rooms", each.hex()),
            )
        times = (round(self._lease_s * 1000), round(_PLACES_KEPT_S * 1000))
        return REPORT.command(keys, (self._servers.worker, *times, _pack(reports)))

    def _note(self, keys: Iterable[bytes]) -> None:
        """Tell of these accounts in the next round, whether or not anything of them is new."""
        now = self._ledger.now_s()
        with self._ledger.lock:
            for each in keys:
                self._ledger.note(each, now)

    def _beat(self, now: float) -> set[int]:
        """Give the partitions where this worker has places, and was not heard of lately."""
        beat_s = self._lease_s / _BEATS
        self._beat_at = now + beat_s
        with self._ledger.lock:
            gone = [each for each in self._places if self._ledger.account_of(each) is None]
        self._note(gone)
        if now >= self._renew_at:
            self._renew_at = now + _RENEW_S
            self._note(self._places)
        partitions = set(self._places.values())
        return {each for each in partitions if self._heard_at.get(each, 0.0) <= now - beat_s}

    def _share_salts(self) -> None:
        """Get the salts that all workers use, and perhaps begin a day. Raises RedisError."""
        now = self._ledger.now_s()
        today, needed = self._ledger.salts()
        day_ms, kept_ms = round(self._day_s * 1000), round(self._day_s * _SALT_KEPT * 1000)
        age_ms = round((now - self._day_at) * 1000)
        salt = secrets.token_bytes(16)
        command = SALTS.command(
            [key(0, "account-salts")],
            [salt, day_ms, _SALTS_LIMIT, kept_ms, today, age_ms, *needed],
        )
        [[age_ms, *salts]] = self._servers.ask_strictly([(0, command)])
        self._day_at = now - age_ms / 1000
        self._salts_at = min(now + _SALTS_EVERY_S, self._day_at + self._day_s)
        self._ledger.take_salts(salts)

    def _give_up(self) -> None:
        """Tell what was used, and give up all places. Raises RedisError."""
        self.step()
        worker = self._servers.worker
        self._servers.ask(
            [(p, ("HDEL", key(p, "account-workers"), worker)) for p in self._heard_at]
        )


def _reckoned(amount: Amount, used: float, level_s: float) -> tuple[float, float]:
    return amount.back_s(used) * 1000, max(0.0, level_s) * 1000


def _portions(batches: Iterator[tuple[int, _Batch]]) -> Iterator[dict[int, _Batch]]:
    """Put batches together that are told in one round trip."""
    portion: dict[int, _Batch] = {}
    size = 0
    for partition, batch in batches:
        portion[partition] = batch
        size += len(batch.reports)
        if size >= _AT_ONCE:
            yield portion
            portion, size = {}, 0
    if portion:
        yield portion
