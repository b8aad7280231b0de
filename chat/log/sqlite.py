"""The embedded log: one SQLite file, one writer thread, many posts a commit.

WAL with synchronous=FULL: what is acknowledged survives `kill -9` and power loss. The
writer takes everything that waits, commits it in one transaction and hands it to the
tail; meanwhile the next posts gather. Readers use connections of their own, which in
WAL mode neither wait for the writer nor make it wait.

The file may be removed, replaced or restored under the running server. The writer looks for that
before and after each commit, and when nobody posts: what it then finds is another log.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from time import monotonic, time

from chat.log import (
    KNOWN_LIMIT,
    Acted,
    Activity,
    Answer,
    Draft,
    Finds,
    Holder,
    IsOccupied,
    Listed,
    LogError,
    Missed,
    Proposal,
    Recent,
    Record,
    Replaced,
    StorageUnavailable,
    Tail,
    Usage,
    entries,
    finding,
    overview,
    records,
    refusals,
)
from chat.log import statements as sql
from chat.log.activity import Hours
from chat.log.condition import Condition
from chat.log.damage import SEARCHED_FIRST_BYTES, DamageSearch
from chat.log.lock import FileLock
from chat.log.migration import Stopped, migrate, refuse_without_space
from chat.log.opened import Damaged, LogChanged, Opened
from chat.log.pruning import STEP_ENTRIES, Pruning
from chat.log.schema import VERSION, prepare
from chat.log.space import Space
from chat.log.statements import Head
from chat.log.transactions import Batch, Item, Queued, Told, Transactions
from chat.log.upkeep import Rules, Upkeep
from chat.metrics import Metrics
from chat.protocol import Deed, Entry, Member, rfc3339

_logger = logging.getLogger(__name__)

_QUEUE_LIMIT = 10_000  # drafts that may wait for a commit
_COMMIT_LIMIT = 1000  # drafts in one commit
_POLL_S = 0.5  # how often an idle writer looks at the file
_REST = 2.0  # times as long as a step of upkeep took, until the next
_UPKEEP_EVERY_S = 1.0  # when there was nothing to do
_MIGRATE_AGAIN_S = 60.0  # after a migration that failed


class SQLiteLog:
    """A MessageLog in one SQLite file."""

    def __init__(
        self,
        path: Path,
        *,
        retention_messages: int,
        retention_min_hours: int = 0,
        retention_days: int = 0,
        room_idle_days: int = 0,
        database_bytes: int = 0,
        edit_within_s: int = 900,
        now_ms: Callable[[], int] = lambda: int(time() * 1000),
        metrics: Metrics | None = None,
    ) -> None:
        """Prepare; nothing is done to the file yet. With 0 days, age deletes nothing.

        With 0 bytes, the disk's free space is the limit (chat/log/space.py). A message comes into
        the index of words once it is older than `edit_within_s`.
        """
        # `..` after a link would lead the system elsewhere than `resolve`.
        self._path = path.resolve() if ".." in path.parts else path.absolute()
        self._rules = Rules(retention_messages, retention_min_hours, retention_days, room_idle_days)
        self._limit_bytes = database_bytes
        self._edit_within_s = edit_within_s
        self._now_ms = now_ms
        self._queue: SimpleQueue[tuple[Item, Answer] | None] = SimpleQueue()
        # Guards _writer and _closed.
        self._lock = Lock()
        self._writer: Thread | None = None
        self._closed = False
        self._metrics = metrics or Metrics()
        self._condition = Condition(f"the database {self._path}", "the disk", self._metrics)
        self._server: int | None = None  # the pid that others are told
        # The writer's thread sets these:
        self._file_lock = FileLock(path.resolve())
        self._opened: Opened | None = None
        self._space: Space | None = None
        self._upkeep: Upkeep | None = None
        self._transactions: Transactions | None = None
        self._told: Told | None = None  # once started
        self._upkeep_at = 0.0  # monotonic seconds
        self._erase_at = self._end_at = 0.0  # monotonic seconds
        self._open_at = 0.0  # monotonic seconds: when to try again
        self._search: DamageSearch | None = None

    def claim(self, server: int | None = None) -> bool:
        """Take the file for this process alone; False while another process has it.

        Raises LogError when its folder cannot be used.
        """
        path = self._path.resolve()
        self._server = server
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return self._take_lock(path)
        except OSError as error:
            raise LogError(f"the database {path} cannot be used: {error}") from error

    def release(self) -> None:
        """Let another process claim the file; for one that has not started it."""
        self._file_lock.release()

    def holder(self) -> Holder | None:
        """Give who has the file, when another process has it; None if unknown."""
        return self._file_lock.holder()

    def start(self, tail: Tail, replaced: Replaced, is_occupied: IsOccupied, acted: Acted) -> None:
        """Open the file and start the writer, once, in the process that has claimed it.

        A new file is made. An older one is brought up to date by the writer, later: until then
        readers and posts are refused. Raises LogError.
        """
        path = self._path.resolve()
        self._told = Told(tail, acted, is_occupied)
        if prepare(path, create=True) == VERSION:
            self._open(path)
        else:
            refuse_without_space(path)
        with self._lock:
            if self._writer is None and not self._closed:
                self._condition.note_sign()
                self._writer = Thread(
                    target=self._write, args=(replaced,), name="log-writer", daemon=True
                )
                self._writer.start()

    def append(self, draft: Draft | Proposal, answer: Answer) -> None:
        """Queue a draft or a proposal for the next commit; then `tail` or `answer` is called.

        Raises StorageUnavailable when too many wait already, or the file is damaged.
        """
        self._put(draft, answer)

    def prune(self, room: str, last: int) -> int:
        """Delete a room's oldest entries, as the contract says; a step of them at a time.

        Upkeep gives the disk back what they took, but for a tenth of the file, within seconds; on a
        busy machine it may be minutes (chat/log/space.py).
        """
        opened, deleted = self.follow(room), 0
        while True:
            pruning = Pruning(room, last, opened)
            answers: SimpleQueue[object] = SimpleQueue()
            self._put(pruning, answers.put)
            if isinstance(outcome := self._wait_for(answers), StorageUnavailable):
                raise outcome
            deleted += pruning.deleted
            if pruning.deleted < STEP_ENTRIES:
                return deleted

    def _wait_for(self, answers: SimpleQueue[object]) -> object:
        """Wait for what the writer answers. Raises StorageUnavailable when it has stopped."""
        while True:
            with suppress(Empty):
                return answers.get(timeout=_POLL_S)
            if not (self._writer and self._writer.is_alive()):
                raise StorageUnavailable("the log's writer has stopped")

    def _put(self, item: Item, answer: Answer) -> None:
        """Queue what the writer is to do. Raises StorageUnavailable."""
        if self._closed:
            raise StorageUnavailable("the log is closed")
        if (damage := self._condition.damage) is not None:
            raise StorageUnavailable(damage)
        if self._queue.qsize() >= _QUEUE_LIMIT:
            raise StorageUnavailable("too many posts wait for the disk")
        self._queue.put((item, answer))

    def close(self) -> None:
        """Commit what is queued and stop the writer; the one file then holds everything."""
        with self._lock:
            self._closed, writer = True, self._writer
        if writer is not None:
            self._queue.put(None)
            writer.join()
        if self._transactions is not None:
            self._transactions.refuse_waiting("the log is closed")
        if self._search is not None:
            self._search.stop()
        if self._opened is not None:
            self._opened.close()
        self._file_lock.release()

    # --- reading --------------------------------------------------------------------

    def follow(self, room: str) -> Opened:
        """Give the open file; nobody else appends to it. Raises StorageUnavailable."""
        opened = self._opened
        if opened is None:
            raise StorageUnavailable(self._condition.closed_because)
        return opened

    def after(self, room: str, seq: int, limit: int) -> Missed:
        """Give the first `limit` entries after `seq`."""
        with self._reading() as (opened, database):
            head = self._head(opened, database, room)
            if head.ended:
                return Missed(opened.epoch, None, head.seq, [])
            at_ms = sql.time_of(database, head.room, seq)
            found = entries.after(database, head.room, seq, limit)
        return Missed(opened.epoch, _rfc3339(at_ms), head.seq, found)

    def before(self, room: str, seq: int, limit: int) -> Recent:
        """Give the last `limit` messages before `seq`, oldest first."""
        with self._reading() as (opened, database):
            head = self._head(opened, database, room)
            if head.ended:
                return Recent(opened.epoch, head.seq, None, [])
            messages = entries.before(database, head.room, seq, limit)
        return Recent(opened.epoch, head.seq, _rfc3339(head.at_ms), messages)

    def own(self, room: str, member_id: str, entry_id: str) -> Entry | None:
        """Give the entry for which a member has used an id, as it is now; None for none."""
        with self._reading_room(room) as (database, number):
            return entries.original(database, number, entry_id, member_id)

    def record(self, room: str) -> Record:
        """Give what is known of a room besides its entries."""
        with self._reading() as (_, database):
            return records.record(database, room, self._now_ms())

    def knows(self, room: str, member_id: str) -> bool:
        """Tell whether a member is known to be no newcomer."""
        with self._reading_room(room) as (database, number):
            return records.knows(database, number, member_id)

    def members(self, room: str) -> list[str]:
        """Give the ids of who has an entry in a room's log: KNOWN_LIMIT, of the newest entries."""
        with self._reading_room(room) as (database, number):
            return entries.members(database, number, KNOWN_LIMIT)

    def deeds(self, room: str, before: int | None, limit: int) -> list[Deed]:
        """Give the newest lines of a room's audit list, before a number; newest first."""
        with self._reading_room(room) as (database, number):
            return records.deeds(database, number, before, limit)

    def reports(self, limit: int) -> list[Deed]:
        """Give the newest reports of all rooms, with their rooms; newest first."""
        with self._reading() as (_, database):
            return records.reports(database, limit)

    def find(self, room: str, words: str, before: int | None, limit: int) -> Finds:
        """Give the newest messages, before a seq, that have all these words or their beginnings."""
        with self._reading_room(room) as (database, number):
            return finding.find(database, number, words, before, limit)

    def rooms(self, after: str, limit: int) -> list[Listed]:
        """List `limit` rooms, those after a name, as the contract says."""
        with self._reading() as (_, database):
            return overview.rooms(database, after, limit)

    def activity(self, since_ms: int) -> Activity:
        """Count the posts of each hour since a time, as the contract says.

        It looks at all entries, and gives its reader to others after every few thousands.
        """
        hours, entry = Hours(), 0
        with self._reading() as (_, database):
            newest = overview.newest(database)
        while entry < newest:
            with self._reading() as (_, database):
                entry = overview.add_posts(database, hours, since_ms, entry)
        return Activity(hours.all(), is_whole=True)

    def recent_nicks(self, room: str, since_ms: int) -> list[tuple[Member, int]]:
        """Give who posted since a time, with the time: milliseconds since 1970."""
        with self._reading() as (_, database):
            head = sql.head(database, room)
            if head.ended:
                return []
            return entries.recent_nicks(database, head.room, head.seq, since_ms)

    def usage(self) -> Usage | None:
        """Give the space that file and WAL take; None while no file is open. Never waits."""
        opened, space = self._opened, self._space
        if opened is None or space is None:
            return None
        return Usage(opened.file_bytes + opened.wal_bytes, space.free_bytes)

    def check(self) -> None:
        """Raise StorageUnavailable if the log could lately not be read or written; never wait.

        It says what the writer's thread has found, which looks twice a second, or once while it is
        busy; only whether the file is still in its place is looked at here.
        """
        if self._closed:
            raise StorageUnavailable("the log is closed")
        if not (self._writer and self._writer.is_alive()):
            raise StorageUnavailable("the log's writer has stopped")
        opened = self._opened
        if opened is None:
            raise StorageUnavailable(self._condition.closed_because)
        try:
            opened.check_place()
        except LogChanged as change:
            raise StorageUnavailable(str(change)) from change
        self._condition.raise_problem()

    @contextmanager
    def _reading(self) -> Iterator[tuple[Opened, sqlite3.Connection]]:
        opened = self._opened
        if self._closed:
            raise StorageUnavailable("the log is closed")
        if opened is None:
            raise StorageUnavailable(self._condition.closed_because)
        try:
            with opened.reading() as database:
                yield opened, database
        except Damaged as problem:
            if self._opened is opened:  # else it was read in the file before this one
                self._condition.say_damage(str(problem))
            raise
        except StorageUnavailable as problem:
            self._condition.say("nothing can be read: %s", str(problem))
            raise

    @contextmanager
    def _reading_room(self, room: str) -> Iterator[tuple[sqlite3.Connection, int]]:
        """Lend a connection, with the room's number: 0 if nothing of it can be read."""
        with self._reading() as (_, database):
            head = sql.head(database, room)
            yield database, 0 if head.ended else head.room

    @staticmethod
    def _head(opened: Opened, database: sqlite3.Connection, room: str) -> Head:
        head = sql.head(database, room)
        if head.seq:
            opened.note(room, head)
        return head

    # --- writing: on the writer's thread ----------------------------------------------

    def _write(self, replaced: Replaced) -> None:
        """Commit and tail until closed; whatever fails, it goes on with the next batch."""
        closing = False
        while not closing:
            batch, closing = self._take()
            self._condition.note_sign()
            try:
                self._do(batch, replaced, closing=closing)
            except Exception as error:
                _logger.exception("log: nothing could be written")
                if self._opened is not None and self._opened.database.in_transaction:
                    self._opened.database.execute("ROLLBACK")
                self._refuse(batch, str(error))

    def _take(self) -> tuple[Queued, bool]:
        """Wait for drafts, or until the file is to be looked at; True with the last ones."""
        batch: Queued = []
        due_at = self._open_at if self._opened is None else min(self._upkeep_at, self._end_at)
        if self._is_erasing:
            due_at = min(due_at, self._erase_at)
        wait_s = max(0.0, min(_POLL_S, due_at - monotonic()))
        try:
            item = self._queue.get(timeout=wait_s)
            while item is not None:
                batch.append(item)
                if len(batch) == _COMMIT_LIMIT:
                    return batch, False
                item = self._queue.get_nowait()
        except Empty:
            return batch, False
        return batch, True

    def _waiting(self) -> Queued:
        """Take all drafts that wait, but leave the mark of the end to _take."""
        waiting: Queued = []
        with suppress(Empty):
            while item := self._queue.get_nowait():
                waiting.append(item)
            self._queue.put(None)
        return waiting

    def _refuse(self, batch: Sequence[tuple[Item, Answer]], why: str) -> None:
        """Store nothing of a batch; nor of what waits behind it, which must not overtake it."""
        for _, answer in [*batch, *self._waiting()]:
            answer(StorageUnavailable(why))

    def _do(
        self, batch: Sequence[tuple[Item, Answer]], replaced: Replaced, *, closing: bool
    ) -> None:
        """Store a batch; or look after the file, when there is time for it."""
        try:
            opened, damage = self._opened, self._condition.damage
            if opened is None:
                # Before the file is opened: these were posted behind those that were refused when
                # it was let go, and must not overtake them.
                self._refuse(batch, self._condition.closed_because)
                batch = []
                if not closing and monotonic() >= self._open_at:
                    opened = self._open_again()
            elif damage is not None:
                self._refuse(batch, damage)
                batch = []
                opened.check_place()  # another file may have been put there
            elif batch or (self._is_erasing and monotonic() >= self._erase_at and not closing):
                batch = found = self._sort(opened, batch)
                if found or self._is_erasing:
                    self._commit(opened, found)
                batch = []  # answered
            else:
                self._look(opened)
            if opened is None or closing or self._condition.damage is not None:
                return
            if monotonic() >= self._end_at:
                self._end_rooms()
            if monotonic() >= self._upkeep_at:
                self._keep_up(opened)
        except LogChanged as change:
            self._condition.closed_because = str(change)
            self._condition.say("%s; every connection is told to come back", str(change))
            self._let_go()
            self._refuse(batch, self._condition.closed_because)
            replaced(None)
        except (OSError, sqlite3.Error) as error:
            self._condition.trouble = str(error)
            self._condition.say_failure("nothing can be stored: %s", error)
            if self._opened is not None and self._opened.database.in_transaction:
                self._opened.database.execute("ROLLBACK")
            self._refuse(batch, str(error))

    def _sort(self, opened: Opened, batch: Sequence[tuple[Item, Answer]]) -> Batch:
        """Do the deletions of a batch, refuse what was for another file, and give the rest."""
        assert self._transactions is not None
        found: Batch = []
        for item, answer in batch:
            if not (item.followed is None or item.followed is opened):
                answer(refusals.other_log())
            elif isinstance(item, Pruning):
                self._transactions.prune(item, answer)
            else:
                found.append((item, answer))
        return found

    def _look(self, opened: Opened) -> None:
        """Find out whether something could be stored."""
        opened.check()
        assert self._space is not None
        trouble = self._space.problem()
        if trouble is None and self._condition.trouble is not None:
            trouble = sql.problem_with_writing(opened.database)
        self._condition.trouble = trouble

    @property
    def _is_erasing(self) -> bool:
        return self._transactions is not None and self._transactions.is_erasing

    def _commit(self, opened: Opened, batch: Batch) -> None:
        """Store a batch in one transaction, then tell everybody concerned."""
        assert self._space is not None
        assert self._transactions is not None
        self._erase_at = monotonic() + _UPKEEP_EVERY_S  # if this fails
        if (full := self._space.problem()) is not None:
            opened.check()
            self._condition.note_full(full)
            # Nor what waits behind it, which must not overtake it.
            waiting = self._sort(opened, self._waiting())
            self._transactions.answer_full([*batch, *waiting], full, self._now_ms())
            return
        self._transactions.store(batch, self._now_ms())
        self._erase_at = 0.0

    def _end_rooms(self) -> None:
        """End some rooms whose time has come: soon, whatever else there is to do."""
        assert self._transactions is not None
        self._end_at = monotonic() + _POLL_S
        if self._transactions.end_rooms(self._now_ms()):
            self._end_at = 0.0  # there may be more

    def _keep_up(self, opened: Opened) -> None:
        """Do one step of what nobody waits for, and leave time for posts."""
        if not self._file_lock.take(self._server):
            raise LogChanged(f"another process has the lock of the database {opened.path}")
        assert self._upkeep is not None
        began_at = monotonic()
        try:
            busy = self._upkeep.step()
        except sqlite3.Error as error:
            self._condition.say_failure("nothing can be pruned: %s", error)
            if opened.database.in_transaction:
                opened.database.execute("ROLLBACK")
            busy = False
        unreadable = None
        try:
            opened.probe()
        except Damaged as problem:
            self._condition.say_damage(str(problem))
        except StorageUnavailable as problem:
            unreadable = str(problem)
        self._condition.unreadable = unreadable
        now = monotonic()
        self._upkeep_at = now + (_REST * (now - began_at) if busy else _UPKEEP_EVERY_S)

    # --- opening the file, and letting go of it: at the start, then on the writer's thread -----

    def _take_lock(self, path: Path) -> bool:
        if self._file_lock.database != path:  # a link leads elsewhere now
            self._file_lock.release()
            self._file_lock = FileLock(path)
        return self._file_lock.take(self._server)

    def _open(self, path: Path) -> None:
        """Use the file of this program's version at a path."""
        with ExitStack() as on_failure:
            try:
                opened = Opened(self._path)
                on_failure.callback(opened.close)
                space = Space(opened, self._limit_bytes)
                trouble = space.problem()
                upkeep = Upkeep(opened, space, self._rules, self._now_ms, self._edit_within_s)
                assert self._told is not None
                transactions = Transactions(
                    opened, self._condition, self._told, upkeep, self._metrics
                )
            except (LogChanged, OSError, sqlite3.Error) as error:
                raise LogError(f"the database {path} cannot be used: {error}") from error
            on_failure.pop_all()
        self._space, self._upkeep, self._transactions = space, upkeep, transactions
        self._condition.note_opened(trouble)
        self._opened = opened
        if path.stat().st_size > SEARCHED_FIRST_BYTES:
            self._search = DamageSearch(path, self._condition.say_damage)

    def _let_go(self) -> None:
        opened, self._opened, self._space, self._upkeep = self._opened, None, None, None
        if self._transactions is not None:
            self._transactions.refuse_waiting(self._condition.closed_because)
            self._transactions = None
        if self._search is not None:
            self._search.stop()
        if opened is not None:
            opened.close()

    def _open_again(self) -> Opened | None:
        """Open what lies under the path now, if it can be a log; it is never made anew here."""
        path = self._path.resolve()
        try:
            if not self._take_lock(path):
                raise LogError(f"another process serves the database {path}")
            if prepare(path, create=False) != VERSION:
                self._migrate(path)
            self._open(path)
        except Stopped:
            return None
        except (LogError, OSError, sqlite3.Error) as error:
            self._condition.closed_because = str(error)
            self._condition.say("%s", str(error))
            self._open_at = max(self._open_at, monotonic() + _POLL_S)
            return None
        _logger.info("log: the database %s is in use", path)
        return self._opened

    def _migrate(self, path: Path) -> None:
        told = -1

        def progress(share: float) -> None:
            nonlocal told
            percent = int(share * 100)
            self._condition.closed_because = (
                f"the database is being brought up to date: {percent} %"
            )
            if percent // 10 != told:
                told = percent // 10
                _logger.info("log: the database %s is brought up to date: %d %%", path, percent)

        progress(0.0)
        try:
            old = migrate(path, progress=progress, stop=lambda: self._closed)
        except (LogError, OSError, sqlite3.Error):
            self._open_at = monotonic() + _MIGRATE_AGAIN_S
            raise
        _logger.info("log: the database is up to date; the old one stays as %s", old)


def _rfc3339(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc3339(at_ms)
