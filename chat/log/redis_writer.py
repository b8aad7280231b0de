"""The writer of the log on Redis: many posts a round trip, and all that is given out here.

One script stores a room's share of a batch, all or nothing, and publishes it. The worker that
posted gives it out when Redis has answered, the others when they hear of it. What was not heard is
found by comparing the newest entries of the rooms here: every two seconds, and whenever something
may have been missed.

A post whose fate is unknown, because Redis was asked and did not answer, is sent again until it
does: its id makes that harmless. It is not refused, because it may be stored a moment later.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Collection, Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event, Thread
from time import monotonic
from typing import Any, NamedTuple

from msgspec import structs
from redis.exceptions import ConnectionError, RedisError, ResponseError, TimeoutError

from chat.log import (
    Acted,
    Answer,
    Draft,
    IsOccupied,
    LogError,
    Proposal,
    Replaced,
    StorageFull,
    StorageUnavailable,
    Tail,
    Usage,
    refusals,
    scripts,
    shares,
)
from chat.log.change_scripts import Item, Overdue
from chat.log.condition import Condition
from chat.log.followed import Followed
from chat.log.known_records import KnownRecords
from chat.log.redis_entries import Share
from chat.log.redis_upkeep import RedisUpkeep
from chat.log.redis_watch import FULL, Out, Watch, check_servers
from chat.log.scripts import Diverged, EpochGone, Full, Outcome, Stored, Where
from chat.log.shares import Batch
from chat.metrics import Metrics
from chat.names.keys import new_owner_key
from chat.protocol import Done, Entry, Made, Make, Message, Refused
from chat.redis.channels import Channels
from chat.redis.partitions import PARTITIONS, partition_of
from chat.redis.servers import Command, NotReplicated, Servers

_logger = logging.getLogger(__name__)

_QUEUE_LIMIT = 10_000  # drafts that may wait
_BATCH_LIMIT = 1000  # drafts in one round trip
_HEARD_LIMIT = 10_000  # published shares that may wait; what is more is read instead
_LOOK_EVERY_S = 2.0  # at the newest entries of the rooms here
_LOOK_AGAIN_S = 0.05  # when something is missing that may be on its way
_TRY_AGAIN_S = 0.5  # when Redis could not be asked
_INFO_EVERY_S = 30.0  # at what Redis is, and at all epochs
_SERVES_MS = 10_000  # after each look, for `python -m chat migrate`
_REST = 2.0  # times as long as a step of upkeep took, until the next
_UPKEEP_EVERY_S = 1.0  # when the rest is in no hurry
_DUE_EVERY_S = 1.0  # at what is to be done at a time

# Replies after which a script may have run, or may run later.
_UNSURE = (ConnectionError, TimeoutError, NotReplicated)


class _Wake:
    """A sign in the queue that something was heard."""


_WAKE = _Wake()


class Terms(NamedTuple):
    """What the settings say of the log."""

    place: str  # what people call it
    keep: int  # entries of each room
    settled_for_ms: int  # for which none is one too many
    replicas: int  # that must have a post before it is acknowledged


class Writer:
    """The thread that writes the log on Redis, and gives out what it and others have written."""

    def __init__(
        self,
        servers: Servers,
        channels: Channels,
        followed: Followed,
        records: KnownRecords,
        condition: Condition,
        upkeep: RedisUpkeep,
        terms: Terms,
        metrics: Metrics,
    ) -> None:
        """Prepare; nothing is asked yet, and drafts may be queued."""
        self._servers = servers
        self._channels = channels
        self._followed = followed
        self._records = records
        self._condition = condition
        self._upkeep = upkeep
        self._terms = terms
        self._metrics = metrics
        # start() makes these:
        self._worker = ""
        self._is_occupied: IsOccupied
        self._out: Out
        self._watch: Watch
        self._queue: SimpleQueue[tuple[Item, Answer] | _Wake | None] = SimpleQueue()
        # What was published by others: partition, room, payload; the listeners add to it.
        self._heard: deque[tuple[int, str, bytes]] = deque()
        self._is_woken = False
        # Monotonic seconds: when it is time for each. Other threads set the first two to 0.
        self._look_at = self._info_at = self._upkeep_at = self._due_at = 0.0
        self.is_ready = False  # all epochs are known, and Redis may keep a log
        self.usage: Usage | None = None  # of Redis's memory, once that was asked for
        self.has_looked = Event()  # once, whatever it found
        self._set_aside: Batch = []  # taken from the queue too early; they come first
        self._unsure: dict[str, Batch] = {}  # by room: what was sent, and may be stored or not
        self._thread: Thread | None = None  # made by start(): no Thread outlives a fork

    # --- from any thread ------------------------------------------------------------------------

    def start(self, tail: Tail, replaced: Replaced, is_occupied: IsOccupied, acted: Acted) -> None:
        """Start the thread; once, after the servers have started."""
        self._worker = self._servers.worker
        self._is_occupied = is_occupied
        self._out = Out(tail, replaced, acted, self._followed, self._records)
        self._watch = Watch(
            self._servers,
            self._followed,
            self._records,
            self._condition,
            self._out,
            place=self._terms.place,
            replicas=self._terms.replicas,
        )
        self._condition.note_sign()
        self._thread = Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Store what is queued, and end the thread, if it was started."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()

    @property
    def is_alive(self) -> bool:
        """Tell whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def append(self, draft: Draft | Proposal, answer: Answer) -> None:
        """Queue a draft or a proposal. Raises StorageUnavailable when too many wait already."""
        if self._queue.qsize() >= _QUEUE_LIMIT:
            raise StorageUnavailable("too many posts wait for Redis")
        if isinstance(draft, Proposal) and isinstance(draft.command, Make):
            # It may be sent twice, with one key.
            key = draft.command.owner or new_owner_key()
            draft = draft._replace(command=structs.replace(draft.command, owner=key))
        self._queue.put((draft, answer))

    def epoch_of(self, room: str) -> str:
        """Give the epoch of a room's log as it is known here; empty before Redis was looked at."""
        return self._watch.epochs[partition_of(room)]

    def hear(self, partition: int, payload: bytes) -> None:
        """Take what a worker published; on a listener's thread."""
        try:
            room = scripts.published_room(payload, self._worker)
        except (IndexError, UnicodeDecodeError):
            return  # it is another program's
        if room is None or room not in self._followed:
            return
        if len(self._heard) < _HEARD_LIMIT:
            self._heard.append((partition, room, payload))
        else:
            self._look_at = 0.0  # it is read instead
        self._wake()

    def look_soon(self, *, at_all: bool = False) -> None:
        """Look whether something was missed; with `at_all`, also in partitions without people."""
        self._look_at = 0.0
        if at_all:
            self._info_at = 0.0
        self._wake()

    def _wake(self) -> None:
        if not self._is_woken:
            self._is_woken = True
            self._queue.put(_WAKE)

    # --- on the thread: batches -------------------------------------------------------------------

    def _run(self) -> None:
        """Store, and give out, until closed; whatever fails, it goes on with the next batch."""
        batch: Batch = []  # at first none: Redis is looked at before anything is refused
        closing = False
        while True:
            self._condition.note_sign()
            try:
                self._do(batch)
            except Exception as error:
                _logger.exception("log: a bug; nothing could be stored")
                self._unsure.clear()
                self._refuse(batch, str(error))
            self.has_looked.set()
            if closing:
                break
            batch, closing = self._take()
            batch, self._set_aside = shares.at_one_time(batch)
            if closing and self._set_aside:
                self._queue.put(None)  # the mark of the end stays the last
                closing = False
        if self.is_ready:
            with suppress(RedisError):  # the leases end soon without that
                self._servers.ask([(0, scripts.serve(self._worker, 0))])
                self._upkeep.close()

    def _take(self) -> tuple[Batch, bool]:
        """Wait for drafts, for something heard, or for the next look; True with the last ones."""
        batch, self._set_aside = self._set_aside, []
        due_at = min(self._look_at, self._upkeep_at) if self.is_ready else self._look_at
        wait_s = 0.0 if batch or self._heard else max(0.0, due_at - monotonic())
        try:
            item = self._queue.get(timeout=wait_s) if wait_s else self._queue.get_nowait()
            while item is not None:
                if isinstance(item, _Wake):
                    self._is_woken = False  # before what was heard is taken
                else:
                    batch.append(item)
                    if len(batch) >= _BATCH_LIMIT:
                        return batch, False
                item = self._queue.get_nowait()
        except Empty:
            return batch, False
        return batch, True

    def _refuse(self, batch: Batch, why: str) -> None:
        """Store nothing of a batch; nor of what waits behind it in its rooms."""
        for _, answer in batch:
            answer(StorageUnavailable(why))
        self._refuse_waiting({draft.room for draft, _ in batch}, StorageUnavailable(why))

    def _refuse_waiting(self, rooms: Collection[str], problem: StorageUnavailable) -> None:
        """Refuse what was posted behind something that was refused: it must not overtake it."""
        waiting, self._set_aside = self._set_aside, []
        with suppress(Empty):
            while (item := self._queue.get_nowait()) is not None:
                if isinstance(item, _Wake):
                    self._is_woken = False
                else:
                    waiting.append(item)
            self._queue.put(None)  # the mark of the end stays the last
        for item in waiting:
            room = item[0].room
            if room not in rooms:
                self._set_aside.append(item)
            elif not shares.replace(self._unsure.get(room, []), item):
                item[1](problem)

    def _do(self, batch: Batch) -> None:
        try:
            for _ in range(len(self._heard)):  # what comes meanwhile must not keep posts waiting
                self._give_heard(*self._heard.popleft())
            if found := self._sort(batch):
                self._store(found)
            batch.clear()  # a bug in what follows is none of these posts'
            if monotonic() >= self._look_at:
                self._followed.drop_empty(self._is_needed)
                self._records.drop_unused(self._followed.__contains__)
                self._look()
                self._refuse_outdated()
                if self._unsure:
                    self._store(self._unsure)
            if self._out.done:
                self._watch.tell_done()
            if self.is_ready and monotonic() >= self._upkeep_at:
                self._keep_up()
        except LogError as problem:
            self._fail(str(problem))
        except RedisError as problem:
            self._fail(f"{self._terms.place} cannot be asked: {problem}")

    def _sort(self, batch: Batch) -> dict[str, Batch]:
        """Give each room's share of a batch; refuse what must not be sent now."""
        found: dict[str, Batch] = {}
        refused: Batch = []
        for item in batch:
            room = item[0].room
            if not self._holds(item[0]):
                item[1](refusals.other_log())
            elif room in self._unsure:  # what comes behind must not overtake it
                if not shares.replace(self._unsure[room], item):
                    refused.append(item)
            elif self.is_ready:
                found.setdefault(room, []).append(item)
            else:
                refused.append(item)
        if refused:
            # Those behind were posted after these: they must not overtake them.
            trouble = self._condition.trouble or f"{self._terms.place} does not confirm"
            self._refuse(refused, trouble if self.is_ready else self._condition.closed_because)
        return found

    def _holds(self, item: Item) -> bool:
        """Tell whether the log is the one that an item is meant for."""
        return self._followed.holds(item.room, _sender(item))

    def _refuse_outdated(self) -> None:
        """Send no more what was meant for another log, where its target is another message.

        Its senders were told to come back. What of it was stored in the log that is gone is gone.
        """
        for room, share in tuple(self._unsure.items()):
            kept: Batch = []
            for item, answer in share:
                if self._holds(item):
                    kept.append((item, answer))
                else:
                    answer(refusals.other_log())
            if kept:
                self._unsure[room] = kept
            else:
                del self._unsure[room]

    def _is_needed(self, room: str) -> bool:
        """Tell whether it matters how far a room was given out."""
        return self._is_occupied(room) or room in self._unsure

    def _fail(self, why: str) -> None:
        """Send no posts until Redis was asked again."""
        self.is_ready = False
        self._condition.closed_because = why
        self._condition.say("%s", why)
        self._look_at = monotonic() + _TRY_AGAIN_S
        self._info_at = 0.0

    def _store(self, by_room: Mapping[str, Batch]) -> None:
        """Store shares of rooms in one round trip, then tell everybody concerned.

        Raises RedisError.
        """
        by_room = dict(by_room)
        self._unsure |= by_room  # until Redis has said what became of them
        began_at = monotonic()
        replies = self._send(
            [(partition_of(room), self._append(room, share)) for room, share in by_room.items()]
        )
        self._metrics.commit_seconds.observe(monotonic() - began_at)
        stored_entries = failures = 0
        published: list[tuple[int, Command]] = []
        for (room, share), reply in zip(by_room.items(), replies, strict=True):
            if isinstance(reply, _UNSURE):
                failures += 1
                self._condition.trouble = f"{self._terms.place} does not confirm: {reply}"
                self._condition.say("%s", self._condition.trouble)
                self._look_at = min(self._look_at, monotonic() + _TRY_AGAIN_S)
                continue
            del self._unsure[room]
            try:
                stored = shares.stored(reply, share)
            except Full as problem:
                failures += 1
                self._condition.trouble = FULL
                self._condition.say("%s", self._condition.trouble)
                for index, (_, answer) in enumerate(share):
                    answer(problem.repeated.get(index) or StorageFull(FULL))
                self._refuse_waiting((room,), StorageFull(FULL))
            except (Diverged, EpochGone) as problem:
                failures += 1
                self._condition.say("%s", str(problem))
                self._look_at = 0.0
                self._refuse(share, str(problem))
                if isinstance(problem, Diverged):
                    self._out.turn((room,))  # now: a connection that is closed is told no refusal
            except RedisError as problem:
                failures += 1
                self._condition.trouble = f"{self._terms.place} stores nothing: {problem}"
                self._condition.say("%s", self._condition.trouble)
                self._look_at = 0.0
                self._refuse(share, str(problem))
            else:
                if stored.new is not None:
                    stored_entries += len(stored.new.entries)
                    posts = sum(isinstance(entry, Message) for entry in stored.new.entries)
                    self._metrics.posts.add(posts)
                    self._give(room, stored.new)
                    if self._terms.replicas:
                        published.append(self._publication(room, stored))
                if stored.unfinished:
                    self._set_aside += [share[index] for index in stored.unfinished]
                if stored.outcomes:
                    self._answer(room, share, stored.outcomes)
        self._metrics.commit_entries.observe(stored_entries)
        if not failures:
            self._condition.note_stored()
        if published:
            self._servers.ask(published)

    def _answer(self, room: str, share: Batch, outcomes: Mapping[int, Outcome]) -> None:
        """Answer what did not become an entry now.

        An earlier entry was perhaps stored by another worker a moment ago.
        """
        repeated: list[tuple[int, Entry]] = []
        for index, outcome in outcomes.items():
            if isinstance(outcome, Done | Made | Refused):
                share[index][1](outcome)
            else:
                repeated.append((index, outcome))
        if not repeated:
            return
        self._unsure[room] = [share[index] for index, _ in repeated]
        given = self._followed.head(room)
        if given is not None and any(entry.seq > given.seq for _, entry in repeated):
            self._watch.catch_up([room])  # what is before them comes first
        for index, entry in repeated:
            share[index][1](entry)
        del self._unsure[room]

    def _publication(self, room: str, stored: Stored) -> tuple[int, Command]:
        partition = partition_of(room)
        epoch = self._watch.epochs[partition]
        payload = scripts.publication(self._worker, epoch, room, stored)
        return partition, self._channels.publish(partition, payload)

    def _keep_up(self) -> None:
        """Do one step of what nobody waits for, and leave time for posts."""
        began_at = monotonic()
        self._upkeep_at = began_at + _UPKEEP_EVERY_S  # also after a bug
        busy = False
        try:
            if began_at >= self._due_at:
                self._due_at = began_at + _DUE_EVERY_S
                self._set_aside += [(item, shares.tell_nobody) for item in self._upkeep.find_due()]
            busy = self._upkeep.step()
        except ResponseError as error:  # Redis is there; it may be full
            if self._condition.trouble is None:  # else that is said already
                self._condition.say("nothing can be pruned: %s", str(error))
        now = monotonic()
        self._upkeep_at = now + (_REST * (now - began_at) if busy else _UPKEEP_EVERY_S)

    def _append(self, room: str, share: Batch) -> Command:
        partition = partition_of(room)
        where = Where(
            self._watch.epochs[partition],
            room,
            self._followed.known(room, (_sender(item) for item, _ in share)),
            self._worker,
            self._terms.keep,
            self._terms.settled_for_ms,
            # What a fail-over may still lose is published later.
            "" if self._terms.replicas else self._channels.channel(partition),
            shares.past(share),
        )
        return shares.store(where, share, is_occupied=self._is_occupied)

    def _send(self, commands: list[tuple[int, Command]]) -> list[Any]:
        """Send commands, and once more if the connection was lost meanwhile. Raises RedisError."""
        try:
            return self._servers.ask(commands, replicas=self._terms.replicas)
        except ConnectionError:
            return self._servers.ask(commands, replicas=self._terms.replicas)

    # --- giving out -----------------------------------------------------------------------------

    def _give_heard(self, partition: int, room: str, payload: bytes) -> None:
        """Give out what another worker published."""
        if room not in self._followed:
            return  # any more
        try:
            epoch, share = scripts.published(payload, self._worker)
        except ValueError as error:  # msgspec's; another program's, or a newer one's
            _logger.warning("log: something was published that cannot be read: %s", error)
            return
        if epoch == self._watch.epochs[partition]:
            self._give(room, share)
        else:
            self._look_at = 0.0

    def _give(self, room: str, share: Share) -> None:
        if self._out.give(room, share):
            self._look_at = min(self._look_at, monotonic() + _LOOK_AGAIN_S)

    def _look(self) -> None:
        """Compare what was given out with what Redis has; give out what is missing.

        Raises RedisError, and LogError when this Redis may not keep a log.
        """
        self._look_at = monotonic() + _LOOK_EVERY_S
        partitions: Collection[int] = set(self._followed.by_partition()).union(
            self._records.by_partition()
        )
        if monotonic() >= self._info_at:
            self.usage = check_servers(self._servers, self._terms.place)
            self._info_at = monotonic() + _INFO_EVERY_S
            partitions = range(PARTITIONS)
        self._watch.look_at_epochs(partitions)
        self._servers.ask([(0, scripts.serve(self._worker, _SERVES_MS))])
        self._watch.catch_up(self._watch.look_at_heads())
        self._watch.look_at_records()
        self._condition.trouble = self._watch.find_trouble()
        if not self.is_ready:
            self.is_ready = True
            self._condition.note_opened(None)
            self._condition.note_stored()
            _logger.info("log: %s is in use", self._terms.place)
        self._channels.need_only(self._followed.by_partition())


def _sender(item: Item) -> object:
    """Give what the log gave the sender of an item; None if that is the program itself."""
    return None if isinstance(item, Overdue) else item.followed
