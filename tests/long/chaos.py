"""Chaos: many clients talk through a faulty network to a server that is killed again and again.

They post, answer, edit and remove; owners pin and set rules. Meanwhile the server's file is moved
away, removed, replaced and restored from older copies. On Redis (chaos_redis.py) two workers serve,
and each is killed alone too.

`make chaos` makes a long run, `make test` a short one (test_chaos.py). A seed, which the run
prints, decides what it breaks and when. Two runs with one seed still differ in their timing.
"""

from __future__ import annotations

import argparse
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from itertools import cycle, product
from pathlib import Path
from typing import NamedTuple

from chat.protocol import REPLAY_LIMIT
from tests.long.chaos_redis import Redis
from tests.support.checker import judge_epochs
from tests.support.convergence import problems_of_screens
from tests.support.history import Entry, Kind, Record
from tests.support.logs import read_entries
from tests.support.pace import Pace
from tests.support.proxy import Fault, FaultProxy, Towards, Weather
from tests.support.servers import ChatServer
from tests.support.talker import Talker
from tests.support.wishes import CHANGES

_OPERATOR = "the operator's token in the chaos"
#: The server notices a half-open connection after two silent intervals.
SETTINGS = {
    "CHAT_LIMITS": "off",
    "CHAT_PING_INTERVAL_S": "0.5",
    "CHAT_ADMIN_TOKEN": _OPERATOR,
}

_AHEAD = 100  # commands that may be under way when something breaks
_MISS = REPLAY_LIMIT + 350  # commands that a client misses on purpose: more than a resume gives
_LEAST_SKIPPED = REPLAY_LIMIT + 1  # entries, by a reset
_OWNERS = 2
_OLDER = 200  # commands that an older copy of the log does not have, at most
_KILL_WITHIN_S = 0.03
_HIT = 0.2  # one in five of the connections that carry something takes an armed cut
_LOOKS_EVERY_S = 0.02
_ARRIVES_WITHIN_S = 20.0  # until everybody has what was acknowledged
_SHOWN = 20  # problems to print
_NOTICED_WITHIN_S = 10.0  # that the file is another one, or none
#: What a table is copied by: those of the full-text index are tables too.
_TABLES = """
    SELECT name FROM main.sqlite_schema
    WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND sql NOT LIKE 'CREATE VIRTUAL%'
"""
_NEW_EPOCH = "UPDATE log SET epoch = lower(hex(randomblob(8)))"


class Size(NamedTuple):
    """The number of clients, commands and faults of a run."""

    clients: int
    commands: int
    cuts: int
    kills: int
    turns: int  # times that something is done to what holds the log
    absences: int  # times that a client stays away until only a reset is possible
    give_up_s: float


LONG = Size(clients=20, commands=10_000, cuts=200, kills=50, turns=15, absences=10, give_up_s=600.0)
SHORT = Size(clients=8, commands=2000, cuts=30, kills=6, turns=3, absences=1, give_up_s=80.0)


