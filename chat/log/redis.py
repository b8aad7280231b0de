"""The log of several workers: Redis, one writer thread a worker, many posts a round trip.

Publish to be quick, read to be sure. One script stores a room's share of a batch, all or nothing,
and publishes it. The worker that posted gives it out when Redis has answered, the others when they
hear of it. What was not heard is found by comparing the newest entries of the rooms here: every two
seconds, and whenever something may have been missed. Only the writer's thread gives anything out.

A post whose fate is unknown, because Redis was asked and did not answer, is sent again until it
does: its id makes that harmless. It is not refused, because it may be stored a moment later.

A log that is gone, shorter or another one is found out by the epoch of its partition, and by the
time of the last entry that was given out: its rooms' connections are told to come back.
"""

from __future__ import annotations

import logging
import secrets
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from time import monotonic
from typing import Any

from redis.exceptions import ConnectionError, OutOfMemoryError, RedisError, ResponseError

from chat.log import (
    Answer,
    Draft,
    Holder,
    IsOccupied,
    LogError,
    Missed,
    Recent,
    Replaced,
    StorageFull,
    StorageUnavailable,
    Tail,
    scripts,
)
from chat.log.condition import Condition
from chat.log.followed import Followed
from chat.log.redis_upkeep import RedisUpkeep
from chat.log.scripts import NO_HEAD, Diverged, EpochGone, Full, Read, Share
from chat.log.upkeep import Rules
from chat.protocol import Member, Message, rfc3339
from chat.redis.channels import Channels
from chat.redis.partitions import PARTITIONS, partition_of
from chat.redis.servers import Command, NotReplicated, Servers

_logger = logging.getLogger(__name__)

_HOUR_MS = 3_600_000
_QUEUE_LIMIT = 10_000  # drafts that may wait
_BATCH_LIMIT = 1000  # drafts in one round trip
_HEARD_LIMIT = 10_000  # published shares that may wait; what is more is read instead
_LOOK_EVERY_S = 2.0  # at the newest entries of the rooms here
_SERVES_MS = 10_000  # after each look, for `python -m chat migrate`
_LOOK_AGAIN_S = 0.05  # when something is missing that may be on its way
_TRY_AGAIN_S = 0.5  # when Redis could not be asked
_READ_LIMIT = 500  # entries of a room in one reply
_BEHIND_LIMIT = 5000  # entries that a worker reads of a room that it has not heard of for long
_READ_ROOMS = 50  # rooms in one round trip
_HEADS_LIMIT = 1000  # rooms in one command
_NICK_SEARCH = 1000  # newest entries of a room that recent_nicks looks at
_INFO_EVERY_S = 30.0
_REST = 2.0  # times as long as a step of upkeep took, until the next
_UPKEEP_EVERY_S = 1.0  # when the rest is in no hurry
_VERSION = 7  # of Redis, which first had sharded channels

_FULL = "Redis has no memory for more: no message is stored until there is some."

_Batch = list[tuple[Draft, Answer]]

# Replies after which a script may have run, or may run later.
_UNSURE = (ConnectionError, TimeoutError, NotReplicated)


class _Wake:
    """A sign in the queue that something was heard."""


_WAKE = _Wake()


