"""The embedded log: one SQLite file, one writer thread, many posts a commit.

WAL with synchronous=FULL: what is acknowledged survives `kill -9` and power loss. The
writer takes everything that waits, commits it in one transaction and hands it to the
tail; meanwhile the next posts gather. Readers use connections of their own, which in
WAL mode neither wait for the writer nor make it wait.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, LifoQueue, SimpleQueue
from threading import Lock, Thread
from time import time

from chat.log import Answer, Draft, StorageUnavailable, Tail
from chat.log import statements as sql
from chat.log.schema import open_or_create
from chat.protocol import Member, Message, rfc3339

_logger = logging.getLogger(__name__)

_QUEUE_LIMIT = 10_000  # drafts that may wait for a commit
_COMMIT_LIMIT = 1000  # drafts in one commit
_READERS = 4  # connections shared by all reading threads
_READER_CACHE_KIB = 256  # of each: what is read is mostly a room's newest
_WRITER_CACHE_KIB = 2048  # the pages that a hundred busy rooms write to, and more
_READER_WAIT_S = 10.0  # for one of them to be free
_POLL_S = 0.5  # how often an idle writer looks for what another process committed
_PRUNE_EVERY = 1000  # messages: a deletion now and then, not with every post


class SQLiteLog:
    """A MessageLog in one SQLite file."""

    def __init__(
        self,
        path: Path,
        *,
        retention_messages: int,
        now_ms: Callable[[], int] = lambda: int(time() * 1000),
    ) -> None:
        """Open the file, make or migrate it; raise LogError if that cannot be."""
        self._path = path
        self._retention = retention_messages
        self._now_ms = now_ms
        self.epoch = open_or_create(path)
        self._queue: SimpleQueue[tuple[Draft, Answer] | None] = SimpleQueue()
        # Guards _writer and _closed.
        self._lock = Lock()
        self._writer: Thread | None = None
        self._closed = False
        self._trouble: str | None = None  # why the last commit failed; the writer's thread sets it
        self._readers: LifoQueue[sqlite3.Connection | None] = LifoQueue()
        for _ in range(_READERS):
            self._readers.put(None)  # opened on first use: a fork must not inherit any

    def start(self, tail: Tail, poll: Callable[[], bool]) -> None:
        """Start the writer, once, in the process that serves."""
        with self._lock:
            if self._writer is None and not self._closed:
                self._writer = Thread(
                    target=self._write, args=(tail, poll), name="log-writer", daemon=True
                )
                self._writer.start()

    def append(self, draft: Draft, answer: Answer) -> None:
        """Queue a draft for the next commit; then `tail` or `answer` is called.

        Raises StorageUnavailable when too many wait already.
        """
        if self._closed:
            raise StorageUnavailable("the log is closed")
        if self._queue.qsize() >= _QUEUE_LIMIT:
            raise StorageUnavailable("too many posts wait for the disk")
        self._queue.put((draft, answer))

    def close(self) -> None:
        """Commit what is queued and stop the writer; the one file then holds everything."""
        with self._lock:
            self._closed, writer = True, self._writer
        if writer is not None:
            self._queue.put(None)
            writer.join()
        # SQLite folds the WAL into the file when its last connection closes.
        with suppress(Empty):
            while True:
                if database := self._readers.get_nowait():
                    database.close()

    # --- reading --------------------------------------------------------------------

    def after(self, room: str, seq: int, limit: int) -> list[Message] | None:
        """Give up to `limit` messages after `seq`, oldest first; None if that cannot be proved.

        That is when some are gone, or the log's newest is older than `seq`.
        """
        with self._reader() as database:
            head = sql.head(database, room)  # first: more may be committed meanwhile
            messages = sql.after(database, room, seq, limit)
        proved = messages[0].seq == seq + 1 if messages else head == seq
        return messages if proved else None

    def before(self, room: str, seq: int, limit: int) -> list[Message]:
        """Give the last `limit` messages before `seq`, oldest first."""
        with self._reader() as database:
            return sql.before(database, room, seq, limit)

    def recent_nicks(self, room: str, since_ms: int) -> list[tuple[Member, int]]:
        """Give who posted since a time, with the time: milliseconds since 1970."""
        with self._reader() as database:
            return sql.recent_nicks(database, room, since_ms)

    def check(self) -> None:
        """Raise StorageUnavailable unless the log can be read and, as far as is known, written."""
        with self._lock:
            if self._writer is not None and not self._writer.is_alive():
                raise StorageUnavailable("the log's writer has stopped")
        if self._trouble is not None:
            raise StorageUnavailable(self._trouble)
        with self._reader() as database:
            sql.head(database, "")

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        """Lend one of the reading connections."""
        if self._closed:
            raise StorageUnavailable("the log is closed")
        try:
            database = self._readers.get(timeout=_READER_WAIT_S)
        except Empty:
            raise StorageUnavailable("too many wait to read the log") from None
        try:
            if database is None:
                database = sql.connect(self._path, cache_kib=_READER_CACHE_KIB)
            yield database
        except sqlite3.Error as error:
            raise StorageUnavailable(str(error)) from error
        finally:
            if self._closed and database is not None:
                database.close()  # close() cannot find this one any more
            else:
                self._readers.put(database)

    # --- writing: on the writer's thread ----------------------------------------------

    def _write(self, tail: Tail, poll: Callable[[], bool]) -> None:
        """Commit and tail until closed; after an error it goes on with the next batch."""
        database: sqlite3.Connection | None = None
        version = 0
        closing = False
        while not closing:
            batch, closing = self._take()
            try:
                if database is None:
                    database = sql.connect(self._path, cache_kib=_WRITER_CACHE_KIB)
                if batch:
                    self._commit(database, batch, tail)
                elif self._trouble is not None:
                    self._trouble = sql.problem_with_writing(database)
                elif version != (newest := sql.data_version(database)) and poll():
                    version = newest
            except Exception as error:
                _logger.exception("log: nothing could be written")
                self._trouble = str(error)
                if database is not None:
                    database.close()  # which undoes a transaction that it may have begun
                    database = None
                for _, answer in [*batch, *self._waiting()]:
                    answer(StorageUnavailable(str(error)))
        if database is not None:
            database.close()

    def _take(self) -> tuple[list[tuple[Draft, Answer]], bool]:
        """Wait for drafts, _POLL_S at most, and take all that wait; True with the last ones."""
        batch: list[tuple[Draft, Answer]] = []
        try:
            item = self._queue.get(timeout=_POLL_S)
            while item is not None:
                batch.append(item)
                if len(batch) == _COMMIT_LIMIT:
                    return batch, False
                item = self._queue.get_nowait()
        except Empty:
            return batch, False
        return batch, True

    def _waiting(self) -> list[tuple[Draft, Answer]]:
        """Take all drafts that wait, but leave the mark of the end to _take."""
        waiting: list[tuple[Draft, Answer]] = []
        with suppress(Empty):
            while item := self._queue.get_nowait():
                waiting.append(item)
            self._queue.put(None)
        return waiting

    def _commit(
        self, database: sqlite3.Connection, batch: list[tuple[Draft, Answer]], tail: Tail
    ) -> None:
        """Store a batch in one transaction, then tell everybody concerned."""
        try:
            committed, repeated = self._store(database, batch)
        except sqlite3.Error as error:
            if database.in_transaction:
                database.execute("ROLLBACK")
            # Refuse what waits behind them too: it must not overtake what is posted again.
            batch += self._waiting()
            self._trouble = str(error)
            _logger.error("log: %d posts not stored: %s", len(batch), error)
            for _, answer in batch:
                answer(StorageUnavailable(str(error)))
            return
        self._trouble = None
        for room, messages in committed.items():
            try:
                tail(room, messages)
            except Exception:
                # They are committed: connections that missed them find the gap with the next.
                _logger.exception("log: tail of room %s", room)
        for answer, message in repeated:
            answer(message)

    def _store(
        self, database: sqlite3.Connection, batch: list[tuple[Draft, Answer]]
    ) -> tuple[dict[str, list[Message]], list[tuple[Answer, Message]]]:
        """Commit a batch; give each room's new messages, and the originals of repeated posts."""
        committed: dict[str, list[Message]] = {}
        repeated: list[tuple[Answer, Message]] = []
        heads: dict[str, int] = {}
        at_ms = self._now_ms()
        at = rfc3339(at_ms)
        database.execute("BEGIN IMMEDIATE")
        for draft, answer in batch:
            room = draft.room
            if room not in heads:
                heads[room] = sql.head(database, room)
            message = Message(heads[room] + 1, draft.id, draft.member, draft.text, at)
            if sql.insert(database, room, message, at_ms):
                heads[room] += 1
                committed.setdefault(room, []).append(message)
            else:
                repeated.append((answer, sql.original(database, draft)))
        for room, messages in committed.items():
            if heads[room] // _PRUNE_EVERY != (messages[0].seq - 1) // _PRUNE_EVERY:
                sql.prune(database, room, heads[room] - self._retention)
        database.execute("COMMIT")
        return committed, repeated
