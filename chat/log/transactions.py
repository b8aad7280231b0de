"""What is stored in the open file, one transaction after the other, and who is told of it."""

from __future__ import annotations

import logging
import sqlite3
from time import monotonic
from typing import NamedTuple

from chat.log import (
    Acted,
    Answer,
    Draft,
    IsOccupied,
    Proposal,
    StorageFull,
    StorageUnavailable,
    Tail,
    ended,
    entries,
    erasing,
    records,
)
from chat.log.commit import Commit
from chat.log.condition import Condition
from chat.log.opened import LogChanged, Opened
from chat.log.proposals import propose
from chat.log.pruning import Pruning
from chat.log.upkeep import Upkeep
from chat.metrics import Metrics
from chat.names.rooms import room_in_log
from chat.protocol import Done, End, Entry, Make, Message

_logger = logging.getLogger(__name__)

Item = Draft | Proposal | Pruning
Batch = list[tuple[Draft | Proposal, Answer]]
Queued = list[tuple[Item, Answer]]


class Told(NamedTuple):
    """Who is told of what was stored, and asked who is where."""

    tail: Tail
    acted: Acted
    is_occupied: IsOccupied


class Transactions:
    """The transactions on one open file; on the writer's thread."""

    def __init__(
        self,
        opened: Opened,
        condition: Condition,
        told: Told,
        upkeep: Upkeep,
        metrics: Metrics,
    ) -> None:
        """Prepare; raises sqlite3.Error."""
        self._opened = opened
        self._condition = condition
        self._told = told
        self._upkeep = upkeep
        self._metrics = metrics
        # By room and member: who waits until all of the member's messages are removed.
        self._waiting: dict[tuple[str, str], list[tuple[str, Answer]]] = {}
        #: Whether messages are still to be removed, in further transactions.
        self.is_erasing = erasing.is_any(opened.database)

    def store(self, batch: Batch, at_ms: int) -> None:
        """Store a batch in one transaction, then tell everybody concerned.

        Raises sqlite3.Error, and LogChanged; then nobody was told anything.
        """
        opened, database = self._opened, self._opened.database
        commit = Commit(opened, at_ms)
        database.execute("BEGIN IMMEDIATE")
        opened.check()
        for item, answer in batch:
            if isinstance(item, Draft):
                commit.post(item, answer)
            else:
                propose(commit, item, answer, self._told.is_occupied)
        erased = erasing.go_on(commit) if self.is_erasing else None
        self._finish(commit)
        for name, member_id, act_id, answer in commit.erasing:
            self._waiting.setdefault((name, member_id), []).append((act_id, answer))
            self.is_erasing = True
        if erased is not None:
            for act_id, answer in self._waiting.pop(erased, ()):
                answer(Done(act_id))
            self.is_erasing = erasing.is_any(database)

    def end_rooms(self, at_ms: int) -> bool:
        """End the rooms whose end has come, and tell it; False if there are none."""
        opened, database = self._opened, self._opened.database
        if not ended.due(database, at_ms):
            return False
        commit = Commit(opened, at_ms)
        database.execute("BEGIN IMMEDIATE")
        opened.check()
        for name in ended.due(database, at_ms):
            commit.end(name)
        self._finish(commit)
        return True

    def prune(self, pruning: Pruning, answer: Answer) -> None:
        """Do a step of a deletion, and tell that it is done; also when the disk is full."""
        try:
            pruning.run(self._opened.head(pruning.room))
        except (LogChanged, sqlite3.Error) as error:
            if self._opened.database.in_transaction:
                self._opened.database.execute("ROLLBACK")
            answer(StorageUnavailable(str(error)))
            return
        if pruning.deleted:
            self._upkeep.note_removed()
        answer(Done(""))

    def answer_full(self, batch: Batch, why: str, at_ms: int) -> None:
        """Store nothing of a batch but the ends of rooms, which give space.

        What is repeated is answered: it is stored, and needs none. Raises sqlite3.Error, and
        LogChanged.
        """
        ends: Batch = []
        for item, answer in batch:
            if isinstance(item, Proposal) and isinstance(item.command, End):
                ends.append((item, answer))
                continue
            command = item if isinstance(item, Draft) else item.command
            original: Entry | Done | None = None
            if not isinstance(command, Make):
                room = self._opened.head(item.room).room
                act_id, member = command.id, item.member.id
                database = self._opened.database
                if records.was_done(database, room, act_id, member):
                    original = Done(act_id)
                else:
                    original = entries.original(database, room, act_id, member)
            answer(StorageFull(why) if original is None else original)
        if ends:
            self.store(ends, at_ms)

    def refuse_waiting(self, why: str) -> None:
        """Tell those who wait until messages are removed that nobody knows when."""
        waiting, self._waiting = self._waiting, {}
        for answers in waiting.values():
            for _, answer in answers:
                answer(StorageUnavailable(why))

    def _finish(self, commit: Commit) -> None:
        opened = self._opened
        commit.finish()
        opened.database.execute("COMMIT")
        opened.advance(commit.heads)
        for name, new in commit.committed.items():
            self._upkeep.note(commit.heads[name].room, new[0].seq, new[-1].seq)
        if commit.has_removed:
            self._upkeep.note_removed()
        # Where it was stored is still where others will look for it.
        opened.check_place()
        self._condition.note_stored()
        self._count(commit)
        for name, new in commit.committed.items():
            try:
                self._told.tail(name, new)
            except Exception:
                # They are committed: connections that missed them find the gap with the next.
                _logger.exception("log: tail of room %s", room_in_log(name))
        for name, record, deed in commit.acted:
            try:
                self._told.acted(name, record, deed)
            except Exception:
                _logger.exception("log: what was done in room %s", room_in_log(name))
        for answer, outcome in commit.answers:
            answer(outcome)

    def _count(self, commit: Commit) -> None:
        new = [entry for each in commit.committed.values() for entry in each]
        self._metrics.commit_seconds.observe(monotonic() - commit.began_at)
        self._metrics.commit_entries.observe(len(new))
        self._metrics.posts.add(sum(isinstance(entry, Message) for entry in new))