class Outcome(NamedTuple):
    """The result of a run."""

    seed: int
    clients: int
    records: Counter[Kind]
    cuts: Counter[Fault]
    weathers: Counter[str]
    kills: int
    turns: Counter[str]
    taken_back: int  # entries that the next log did not have
    stored: int  # entries of the last log
    changes: Counter[str]  # the entries of all logs that there were, by their types
    seconds: float
    problems: list[str]

    @property
    def resets(self) -> int:
        """Count the resets, without each client's first welcome."""
        return self.records[Kind.RESET] - self.clients

    def __str__(self) -> str:
        cuts = ", ".join(f"{self.cuts[fault]} {fault}" for fault in Fault)
        turns = ", ".join(f"{n} times {name}" for name, n in sorted(self.turns.items()))
        weathers = ", ".join(f"{n} {name}" for name, n in sorted(self.weathers.items()))
        entries = ", ".join(f"{n} {what}" for what, n in sorted(self.changes.items()))
        count = self.records
        lines = [
            f"seed             {self.seed}",
            f"clients          {self.clients}",
            f"commands sent    {count[Kind.POST]} posts, {count[Kind.CHANGE]} others",
            f"answers          {count[Kind.ACKNOWLEDGED]} stored, {count[Kind.DENIED]} denied",
            f"the last log     {self.stored} entries",
            f"all logs         {entries}",
            f"receipts         {count[Kind.RECEIPT]}, {count[Kind.SHOWN]} shown in other ways",
            f"cuts             {self.cuts.total()}: {cuts}",
            f"connections      {self.weathers.total()}: {weathers}",
            f"kills            {self.kills}",
            f"the log's store  {turns}; {self.taken_back} entries were taken back",
            f"drops            {self.records[Kind.DROP]}",
            f"resumes          {self.records[Kind.RESUME]}",
            f"resets           {self.resets}",
            f"seconds          {self.seconds:.1f}",
            f"verdict          {'the promise is kept' if not self.problems else 'BROKEN'}",
            *(f"  {problem}" for problem in self.problems[:_SHOWN]),
        ]
        return "\n".join(lines)


def run(size: Size, folder: Path, seed: int, engine: str = "sqlite") -> Outcome:
    """Let the clients talk, break everything, and check the promise."""
    print(f"seed {seed}", flush=True)
    rng = random.Random(seed)
    started_at = time.monotonic()
    history: list[Record] = []
    pace = Pace(size.commands, started_at + size.give_up_s)
    store_rng = random.Random(rng.random())  # of what is done to Redis
    with ExitStack() as stack:
        store: Files | Redis
        if engine == "redis":
            store = Redis(folder, SETTINGS, store_rng)
            stack.callback(store.redis.end)
            store.redis.start()
        else:
            store = Files(folder, SETTINGS)
        server = store.server
        stack.callback(server.end)
        server.start()
        proxy = stack.enter_context(
            FaultProxy(server.port, random.Random(rng.random()), _weather(rng.random()), hit=_HIT)
        )
        talkers = []
        for number in range(size.clients):
            name = f"talker-{number}"
            url = f"ws://127.0.0.1:{proxy.port}/ws"
            talkers.append(
                Talker(
                    url,
                    name,
                    history,
                    pace,
                    random.Random(rng.random()),
                    changes=CHANGES,
                    owner=_OPERATOR if number < _OWNERS else None,
                    spare=_OPERATOR,
                )
            )
            stack.callback(talkers[-1].ws.close_socket)
        for talker in talkers:
            stack.callback(talker.end)
            talker.start()
        stack.callback(pace.stop)  # registered first, so that it also runs if something fails here
        kills = _break_everything(size, rng, pace, server, proxy, talkers, store)
        pace.allow(size.commands)
        pace.wait_for(size.commands)
        # The last ones hit pings.
        while proxy.armed and not pace.time_is_up:
            time.sleep(_LOOKS_EVERY_S)  # bounded by the deadline
        pace.head = len(store.log())
        pace.stop(within_s=_ARRIVES_WITHIN_S)  # lost messages would never arrive
        for talker in talkers:
            talker.end()
        problems = [f"{talker.nick}: {talker.problem!r}" for talker in talkers if talker.problem]
        if pace.acknowledged < size.commands:
            problems.append(f"not over after {time.monotonic() - started_at:.1f} s")
        if proxy.armed:
            problems.append(f"{proxy.armed} cuts never fell")
        problems += problems_of_screens(talkers, server.ws_url, store.log(), owner=_OPERATOR)
        server.stop()
        log, logs = store.log(), store.logs()
    return Outcome(
        seed,
        size.clients,
        Counter(record.kind for record in history),
        proxy.cuts,
        proxy.weathers,
        kills,
        store.turns,
        store.taken_back,
        len(log),
        Counter({each.id: each.what for entries in logs.values() for each in entries}.values()),
        time.monotonic() - started_at,
        problems + judge_epochs(history, logs, least_skipped=_LEAST_SKIPPED),
    )