class RedisLog:
    """A MessageLog on Redis, which other workers write too."""

    def __init__(
        self,
        servers: Servers,
        channels: Channels,
        *,
        place: str,
        retention_messages: int,
        retention_min_hours: int = 0,
        retention_days: int = 0,
        room_idle_days: int = 0,
        replicas: int = 0,
    ) -> None:
        """Prepare; nothing is asked yet. `place` names the log to people.

        With `replicas`, so many of them must have a post before it is acknowledged.
        """
        self._servers = servers
        self._channels = channels
        self._place = place
        self._keep = retention_messages
        self._settled_for_ms = retention_min_hours * _HOUR_MS
        self._replicas = replicas
        self._followed = Followed()
        self._condition = Condition(place, "Redis")
        self._queue: SimpleQueue[tuple[Draft, Answer] | _Wake | None] = SimpleQueue()
        # What was published by others, by partition; the listeners add to it.
        self._heard: deque[tuple[int, bytes]] = deque()
        self._is_woken = False
        self._own = b""  # how everything begins that this worker publishes
        # Guards _writer and _closed.
        self._lock = Lock()
        self._writer: Thread | None = None
        self._closed = False
        # The writer's thread sets these:
        self._ready = False  # all epochs are known, and Redis may keep a log
        self._epochs = [""] * PARTITIONS
        self._set_aside: _Batch = []  # taken from the queue too early; they come first
        self._unsure: dict[str, _Batch] = {}  # by room: what was sent, and may be stored or not
        self._look_at = 0.0  # monotonic seconds
        self._upkeep = RedisUpkeep(
            servers,
            Rules(retention_messages, retention_min_hours, retention_days, room_idle_days),
        )
        self._upkeep_at = 0.0  # monotonic seconds
        self._info_at = 0.0  # monotonic seconds
        channels.hear(b"m", self._hear)
        channels.on_return(self._listened)

    # --- the process -------------------------------------------------------------------------

    def claim(self, server: int | None = None) -> bool:
        """Tell whether Redis may keep a log, which several workers have; a worker's master looks.

        Raises LogError for what never may. A Redis that cannot be asked now may do so later.
        """
        if server is not None:
            return True
        try:
            self._check_servers()
        except RedisError as error:
            _logger.warning("log: %s cannot be asked yet: %s", self._place, error)
        finally:
            self._servers.close()  # a fork is to have connections of its own
        return True

    def release(self) -> None:
        """Do nothing: no worker has the log for itself."""

    def holder(self) -> Holder | None:
        """Give None: no worker has the log for itself."""
        return None

    def start(self, tail: Tail, replaced: Replaced, is_occupied: IsOccupied) -> None:
        """Start the writer; once. It reaches Redis as soon as that is there."""
        self._own = scripts.published_by(self._servers.worker)
        with self._lock:
            if self._writer is None and not self._closed:
                self._condition.note_sign()
                self._writer = Thread(
                    target=self._write,
                    args=(tail, replaced, is_occupied),
                    name="log-writer",
                    daemon=True,
                )
                self._writer.start()

    def append(self, draft: Draft, answer: Answer) -> None:
        """Queue a draft for the next round trip; then `tail` or `answer` is called.

        Raises StorageUnavailable when too many wait already.
        """
        if self._closed:
            raise StorageUnavailable("the log is closed")
        if self._queue.qsize() >= _QUEUE_LIMIT:
            raise StorageUnavailable("too many posts wait for Redis")
        self._queue.put((draft, answer))

    def close(self) -> None:
        """Store what is queued, and stop the writer."""
        with self._lock:
            self._closed, writer = True, self._writer
        if writer is not None:
            self._queue.put(None)
            writer.join()

    # --- reading -----------------------------------------------------------------------------

    def follow(self, room: str) -> None:
        """Give the tail from now on also what other workers append to a room.

        Raises StorageUnavailable.
        """
        if room not in self._followed:
            partition = partition_of(room)
            reply = self._ask(partition, scripts.heads(partition, (room,)))
            self._followed.add(room, scripts.head(reply[0]))
            self._channels.need(partition)

    def after(self, room: str, seq: int, limit: int) -> Missed:
        """Give the first `limit` messages after `seq`."""
        read = self._read(room, scripts.after(room, seq, limit))
        return Missed(read.epoch, _rfc3339(read.at_ms), read.head.seq, read.share.messages)

    def before(self, room: str, seq: int, limit: int) -> Recent:
        """Give the last `limit` messages before `seq`, oldest first."""
        read = self._read(room, scripts.before(room, seq, limit), newest=True)
        head = read.head
        return Recent(read.epoch, head.seq, _rfc3339(head.at_ms or None), read.share.messages)

    def recent_nicks(self, room: str, since_ms: int) -> list[tuple[Member, int]]:
        """Give who posted since a time, with the time: milliseconds since 1970."""
        reply = self._ask(partition_of(room), scripts.before(room, 2**53, _NICK_SEARCH))
        return scripts.recent_nicks(reply, since_ms)

    def check(self) -> None:
        """Raise StorageUnavailable if the log could lately not be read or written; never wait."""
        if self._closed:
            raise StorageUnavailable("the log is closed")
        if not (self._writer and self._writer.is_alive()):
            raise StorageUnavailable("the log's writer has stopped")
        if not self._ready:
            raise StorageUnavailable(self._condition.closed_because)
        self._condition.raise_problem()

    def _read(self, room: str, command: Command, *, newest: bool = False) -> Read:
        try:
            read = scripts.read(self._ask(partition_of(room), command), newest=newest)
        except EpochGone as problem:
            self._info_at = self._look_at = 0.0  # it gets another one
            self._wake()
            raise StorageUnavailable(str(problem)) from problem
        if read.head.seq:
            self._upkeep.note_read(room)
        return read

    def _ask(self, partition: int, command: Command) -> Any:
        """Send one command and give its reply. Raises StorageUnavailable."""
        if self._closed:
            raise StorageUnavailable("the log is closed")
        try:
            (reply,) = self._servers.ask([(partition, command)], replicas=self._replicas)
        except RedisError as problem:
            raise StorageUnavailable(str(problem)) from problem
        if isinstance(reply, Exception):
            raise StorageUnavailable(str(reply)) from reply
        return reply

    # --- hearing: on the listeners' threads ----------------------------------------------------

    def _hear(self, partition: int, payload: bytes) -> None:
        """Keep what another worker published for the writer."""
        if not payload.startswith(self._own):
            if len(self._heard) < _HEARD_LIMIT:
                self._heard.append((partition, payload))
            else:
                self._look_at = 0.0  # it is read instead
            self._wake()

    def _listened(self, _partition: int) -> None:
        """Let the writer look: what was published before is not heard."""
        self._look_at = 0.0
        self._wake()

    def _wake(self) -> None:
        if not self._is_woken:
            self._is_woken = True
            self._queue.put(_WAKE)

    # --- writing: on the writer's thread ---------------------------------------------------------

    def _write(self, tail: Tail, replaced: Replaced, is_occupied: IsOccupied) -> None:
        """Store, and give out, until closed; whatever fails, it goes on with the next batch."""
        out = _Out(tail, replaced, self._followed)
        batch: _Batch = []  # at first none: Redis is looked at before anything is refused
        closing = False
        while True:
            self._condition.note_sign()
            try:
                self._do(batch, out, is_occupied)
            except Exception as error:
                _logger.exception("log: a bug; nothing could be stored")
                self._unsure.clear()
                self._refuse(batch, str(error))
            if closing:
                break
            batch, closing = self._take()
        if self._ready:
            with suppress(RedisError):  # it is forgotten soon without that
                self._servers.ask([(0, scripts.serve(self._servers.worker, 0))])

    def _take(self) -> tuple[_Batch, bool]:
        """Wait for drafts, for something heard, or for the next look; True with the last ones."""
        batch, self._set_aside = self._set_aside, []
        due_at = min(self._look_at, self._upkeep_at) if self._ready else self._look_at
        wait_s = 0.0 if batch else max(0.0, due_at - monotonic())
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

    def _refuse(self, batch: _Batch, why: str) -> None:
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
            elif not _replace(self._unsure.get(room, []), item):
                item[1](problem)

    def _do(self, batch: _Batch, out: _Out, is_occupied: IsOccupied) -> None:
        try:
            while self._heard:
                self._give_heard(*self._heard.popleft(), out)
            if shares := self._sort(batch):
                self._store(shares, out)
            if monotonic() >= self._look_at:
                self._followed.drop_empty(is_occupied)
                self._look(out)
                if self._unsure:
                    self._store(self._unsure, out)
            if self._ready and monotonic() >= self._upkeep_at:
                self._keep_up()
        except LogError as problem:
            self._fail(str(problem))
        except RedisError as problem:
            self._fail(f"{self._place} cannot be asked: {problem}")

    def _sort(self, batch: _Batch) -> dict[str, _Batch]:
        """Give each room's share of a batch; refuse what must not be sent now."""
        shares: dict[str, _Batch] = {}
        refused: _Batch = []
        for item in batch:
            room = item[0].room
            if room in self._unsure:  # what comes behind must not overtake it
                if not _replace(self._unsure[room], item):
                    refused.append(item)
            elif self._ready:
                shares.setdefault(room, []).append(item)
            else:
                refused.append(item)
        if refused:
            # Those behind were posted after these: they must not overtake them.
            trouble = self._condition.trouble or f"{self._place} does not confirm"
            self._refuse(refused, trouble if self._ready else self._condition.closed_because)
        return shares

    def _fail(self, why: str) -> None:
        """Send no posts until Redis was asked again."""
        self._ready = False
        self._condition.closed_because = why
        self._condition.say("%s", why)
        self._look_at = monotonic() + _TRY_AGAIN_S
        self._info_at = 0.0

    def _store(self, shares: Mapping[str, _Batch], out: _Out) -> None:
        """Store shares of rooms in one round trip, then tell everybody concerned.

        Raises RedisError.
        """
        shares = dict(shares)
        self._unsure |= shares  # until Redis has said what became of them
        replies = self._send(
            [(partition_of(room), self._append(room, share)) for room, share in shares.items()]
        )
        failures = 0
        published: list[tuple[int, Command]] = []
        for (room, share), reply in zip(shares.items(), replies, strict=True):
            if isinstance(reply, _UNSURE):
                failures += 1
                self._condition.trouble = f"{self._place} does not confirm: {reply}"
                self._condition.say("%s", self._condition.trouble)
                self._look_at = min(self._look_at, monotonic() + _TRY_AGAIN_S)
                continue
            del self._unsure[room]
            try:
                new, repeated = scripts.stored(reply, [draft for draft, _ in share])
            except Full as problem:
                failures += 1
                self._condition.trouble = f"{_FULL} ({problem})"
                self._condition.say("%s", self._condition.trouble)
                for index, (_, answer) in enumerate(share):
                    answer(problem.repeated.get(index) or StorageFull(_FULL))
                self._refuse_waiting((room,), StorageFull(_FULL))
            except (Diverged, EpochGone) as problem:
                failures += 1
                self._condition.say("%s", str(problem))
                if isinstance(problem, Diverged):
                    out.turn((room,))
                self._look_at = 0.0
                self._refuse(share, str(problem))
            except RedisError as problem:
                failures += 1
                self._condition.trouble = f"{self._place} stores nothing: {problem}"
                self._condition.say("%s", self._condition.trouble)
                self._look_at = 0.0
                self._refuse(share, str(problem))
            else:
                if new is not None:
                    self._give(room, new, out)
                    if self._replicas:
                        published.append(self._publication(room, new))
                if repeated:
                    self._unsure[room] = [share[index] for index in repeated]
                    self._answer_repeated(room, share, repeated, out)
                    del self._unsure[room]
        if not failures:
            self._condition.note_stored()
        if published:
            self._servers.ask(published)

    def _answer_repeated(
        self, room: str, share: _Batch, repeated: dict[int, Message], out: _Out
    ) -> None:
        """Answer posts that were stored before, perhaps by another worker a moment ago."""
        given = self._followed.head(room)
        if given is not None and any(each.seq > given.seq for each in repeated.values()):
            self._catch_up([room], out)  # what is before them comes first
        for index, message in repeated.items():
            share[index][1](message)

    def _publication(self, room: str, share: Share) -> tuple[int, Command]:
        partition = partition_of(room)
        payload = scripts.publication(self._servers.worker, self._epochs[partition], room, share)
        return partition, self._channels.publish(partition, payload)

    def _keep_up(self) -> None:
        """Do one step of what nobody waits for, and leave time for posts."""
        began_at = monotonic()
        busy = False
        try:
            busy = self._upkeep.step()
        except ResponseError as error:  # Redis is there; it may be full
            self._condition.say("nothing can be pruned: %s", str(error))
        now = monotonic()
        self._upkeep_at = now + (_REST * (now - began_at) if busy else _UPKEEP_EVERY_S)

    def _append(self, room: str, share: _Batch) -> Command:
        partition = partition_of(room)
        return scripts.append(
            self._epochs[partition],
            room,
            self._followed.head(room) or NO_HEAD,
            self._servers.worker,
            self._keep,
            self._settled_for_ms,
            # What a fail-over may still lose is published later.
            "" if self._replicas else self._channels.channel(partition),
            [draft for draft, _ in share],
        )

    def _send(self, commands: list[tuple[int, Command]]) -> list[Any]:
        """Send commands, and once more if the connection was lost meanwhile. Raises RedisError."""
        try:
            return self._servers.ask(commands, replicas=self._replicas)
        except ConnectionError:
            return self._servers.ask(commands, replicas=self._replicas)

    # --- giving out -----------------------------------------------------------------------------

    def _give_heard(self, partition: int, payload: bytes, out: _Out) -> None:
        """Give out what another worker published."""
        try:
            epoch, room, share = scripts.published(payload)
        except ValueError as error:  # msgspec's; another program's, or a newer one's
            _logger.warning("log: something was published that cannot be read: %s", error)
            return
        if epoch == self._epochs[partition]:
            self._give(room, share, out)
        else:
            self._look_at = 0.0

    def _give(self, room: str, share: Share, out: _Out) -> None:
        if out.give(room, share):
            self._look_at = min(self._look_at, monotonic() + _LOOK_AGAIN_S)

    def _look(self, out: _Out) -> None:
        """Compare what was given out with what Redis has; give out what is missing.

        Raises RedisError, and LogError when this Redis may not keep a log.
        """
        self._look_at = monotonic() + _LOOK_EVERY_S
        rooms = self._followed.by_partition()
        partitions: Collection[int] = rooms
        if monotonic() >= self._info_at:
            self._check_servers()
            self._info_at = monotonic() + _INFO_EVERY_S
            partitions = range(PARTITIONS)
        self._look_at_epochs(partitions, out)
        self._servers.ask([(0, scripts.serve(self._servers.worker, _SERVES_MS))])
        behind = self._look_at_heads(rooms, out)
        while behind:
            behind = self._catch_up(behind, out)
        self._condition.trouble = self._find_trouble()
        if not self._ready:
            self._ready = True
            self._condition.note_opened(None)
            self._condition.note_stored()
            _logger.info("log: %s is in use", self._place)
        self._channels.need_only(self._followed.by_partition())

    def _find_trouble(self) -> str | None:
        """Say why nothing could be stored now; None if it could. Raises RedisError."""
        # One partition of each server: a write shows a full memory, a full disk, and a replica.
        asked = {self._servers.server_of(each): each for each in range(PARTITIONS)}
        probes = [(partition, scripts.probe(partition)) for partition in asked.values()]
        for reply in self._servers.ask(probes):
            if isinstance(reply, OutOfMemoryError):
                return f"{_FULL} ({reply})"
            if isinstance(reply, ResponseError):
                return f"{self._place} stores nothing: {reply}"
            if isinstance(reply, RedisError):
                raise reply
        return None

    def _check_servers(self) -> None:
        """Raise LogError for a Redis that would lose entries by itself, or is too old."""
        for info in self._servers.info():
            version = info.get("redis_version", "0")
            if int(version.partition(".")[0]) < _VERSION:
                raise LogError(f"{self._place} is version {version}: at least {_VERSION} is needed")
            if (policy := info.get("maxmemory_policy", "noeviction")) != "noeviction":
                raise LogError(
                    f"{self._place} may delete messages when its memory is full "
                    f"(maxmemory-policy is {policy}): set it to noeviction"
                )

    def _look_at_epochs(self, partitions: Collection[int], out: _Out) -> None:
        """Learn the epochs of partitions; one that has none gets one."""
        asked = [(each, scripts.epoch(each)) for each in partitions]
        found = dict(zip(partitions, _without_errors(self._servers.ask(asked)), strict=True))
        missing = [each for each, epoch in found.items() if epoch is None]
        asked = [(each, scripts.new_epoch(each, secrets.token_urlsafe(9))) for each in missing]
        found.update(zip(missing, _without_errors(self._servers.ask(asked)), strict=True))
        if any(value.startswith(scripts.UNFINISHED.encode()) for value in found.values()):
            raise LogError(
                f"{self._place} has a log that `python -m chat migrate` has not finished: run it "
                "again"
            )
        rooms = self._followed.by_partition()
        for partition, value in found.items():
            epoch, before = value.decode(), self._epochs[partition]
            self._epochs[partition] = epoch
            if before and epoch != before:
                self._condition.say("%s", f"{self._place} has lost its log, or has another one")
                out.turn(rooms.get(partition, ()))

    def _look_at_heads(self, by_partition: dict[int, list[str]], out: _Out) -> list[str]:
        """Give the rooms of which something is missing here."""
        asked = [
            (partition, rooms[begin : begin + _HEADS_LIMIT])
            for partition, rooms in by_partition.items()
            for begin in range(0, len(rooms), _HEADS_LIMIT)
        ]
        commands = [(partition, scripts.heads(partition, rooms)) for partition, rooms in asked]
        behind: list[str] = []
        gone: list[str] = []
        # What replicas do not have yet is not given out.
        replies = _without_errors(self._servers.ask(commands, replicas=self._replicas))
        for (_, rooms), values in zip(asked, replies, strict=True):
            for room, value in zip(rooms, values, strict=True):
                given, head = self._followed.head(room), scripts.head(value)
                if given is None or head == given:
                    continue
                (behind if head.seq > given.seq else gone).append(room)
                if head.seq > given.seq + _BEHIND_LIMIT:
                    out.turn((room,))  # it is given the newest ones
        if gone:
            self._condition.say("%s", f"{self._place} has lost entries: an older copy was put back")
            out.turn(gone)
        return behind

    def _catch_up(self, rooms: list[str], out: _Out) -> list[str]:
        """Read what is missing of rooms, and give it out; give the rooms of which more is."""
        some, rest = rooms[:_READ_ROOMS], rooms[_READ_ROOMS:]
        heads = {room: head for room in some if (head := self._followed.head(room)) is not None}
        commands = [
            (partition_of(room), scripts.after(room, head.seq, _READ_LIMIT))
            for room, head in heads.items()
        ]
        replies = self._servers.ask(commands, replicas=self._replicas)
        for (room, head), reply in zip(heads.items(), replies, strict=True):
            try:
                read = scripts.read(reply)
            except EpochGone:
                self._look_at = 0.0
                continue
            messages = read.share.messages
            is_same = head.seq == 0 or read.at_ms == head.at_ms
            if not (is_same and messages and messages[0].seq == head.seq + 1):
                out.turn([room])  # another entry, or one that is gone
            elif not out.give(room, read.share) and len(messages) == _READ_LIMIT:
                rest.append(room)
        return rest


