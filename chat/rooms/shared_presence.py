"""The people in the rooms of many workers: presence on Redis.

Redis has who is in which room, which workers hold each of them, and whose each nick is
(people_scripts.py). A worker has a copy of each room in which it holds somebody (room_copy.py). So
only who comes, goes or takes a nick asks Redis. What happened is told on the partition's channel,
and each worker announces it to its own connections. What was not heard is found by comparing
versions.

While Redis is away, the people stay as they are, and nobody comes. Who left meanwhile is let go of
afterwards; who is here is held again if Redis has lost it.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice
from math import inf
from threading import Condition, Lock, Thread
from time import monotonic, sleep, time
from typing import Any

from msgspec import MsgspecError
from msgspec.msgpack import encode
from redis.exceptions import RedisError

from chat.log import StorageUnavailable
from chat.names.faces import looks
from chat.names.nicks import guest_nick, similar_nicks, visitor_nick
from chat.names.rooms import room_in_log
from chat.protocol import Joined, Left, Member, Refused, Renamed
from chat.redis.attempts import Attempts
from chat.redis.channels import Channels
from chat.redis.partitions import PARTITIONS, key, partition_of
from chat.redis.servers import Command, Servers
from chat.rooms.announcer import Announcer
from chat.rooms.leases import Leases
from chat.rooms.people_scripts import PeopleScripts, Recent, held
from chat.rooms.presence import (
    ANNOUNCE_EVERY_S,
    YOUNG_S,
    Arrival,
    News,
    RecentNicks,
    lately,
    nick_taken,
    renamed_too_soon,
)
from chat.rooms.room_copy import (
    Change,
    Happening,
    Held,
    RoomCopy,
    Step,
    decode_changes,
    decode_people,
    decode_step,
)

_logger = logging.getLogger(__name__)

_KIND = b"p"  # of what presence publishes
_COMPARE_EVERY_S = 2.0  # what was missed is found by then
_GAP_S = 0.5  # for which a change may wait for the one before it
_AT_ONCE = 100  # members a script: others wait for it
_MANY = 1000  # members a round trip
_GONE_LIMIT = 10_000  # members to be let go of that are remembered; others are looked for
_RETRY_S = 0.5
_TRIES = 5  # to find a nick for a member that wants none
_TYPING = "0"  # in the place of a version: what is no change


class SharedPresence:
    """The people in the rooms of this worker, among those of all workers; from any thread."""

    def __init__(
        self,
        servers: Servers,
        channels: Channels,
        leases: Leases,
        announcer: Announcer,
        recent_nicks: RecentNicks,
        *,
        leave_grace_s: float,
        nick_reservation_s: float,
        rename_every_s: float = 0.0,
        now_s: Callable[[], float] = monotonic,
    ) -> None:
        """Prepare; before the channels and the leases start."""
        self._servers = servers
        self._channels = channels
        self._leases = leases
        self._recent_nicks = recent_nicks
        self._leave_grace_s = leave_grace_s
        self._nick_reservation_s = nick_reservation_s
        self._rename_every_ms = int(rename_every_s * 1000)
        self._now_s = now_s
        self._young_until = now_s() + YOUNG_S
        self._scripts = PeopleScripts(channels, "", 0, 0)  # start() knows for whom
        # From this worker's clock to Redis's, as far as is known.
        self._clock_s = time() - now_s()
        self._knows_clock = False
        self._closed = False
        # Guards everything below.
        self._lock = Lock()
        self._work_came = Condition(self._lock)  # for the thread that asks Redis
        self._news_came = Condition(self._lock)  # for the presence thread
        self._rooms: dict[str, RoomCopy] = {}
        self._news = News(announcer)
        self._turn = 0  # of the last hold
        self._typing: set[tuple[str, str]] = set()  # room and member
        # When the leave grace of a member without a connection is over; the soonest first.
        self._leaving: dict[tuple[str, str], float] = {}
        self._gone: dict[tuple[str, str], int] = {}  # to be let go of, until a turn
        # Rooms to be read as a whole: when, and if their copies have not come to which version.
        self._behind: dict[str, tuple[float, float]] = {}
        self._sweep: set[int] = set()  # partitions in which this worker may hold too many
        self._compare_at = 0.0
        channels.hear(_KIND, self._heard)
        channels.on_return(self._listens)
        leases.on_lost(self._lost)
        leases.on_dead(self._give_up)

    def start(self) -> None:
        """Start the threads, as the contract says; after the servers."""
        worker, reservation_ms = self._servers.worker, int(self._nick_reservation_s * 1000)
        self._scripts = PeopleScripts(self._channels, worker, self._leases.lease_ms, reservation_ms)
        with suppress(RedisError):
            self._learn_clock()
        Thread(target=self._announce, name="presence", daemon=True).start()
        Thread(target=self._work, name="people", daemon=True).start()

    def close(self) -> None:
        """End the threads. Who does not come to another worker leaves when the lease has ended."""
        with self._lock:
            self._closed = True
            self._work_came.notify()
            self._news_came.notify()

    def join(
        self, room: str, member_id: str, nick: str | None, account: bytes | None = None
    ) -> Arrival:
        """Let a member in, as the contract says; one round trip, or a few in a new room."""
        self._channels.need(partition_of(room))
        name = account.hex() if account else ""
        with self._lock:
            copy = self._rooms.setdefault(room, RoomCopy())
            mine = copy.held.get(member_id)
            if mine is None:
                mine = copy.held[member_id] = Held(Member(member_id, nick or ""), name)
            mine.asking += 1
        is_unknown = False  # whether Redis has taken it
        try:
            is_known = self._hold(room, mine, nick)
            with self._lock:
                mine.connections += 1
                self._leaving.pop((room, member_id), None)
                member = copy.find(member_id) or mine.member
            return Arrival(member, is_known or self._now_s() < self._young_until)
        except RedisError as error:
            is_unknown = True
            raise StorageUnavailable(f"Redis: {error}") from error
        finally:
            with self._lock:
                mine.asking -= 1
                if not (mine.asking or mine.connections or (room, member_id) in self._leaving):
                    if is_unknown:
                        self._leaves(room, member_id)
                    else:
                        self._forget(room, member_id)

    def leave(self, room: str, member_id: str) -> None:
        """Note that a connection of a member has ended, as the contract says."""
        with self._lock:
            mine = self._rooms[room].held[member_id]
            mine.connections -= 1
            if mine.connections == 0:
                self._leaves(room, member_id)

    def rename(self, room: str, member_id: str, nick: str) -> None:
        """Give a member another nick, as the contract says; one round trip."""
        with self._lock:
            mine = self._rooms[room].held[member_id]
            mine.asking += 1
        try:
            self._hold(room, mine, nick)
        except RedisError as error:
            raise StorageUnavailable(f"Redis: {error}") from error
        finally:
            with self._lock:
                mine.asking -= 1

    def typing(self, room: str, member_id: str) -> None:
        """Tell the others that a member is writing; it is published soon."""
        with self._lock:
            self._typing.add((room, member_id))
            self._work_came.notify()

    def member(self, room: str, member_id: str) -> Member:
        """Give a member with its present nick, as the contract says."""
        with self._lock:
            copy = self._rooms[room]
            return copy.find(member_id) or copy.held[member_id].member

    def visit(
        self, room: str, member_id: str, nick: str | None, account: bytes | None = None
    ) -> Member:
        """Give a member that may not be in the room, as the contract says; a round trip or two."""
        wanted = nick or visitor_nick(member_id)
        recent: list[Recent] | None = None
        try:
            for _ in range(_TRIES):
                command = self._scripts.visit(
                    room,
                    member_id,
                    now_ms=self._now_ms(),
                    nick=wanted,
                    looks=looks(wanted),
                    is_wanted=nick is not None,
                    account=account.hex() if account else "",
                    recent=recent,
                )
                (reply,) = self._servers.ask_strictly([command])
                if reply[0] == b"visits":
                    return Member(member_id, reply[1].decode())
                if reply[0] == b"unknown":
                    recent = self._recent(room)
                    continue
                wanted = self._choose(room, member_id, wanted)
                if nick is not None:
                    raise nick_taken(wanted)
        except RedisError as error:
            raise StorageUnavailable(f"Redis: {error}") from error
        raise StorageUnavailable("no nick is free")

    def members(self, room: str) -> list[Member]:
        """List who is in a room, as the contract says; one round trip where nobody is here."""
        with self._lock:
            copy = self._rooms.get(room)
            if copy is not None:
                return copy.members()
        return [member for member, _ in self._ask_who(room)]

    def people(self, room: str) -> list[tuple[Member, int]]:
        """List who is in a room, with the time of arrival; as the contract says."""
        with self._lock:
            copy = self._rooms.get(room)
            if copy is not None and copy.is_loaded:
                orders = copy.orders
                return [(each, orders.get(each.id, 0) // 1000) for each in copy.members()]
        return self._ask_who(room)

    def is_occupied(self, room: str) -> bool:
        """Tell whether anybody is in a room, as the contract says; one round trip."""
        partition = partition_of(room)
        try:
            (found,) = self._servers.ask_strictly(
                [(partition, ("HEXISTS", key(partition, "versions"), room))]
            )
        except RedisError as error:
            raise StorageUnavailable(f"Redis: {error}") from error
        return bool(found)

    def rooms(self) -> list[str]:
        """List the rooms in which anybody is, as the contract says; one round trip."""
        commands = [(at, ("HKEYS", key(at, "versions"))) for at in range(PARTITIONS)]
        try:
            found = self._servers.ask_strictly(commands)
        except RedisError as error:
            raise StorageUnavailable(f"Redis: {error}") from error
        return sorted(name.decode() for names in found for name in names)

    def _ask_who(self, room: str) -> list[tuple[Member, int]]:
        """Ask Redis who is in a room, and since when. Raises StorageUnavailable."""
        try:
            ((_, pairs),) = self._servers.ask_strictly([self._scripts.load(room)])
        except RedisError as error:
            raise StorageUnavailable(f"Redis: {error}") from error
        return [
            (Member(member_id, person.nick), int(person.order) // 1000)
            for member_id, person in decode_people(pairs).items()
        ]

    # --- asking for one member: on a connection's thread, or on that of the people --------------

    def _hold(self, room: str, mine: Held, nick: str | None) -> bool:
        """Hold a member; tell whether it is or lately was in the room.

        Without a nick it keeps the one it has there. Raises Refused, StorageUnavailable and
        RedisError.
        """
        member_id = mine.member.id
        wanted = nick or mine.member.nick or guest_nick()
        recent: list[Recent] | None = None
        for _ in range(_TRIES):
            (reply,) = self._servers.ask_strictly(
                [self._hold_command(room, mine, wanted, nick is not None, recent)]
            )
            status = reply[0]
            if status == b"held":
                return self._held(room, mine, reply)
            if status == b"wait":
                raise renamed_too_soon(int(reply[1]) / 1000)
            if status == b"unknown":
                recent = self._recent(room)
                continue
            wanted = self._choose(room, member_id, wanted)
            if nick is not None:
                raise nick_taken(wanted)
        raise StorageUnavailable("no nick is free")

    def _hold_command(
        self,
        room: str,
        mine: Held,
        nick: str,
        is_wanted: bool,
        recent: list[Recent] | None,
    ) -> tuple[int, Command]:
        with self._lock:
            copy = self._rooms[room]
            self._turn += 1
            return self._scripts.hold(
                room,
                mine.member.id,
                now_ms=self._now_ms(),
                turn=self._turn,
                nick=nick,
                looks=looks(nick),
                is_wanted=is_wanted,
                every_ms=self._rename_every_ms,
                order=copy.orders.get(mine.member.id, 0),
                account=mine.account,
                wants_people=not copy.is_loaded,
                recent=recent,
            )

    def _held(self, room: str, mine: Held, reply: list[Any]) -> bool:
        """Take Redis's reply: what it has changed, and who is in a room that was not known."""
        _, before, version, changes, nick, is_known, is_new_lease, people = reply
        self._leases.keep(partition_of(room), is_new=bool(is_new_lease))
        step = Step(room, before.decode(), version.decode(), decode_changes(changes))
        whole = decode_people(people)
        with self._lock:
            mine.member = Member(mine.member.id, nick.decode())
            copy = self._rooms[room]
            if whole and int(version) > copy.version:
                is_first = not copy.is_loaded
                self._tell(room, copy.load(int(version), whole))
                if is_first and step.changes:
                    self._tell(room, [Joined(mine.member)])
            elif step.changes:
                self._take(copy, step)
        return bool(is_known)

    def _recent(self, room: str) -> list[Recent]:
        """Read from the log whose nicks are reserved in a room that Redis does not know."""
        now_ms = self._now_ms()
        until_ms = now_ms + int(self._nick_reservation_s * 1000)
        recent = lately(self._recent_nicks, room, self._nick_reservation_s, now_ms / 1000)
        return [
            (member.id, looks(member.nick), until_ms - int(ago_s * 1000), member.nick)
            for member, ago_s in recent
        ]

    def _choose(self, room: str, member_id: str, nick: str) -> str:
        """Find a nick like one that is taken. Raises RedisError."""
        nicks = similar_nicks(nick)
        some = [looks(each) for each in nicks[:-1]]
        (index,) = self._servers.ask_strictly(
            [self._scripts.choose(room, member_id, some, now_ms=self._now_ms())]
        )
        return nicks[int(index)]  # -1: the last one

    def _now_ms(self) -> int:
        """Give the time of Redis's clock."""
        return int((self._now_s() + self._clock_s) * 1000)

    def _learn_clock(self) -> None:
        ((seconds, micros),) = self._servers.ask_strictly([(0, ("TIME",))])
        self._clock_s = int(seconds) + int(micros) / 1e6 - self._now_s()
        self._knows_clock = True

    # --- with the lock held --------------------------------------------------------------------

    def _leaves(self, room: str, member_id: str) -> None:
        """Begin the leave grace of a member without a connection here."""
        self._leaving.pop((room, member_id), None)
        self._leaving[room, member_id] = self._now_s() + self._leave_grace_s
        self._work_came.notify()

    def _forget(self, room: str, member_id: str) -> None:
        """Hold a member no more, and know nothing of a room of which nobody is held."""
        copy = self._rooms[room]
        del copy.held[member_id]
        if not copy.held:
            del self._rooms[room]
            self._behind.pop(room, None)

    def _take(self, copy: RoomCopy, step: Step) -> None:
        """Take a step of a room, or wait for those before it."""
        self._tell(step.room, copy.take(step))
        if copy.is_lost:
            copy.doubted_until = monotonic() + self._leases.settled_s
            self._look_again(step.room, 0.0)
        elif copy.has_gap:
            self._look_again(step.room, _GAP_S, int(step.version))

    def _tell(self, room: str, events: Sequence[Happening]) -> None:
        copy = self._rooms[room]
        for event in events:
            self._news.tell(room, event)
            mine = copy.held.get(event.member.id)
            if mine is not None and isinstance(event, Renamed):
                mine.member = event.member
            if mine is not None and isinstance(event, Left):
                self._look_again(room, 0.0)  # this worker was taken for dead
        if events:
            self._news_came.notify()

    def _look_again(self, room: str, after_s: float, version: float = inf) -> None:
        """Read a room as a whole after a while, unless its copy has come to a version by then."""
        due, wanted = self._behind.get(room, (inf, 0.0))
        self._behind[room] = (min(due, monotonic() + after_s), max(wanted, version))
        self._work_came.notify()

    # --- what is heard: on the channels' and the leases' threads ---------------------------------

    def _heard(self, _partition: int, payload: bytes) -> None:
        try:
            step = decode_step(payload)
        except MsgspecError:
            _logger.exception("presence: what was published is not of this program")
            return
        with self._lock:
            copy = self._rooms.get(step.room)
            if copy is None:
                return
            if step.version != _TYPING:
                self._take(copy, step)
                return
            for change in step.changes:
                if (member := copy.people.get(change.member_id)) is not None:
                    self._news.tell_typing(step.room, member)
            self._news_came.notify()

    def _listens(self, partition: int) -> None:
        """Look at a partition of which something was perhaps not heard."""
        del partition
        with self._lock:
            self._compare_at = 0.0
            self._work_came.notify()

    def _lost(self, partition: int) -> None:
        """Hold this worker's people again: others may have let go of them, or Redis lost all."""
        with self._lock:
            self._sweep.add(partition)
            for room in self._rooms:
                if partition_of(room) == partition:
                    self._look_again(room, 0.0)
            self._work_came.notify()

    def _give_up(self, partition: int, worker: str) -> None:
        """Let go of all that a dead worker holds in a partition. Raises RedisError."""
        while True:
            (found,) = self._servers.ask_strictly(
                [(partition, ("SRANDMEMBER", held(partition, worker), _MANY))]
            )
            if not found:
                return
            by_room = defaultdict(list)
            for each in found:
                member_id, _, room = each.decode().partition(" ")
                by_room[room].append((member_id, 0))
            if b"alive" in self._servers.ask_strictly(self._let_go_commands(by_room, worker)):
                return

    # --- on the presence thread -------------------------------------------------------------------

    def _announce(self) -> None:
        while not self._closed:
            try:
                with self._lock:
                    while not (self._news or self._closed):
                        self._news_came.wait()
                    news = self._news.take()
                self._news.announce(news)
            except Exception:
                _logger.exception("presence: a bug; it goes on")
            sleep(ANNOUNCE_EVERY_S)  # so that more news are told together

    # --- on the people's thread, the one that asks Redis for many ----------------------------

    def _work(self) -> None:
        attempts = Attempts(_logger, "presence")
        while not self._closed:
            attempts.make(self._work_once)
            if attempts.has_failed:
                self._knows_clock = False
                sleep(_RETRY_S)
            sleep(ANNOUNCE_EVERY_S)  # so that more is asked together

    def _work_once(self) -> None:
        """Wait for work, and do it. Raises RedisError."""
        with self._lock:
            while not (self._is_due() or self._closed):
                self._work_came.wait(self._next_s())
            self._end_graces()
            typing, self._typing = self._typing, set()  # lost if Redis is away
            gone = dict(islice(self._gone.items(), _MANY))
        if not self._knows_clock:
            self._learn_clock()
        self._let_go(gone)
        self._publish(typing)
        with self._lock:
            is_time = monotonic() >= self._compare_at
            sweep = self._sweep.copy()
        if is_time:
            self._compare()
        self._load(self._take_behind())
        for partition in sweep:
            self._look_for_others(partition)
            with self._lock:
                self._sweep.discard(partition)

    def _next_s(self) -> float:
        """Give the seconds until the next work; with the lock held."""
        now = monotonic()
        ends = [self._compare_at, *(due for due, _ in self._behind.values())]
        first_leave = next(iter(self._leaving.values()), inf) - self._now_s()
        return max(0.0, min(min(ends) - now, first_leave))

    def _is_due(self) -> bool:
        return bool(self._typing or self._gone or self._sweep) or self._next_s() <= 0

    def _end_graces(self) -> None:
        """Note whose leave grace is over; with the lock held."""
        now = self._now_s()
        while self._leaving and (first := next(iter(self._leaving.items())))[1] <= now:
            room, member_id = first[0]
            if self._rooms[room].held[member_id].asking:
                self._leaves(room, member_id)
                return
            del self._leaving[room, member_id]
            self._forget(room, member_id)
            if len(self._gone) < _GONE_LIMIT:
                self._gone[room, member_id] = self._turn
            else:  # Redis is away for long, and joins fail all the while
                self._sweep.add(partition_of(room))

    def _let_go(self, gone: dict[tuple[str, str], int]) -> None:
        by_room = defaultdict(list)
        for (room, member_id), turn in gone.items():
            by_room[room].append((member_id, turn))
        if by_room:
            self._servers.ask_strictly(self._let_go_commands(by_room))
        with self._lock:
            for each, turn in gone.items():
                if self._gone.get(each) == turn:
                    del self._gone[each]

    def _let_go_commands(
        self, by_room: dict[str, list[tuple[str, int]]], dead: str | None = None
    ) -> list[tuple[int, Command]]:
        now_ms = self._now_ms()
        return [
            self._scripts.let_go(room, members[begin : begin + _AT_ONCE], now_ms=now_ms, dead=dead)
            for room, members in by_room.items()
            for begin in range(0, len(members), _AT_ONCE)
        ]

    def _publish(self, typing: set[tuple[str, str]]) -> None:
        by_room = defaultdict(list)
        for room, member_id in typing:
            by_room[room].append(Change("typing", member_id, "", "", 0))
        commands = []
        for room, changes in by_room.items():
            partition = partition_of(room)
            told = _KIND + encode(Step(room, _TYPING, _TYPING, changes))
            commands.append((partition, self._channels.publish(partition, told)))
        if commands:
            self._servers.ask_strictly(commands)

    def _compare(self) -> None:
        """Find the rooms whose copies have missed something, or that Redis has lost."""
        by_partition: dict[int, list[tuple[str, int]]] = defaultdict(list)
        with self._lock:
            self._compare_at = monotonic() + _COMPARE_EVERY_S
            for room, copy in self._rooms.items():
                if copy.is_loaded:
                    by_partition[partition_of(room)].append((room, copy.version))
        for partition in by_partition:
            self._channels.need(partition)
        replies = self._servers.ask_strictly(
            [
                (partition, ("HMGET", key(partition, "versions"), *(room for room, _ in rooms)))
                for partition, rooms in by_partition.items()
            ]
        )
        with self._lock:
            for rooms, reply in zip(by_partition.values(), replies, strict=True):
                for (room, known), there in zip(rooms, reply, strict=True):
                    version = int(there or 0)
                    if room not in self._rooms:
                        continue
                    if version < known:
                        self._look_again(room, 0.0)
                    elif version > known:  # it is perhaps on its way
                        self._look_again(room, _GAP_S, version)

    def _take_behind(self) -> list[str]:
        """Give the rooms that have to be read as a whole now."""
        now = monotonic()
        with self._lock:
            due = {room: version for room, (at, version) in self._behind.items() if at <= now}
            for room in due:
                del self._behind[room]
            return [
                room
                for room, version in due.items()
                if (copy := self._rooms.get(room)) is not None
                and copy.is_loaded
                and copy.version < version
            ]

    def _load(self, rooms: list[str]) -> None:
        """Read rooms as a whole, and hold again who is not held there any more."""
        for index, room in enumerate(rooms):
            with self._lock:
                copy = self._rooms.get(room)
                known = copy.version if copy else 0
            try:
                ((version, people),) = self._servers.ask_strictly([self._scripts.load(room)])
                self._hold_again(room, self._loaded(room, known, int(version), people))
            except RedisError:
                with self._lock:
                    for each in rooms[index:]:
                        if each in self._rooms:
                            self._look_again(each, 0.0)
                raise

    def _loaded(self, room: str, known: int, version: int, pairs: list[bytes]) -> list[Held]:
        """Take a room as Redis has it; give who has to be held again."""
        people, worker, now = decode_people(pairs), self._servers.worker, monotonic()
        with self._lock:
            copy = self._rooms.get(room)
            if copy is None:
                return []
            if known <= version < copy.version:  # something has come meanwhile
                self._look_again(room, _GAP_S)
                return []
            missing = [
                mine
                for member_id, mine in copy.held.items()
                if (mine.connections or (room, member_id) in self._leaving)
                and (member_id not in people or worker not in people[member_id].workers)
            ]
            if version < known or missing:
                # Redis has lost something, perhaps; other workers are about to mend it too.
                copy.doubted_until = now + self._leases.settled_s
            is_doubted = now < copy.doubted_until
            self._tell(room, copy.load(version, people, is_doubted=is_doubted))
            if is_doubted:
                self._look_again(room, copy.doubted_until - now)
            for member_id, person in people.items():
                if worker in person.workers and member_id not in copy.held:
                    self._gone[room, member_id] = self._turn
            return missing

    def _hold_again(self, room: str, missing: list[Held]) -> None:
        """Hold members that were lost. Raises RedisError."""
        for begin in range(0, len(missing), _AT_ONCE):
            some = missing[begin : begin + _AT_ONCE]
            with self._lock:
                copy = self._rooms.get(room)
                some = [mine for mine in some if copy and copy.held.get(mine.member.id) is mine]
                for mine in some:
                    mine.asking += 1
            try:
                replies = self._servers.ask_strictly(
                    [self._hold_command(room, mine, mine.member.nick, False, None) for mine in some]
                )
                for mine, reply in zip(some, replies, strict=True):
                    if reply[0] == b"held":
                        self._held(room, mine, reply)
                    else:
                        self._hold(room, mine, None)
            except (Refused, StorageUnavailable) as problem:
                _logger.warning(
                    "presence: room %s: somebody is not held: %s", room_in_log(room), problem
                )
            finally:
                with self._lock:
                    for mine in some:
                        mine.asking -= 1

    def _look_for_others(self, partition: int) -> None:
        """Let go of whom Redis says that this worker holds, and it does not."""
        name, cursor = held(partition, self._servers.worker), b"0"
        while True:
            ((cursor, found),) = self._servers.ask_strictly(
                [(partition, ("SSCAN", name, cursor, "COUNT", _MANY))]
            )
            with self._lock:
                for each in found:
                    member_id, _, room = each.decode().partition(" ")
                    copy = self._rooms.get(room)
                    if copy is None or member_id not in copy.held:
                        self._gone[room, member_id] = self._turn
            if cursor == b"0":
                return