def _weather(seed: float) -> Callable[[], Weather]:
    """Choose a condition for each connection: most are good, some slow, some far away."""
    rng = random.Random(seed)

    def weather() -> Weather:
        kind = rng.random()
        if kind < 0.15:
            return Weather(delay_s=rng.uniform(0.005, 0.05))
        if kind < 0.25:
            return Weather(bytes_per_s=rng.uniform(30_000, 100_000))
        return Weather()

    return weather


def _break_everything(
    size: Size,
    rng: random.Random,
    pace: Pace,
    server: ChatServer,
    proxy: FaultProxy,
    talkers: list[Talker],
    store: Files | Redis,
) -> int:
    """Break what the size says, each thing at its point in the conversation; count the kills."""
    kills = 0

    def kill() -> None:
        nonlocal kills
        # Kill while much is under way: right after an acknowledgement, or during a commit.
        pace.allow(pace.acknowledged + 2 * _AHEAD)
        for talker in talkers:
            talker.in_a_hurry = True
        pace.wait_for(pace.acknowledged + 1)
        if rng.random() < 0.5:
            time.sleep(rng.uniform(0, _KILL_WITHIN_S))
        server.kill()
        server.start()
        kills += 1

    kinds = cycle(product(Fault, Towards))  # the same number of each kind

    def cut() -> None:
        proxy.arm(*next(kinds))

    def send_away() -> None:
        rng.choice(talkers).miss = _MISS

    def turn() -> None:
        store.prepare()
        goal = pace.acknowledged + rng.randrange(_OLDER)
        pace.allow(goal + 2 * _AHEAD)
        pace.wait_for(goal)
        for talker in talkers:
            talker.in_a_hurry = True
        pace.wait_for(pace.acknowledged + 1)
        next(turns)()

    turns = cycle(store.deeds())
    deeds = [kill] * size.kills + [cut] * size.cuts + [turn] * size.turns
    last = size.commands * 95 // 100  # the cuts that are still armed need the remaining commands
    plan = [(rng.randrange(last), deed) for deed in deeds]
    # Early enough for the client to come back before the end.
    early = last - _MISS - 2 * _AHEAD
    plan += [(rng.randrange(early), send_away) for _ in range(size.absences)]
    plan.sort(key=lambda item: item[0])
    for goal, deed in plan:
        pace.allow(goal + _AHEAD)
        if not pace.wait_for(goal):
            break
        deed()
    return kills


