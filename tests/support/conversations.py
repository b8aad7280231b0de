"""Conversations in a few rooms, while a test breaks what the log is kept in; and the verdict.

The people talk to one server or several. Their log is in Redis, and may be lost or go back: the
test notes each log before it takes it away.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import NamedTuple, Self

from chat.protocol import REPLAY_LIMIT
from tests.support.checker import judge_epochs
from tests.support.convergence import problems_of_screens
from tests.support.history import Entry, Kind, Record
from tests.support.pace import Pace
from tests.support.talker import Talker
from tests.support.wishes import CHANGES

_ARRIVES_WITHIN_S = 20.0  # until everybody has what was acknowledged
_LEAST_SKIPPED = REPLAY_LIMIT + 1  # by a reset
_ENDLESS = 10**6
_UNDER_WAY = 100  # commands that a room may begin when it is in a hurry: each person some

#: Reads a room's epoch and entries.
Read = Callable[[str], tuple[str, Sequence[Entry]]]


class Verdict(NamedTuple):
    """What became of the conversations."""

    problems: list[str]
    stored: int  # entries in the logs at the end
    lost: int  # entries that were acknowledged, and are not in the logs at the end
    resets: int  # without each one's first welcome
    records: Counter[Kind]

    def __str__(self) -> str:
        counts = ", ".join(f"{self.records[kind]} {kind}" for kind in Kind)
        lines = [f"{self.stored} stored, {self.lost} lost, {self.resets} resets; {counts}"]
        return "\n".join(lines + self.problems[:20])


class Conversations:
    """People who talk in a few rooms for as long as the block lasts, and what they saw."""

    def __init__(
        self,
        ws_urls: Sequence[str],
        read: Read,
        *,
        rooms: Sequence[str] = ("general",),
        people: int = 4,
        seed: int | None = None,
        give_up_s: float = 90.0,
        owner: str | None = None,
        records: bool = True,
    ) -> None:
        """Prepare; there are so many people in each room, and they take the servers in turn.

        The first one of each room is its owner, with this key, if there is one. Without `records`,
        it leaves the pin and the rules alone.
        """
        self._read = read
        self.rooms = tuple(rooms)
        self.seed = random.SystemRandom().randrange(2**32) if seed is None else seed
        print(f"seed {self.seed}")  # shown when the test fails
        rng = random.Random(self.seed)
        deadline_s = time.monotonic() + give_up_s
        self._rooms = {
            room: _Room(room, ws_urls, people, rng, Pace(_ENDLESS, deadline_s), owner, records)
            for room in rooms
        }
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for room in self._rooms.values():
                room.start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def go_on(self, posts: int = 30) -> None:
        """Wait until so many more commands of each room are answered."""
        goals = [(room, room.allow(posts + _UNDER_WAY, posts)) for room in self._rooms.values()]
        for room, goal in goals:
            room.wait_for(goal)

    def hurry(self) -> None:
        """Let everybody write at once, and wait until the first command is answered.

        So many are under way now, and what is broken next hits them.
        """
        goals = [(room, room.allow(_UNDER_WAY, 1)) for room in self._rooms.values()]
        self.write()
        for room, goal in goals:
            room.wait_for(goal)

    def write(self) -> None:
        """Let everybody write at once, and wait for nothing."""
        for room in self._rooms.values():
            room.allow(_UNDER_WAY, 0)
            room.hurry()

    def count(self, kind: Kind) -> int:
        """Count what has happened to the people so far."""
        return sum(
            record.kind is kind for room in self._rooms.values() for record in tuple(room.history)
        )

    def acknowledged(self) -> set[str]:
        """Give the ids of the commands that were acknowledged so far, and became entries."""
        return {each for room in self._rooms.values() for each in room.acknowledged()}

    def note_lost(self, read: Read | None = None) -> None:
        """Note the logs as they are now, because they will be lost or go back."""
        for room in self._rooms.values():
            room.note_lost(read or self._read)

    def end(self) -> Verdict:
        """Let nobody write any more, wait until everybody has seen everything, and judge."""
        verdicts = [room.end(self._read) for room in self._rooms.values()]
        records: Counter[Kind] = Counter()
        for verdict in verdicts:
            records += verdict.records
        verdict = Verdict(
            [problem for each in verdicts for problem in each.problems],
            sum(each.stored for each in verdicts),
            sum(each.lost for each in verdicts),
            sum(each.resets for each in verdicts),
            records,
        )
        print(verdict)  # shown when the test fails
        return verdict


class _Room:
    """The conversation of one room."""

    def __init__(
        self,
        name: str,
        ws_urls: Sequence[str],
        people: int,
        rng: random.Random,
        pace: Pace,
        owner: str | None,
        records: bool,
    ) -> None:
        self._name = name
        self._urls = [ws_urls[number % len(ws_urls)] for number in range(people)]
        self._rng = rng
        self._pace = pace
        self._owner = owner
        self._records = records
        self._allowed = 0
        self._lost: dict[
            str, list[Sequence[Entry]]
        ] = {}  # epoch: what its log was before it was lost
        self._talkers: list[Talker] = []
        self.history: list[Record] = []

    def start(self, stack: ExitStack) -> None:
        """Let the people enter."""
        for number, url in enumerate(self._urls):
            rng = random.Random(self._rng.random())
            name = f"{self._name}-{number}"
            talker = Talker(
                url,
                name,
                self.history,
                self._pace,
                rng,
                self._name,
                changes=CHANGES,
                records=self._records,
                owner=self._owner if number == 0 else None,
                spare=self._owner,
            )
            self._talkers.append(talker)
            stack.callback(talker.ws.close_socket)
        for talker in self._talkers:
            stack.callback(talker.end)
            talker.start()
        stack.callback(self._pace.stop)

    def allow(self, posts: int, wanted: int) -> int:
        """Allow so many more commands; give how many there are when `wanted` are answered."""
        acknowledged = self._pace.acknowledged
        self._allowed = max(self._allowed, acknowledged + posts)
        self._pace.allow(self._allowed)
        return acknowledged + wanted

    def hurry(self) -> None:
        """Let everybody write without pauses."""
        for talker in self._talkers:
            talker.in_a_hurry = True

    def wait_for(self, goal: int) -> None:
        """Wait until so many commands are answered."""
        if not self._pace.wait_for(goal):
            got = self._pace.acknowledged
            raise AssertionError(f"{self._name}: {got} of {goal} commands; {self._problems()}")

    def note_lost(self, read: Read) -> None:
        """Note the log as it is now."""
        epoch, log = read(self._name)
        if epoch:
            self._lost.setdefault(epoch, []).append(log)

    def acknowledged(self) -> set[str]:
        """Give the ids of the commands that were acknowledged so far, and became entries."""
        records = tuple(self.history)
        erases = {each.id for each in records if each.what == "erase"}  # they are no entries
        return {each.id for each in records if each.kind is Kind.ACKNOWLEDGED} - erases

    def end(self, read: Read) -> Verdict:
        """Let it end, and judge."""
        posts = self._pace.enough()
        problems = []
        if not self._pace.wait_for(posts):
            problems.append(
                f"{self._name}: {self._pace.acknowledged} of {posts} commands are answered"
            )
        epoch, log = read(self._name)
        self._pace.at = log[-1].at if log else None
        self._pace.head = len(log)
        self._pace.stop(within_s=_ARRIVES_WITHIN_S)  # lost messages would never arrive
        for talker in self._talkers:
            talker.end()
        problems += self._problems()
        problems += problems_of_screens(self._talkers, self._urls[0], log, self._name, self._owner)
        # Of an epoch that is gone, the last log that was noted is the log.
        logs = {each: lost[-1] for each, lost in self._lost.items()} | {epoch: log}
        lost = {e: each if e == epoch else each[:-1] for e, each in self._lost.items()}
        found = judge_epochs(self.history, logs, lost=lost, least_skipped=_LEAST_SKIPPED)
        records = Counter(record.kind for record in self.history)
        stored = {entry.id for entry in log}
        return Verdict(
            problems + [f"{self._name}: {problem}" for problem in found],
            len(log),
            len(self.acknowledged() - stored),
            records[Kind.RESET] - len(self._talkers),
            records,
        )

    def _problems(self) -> list[str]:
        return [f"{each.nick}: {each.problem!r}" for each in self._talkers if each.problem]