class _Out:
    """What the writer's thread tells those who are here."""

    def __init__(self, tail: Tail, replaced: Replaced, followed: Followed) -> None:
        self._tail = tail
        self._replaced = replaced
        self._followed = followed

    def give(self, room: str, share: Share) -> bool:
        """Give out what is new of a share; True if something before it is missing."""
        try:
            messages, is_behind = self._followed.offer(room, share)
        except Diverged:
            self.turn([room])
            return False
        if messages:
            try:
                self._tail(room, messages)
            except Exception:
                # They are stored: connections that missed them find the gap with the next.
                _logger.exception("log: tail of room %s", room)
        return is_behind

    def turn(self, rooms: Iterable[str]) -> None:
        """Tell those in rooms to come back: what they were given proves nothing now."""
        rooms = tuple(rooms)
        self._followed.drop(rooms)
        if rooms:
            self._replaced(rooms)


def _replace(share: _Batch, item: tuple[Draft, Answer]) -> bool:
    """Put a post that was sent again into its own place; False if it is another one."""
    for index, (draft, _) in enumerate(share):
        if (draft.id, draft.member.id) == (item[0].id, item[0].member.id):
            share[index] = item
            return True
    return False


def _without_errors(replies: list[Any]) -> list[Any]:
    """Give replies. Raises RedisError if one of them is an error."""
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return replies


def _rfc3339(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc3339(at_ms)