class Files:
    """The server's file, what is done to it, and the logs that it has had."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.server = ChatServer(folder, settings=settings)
        self._copy = folder / "copy.db"
        self._older = 0  # entries that the copy has
        self._dead: dict[str, list[Entry]] = {}  # epoch: the log that was replaced
        self.turns: Counter[str] = Counter()
        self.taken_back = 0

    def deeds(self) -> list[Callable[[], None]]:
        """Give what may be done to the file."""
        return [self.move_away, self.replace, self.remove, self.take_back, self.restore]

    def log(self) -> list[Entry]:
        """Read the log as it is now."""
        return _read(self.server.database)[1]

    def logs(self) -> dict[str, list[Entry]]:
        """Give all logs, by epoch."""
        epoch, log = _read(self.server.database)
        return {**self._dead, epoch: log}

    def move_away(self) -> None:
        """Move the file away under the server, and put it back: nothing is lost."""
        self.turns["moved"] += 1
        away = self.server.database.with_name("away.db")
        self.server.database.rename(away)
        self._wait(well=False)
        away.rename(self.server.database)
        self._wait(well=True)

    def prepare(self) -> None:
        """Make the copy that may be put back later."""
        self._copy.unlink(missing_ok=True)
        with closing(self._connect(self.server.database)) as source:
            source.execute("VACUUM INTO ?", (str(self._copy),))
        with closing(self._connect(self._copy)) as connection:
            connection.execute(_NEW_EPOCH)
            self._older = len(_read_from(connection)[1])

    def replace(self) -> None:
        """Put an older copy into the file's place, under the server."""
        self.turns["replaced"] += 1
        self._put_copy(remove=False)

    def remove(self) -> None:
        """Remove the file and those beside it, and put an older copy there later."""
        self.turns["removed"] += 1
        self._put_copy(remove=True)

    def take_back(self) -> None:
        """Write an older copy into the file, under the server, with another epoch."""
        self.turns["turned back"] += 1
        with closing(self._connect(self.server.database)) as connection:
            connection.execute("ATTACH ? AS older", (str(self._copy),))
            connection.execute("BEGIN IMMEDIATE")  # so that nothing is stored meanwhile
            self._note(*_read_from(connection))
            for (table,) in connection.execute(_TABLES).fetchall():
                connection.execute(f"DELETE FROM main.{table}")
                connection.execute(f"INSERT INTO main.{table} SELECT * FROM older.{table}")
            connection.execute("COMMIT")
        self._wait(well=True)

    def restore(self) -> None:
        """Stop the server, and start it with an older copy."""
        self.turns["restored"] += 1
        self.server.kill()
        self._note(*_read(self.server.database))
        for path in self.server.database.parent.glob("tchat.db*"):
            path.unlink()
        self._copy.rename(self.server.database)
        self.server.start()

    def _put_copy(self, *, remove: bool) -> None:
        database = self.server.database
        old = database.with_name("old.db")
        os.link(database, old)  # keeps what was stored into it until the last moment
        if remove:
            for path in database.parent.glob("tchat.db*"):
                path.unlink()
            self._wait(well=False)
        self._copy.replace(database)
        self._wait(well=True)
        self._note(*_read(old))
        old.unlink()

    def _note(self, epoch: str, log: list[Entry]) -> None:
        """Note the log that is replaced now."""
        self._dead[epoch] = log
        self.taken_back += len(log) - self._older

    def _wait(self, *, well: bool) -> None:
        """Wait until the server says that the log can be used, or that it cannot."""
        deadline = time.monotonic() + _NOTICED_WITHIN_S
        while True:
            try:
                self.server.get("/healthz")
                is_well = True
            except OSError:
                is_well = False
            if is_well is well:
                return
            assert time.monotonic() < deadline, f"the log is well: {is_well}"
            time.sleep(0.02)  # bounded by the deadline: there is no event to wait for

    @staticmethod
    def _connect(database: Path) -> sqlite3.Connection:
        return sqlite3.connect(database, isolation_level=None, timeout=_NOTICED_WITHIN_S)


def _read(database: Path) -> tuple[str, list[Entry]]:
    with closing(sqlite3.connect(database)) as connection:
        return _read_from(connection)


def _read_from(connection: sqlite3.Connection) -> tuple[str, list[Entry]]:
    """Read a log's epoch and its entries."""
    (epoch,) = connection.execute("SELECT epoch FROM main.log").fetchone()
    return epoch, read_entries(connection)


def new_seed() -> int:
    """Give the seed in the environment's CHAOS_SEED, or a random one."""
    return int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(2**32))


def main() -> None:
    """Make a long run, print the figures, and fail if the promise was broken."""
    parser = argparse.ArgumentParser(description="Break everything, lose nothing.")
    parser.add_argument("--seed", type=int, default=new_seed())
    parser.add_argument("--short", action="store_true", help="as `make test` does")
    parser.add_argument("--engine", choices=["sqlite", "redis"], default="sqlite")
    options = parser.parse_args()
    size = SHORT if options.short else LONG
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(size, Path(folder), options.seed, options.engine)
    print(outcome)
    sys.exit(bool(outcome.problems))


if __name__ == "__main__":
    main()
