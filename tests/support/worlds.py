"""Worlds for tests of presence: an engine, its clock, the log's nicks, and what rooms are told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import count
from queue import SimpleQueue
from threading import Event, current_thread
from threading import enumerate as running_threads
from time import monotonic, sleep, time

from chat import protocol
from chat.log import StorageUnavailable
from chat.protocol import IsTyping, Joined, Member
from chat.redis.channels import Channels
from chat.redis.partitions import PARTITIONS, partition_of
from chat.redis.servers import Servers
from chat.rooms.leases import Leases
from chat.rooms.local_presence import LocalPresence
from chat.rooms.presence import Arrival, Presence
from chat.rooms.shared_presence import SharedPresence
from tests.support.peers import WAIT_S
from tests.support.waiting import wait_until

GRACE_S = 10.0
RESERVATION_S = 600.0
_PAUSE_S = 0.005


class Around:
    """The clock, and the nicks that the log remembers."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.recent: dict[str, list[tuple[Member, float]]] = {}
        self.storage_problem: StorageUnavailable | None = None
        self.clock_problem: Exception | None = None

    def clock(self) -> float:
        """Give the time; a thread of presence is told of a problem with it, once."""
        if self.clock_problem is not None and current_thread().name in ("presence", "people"):
            problem, self.clock_problem = self.clock_problem, None
            raise problem
        return self.now_s

    def recent_nicks(self, room: str, _since_ms: int) -> list[tuple[Member, int]]:
        """Give what the log remembers."""
        if self.storage_problem is not None:
            raise self.storage_problem
        now = time()
        return [(who, int((now - ago_s) * 1000)) for who, ago_s in self.recent.get(room, [])]


class Ears:
    """Who hears what a worker announces."""

    def __init__(self) -> None:
        self.announcing_problem: Exception | None = None
        self._told: dict[str, SimpleQueue[protocol.Event]] = defaultdict(SimpleQueue)

    def announce(self, room: str, events: Sequence[protocol.Event]) -> None:
        """Take what an engine announces."""
        problem, self.announcing_problem = self.announcing_problem, None
        if problem is not None:
            raise problem
        for event in events:
            self._told[room].put(event)

    def told(self, room: str = "general") -> protocol.Event:
        """Give the next event that a room gets."""
        return self._told[room].get(timeout=WAIT_S)


class World:
    """A presence, what is around it, and the rooms' events."""

    def __init__(self, presence: Presence, around: Around, ears: Ears) -> None:
        self.presence = presence
        self.around = around
        self.ears = ears
        self.told = ears.told

    def told_nothing(self, room: str = "general") -> bool:
        """Tell whether a room has got no event, once all announcements until now are out."""
        self.poke(self.presence.join, self.presence, self.ears, room)
        event = self.told(room)
        return isinstance(event, IsTyping) and event.member.id == "poke"

    def pass_time(self, seconds: float) -> None:
        """Move the clock, and let the presence see it."""
        self.around.now_s += seconds
        self.poke(self.presence.join, self.presence, self.ears, "elsewhere")
        assert isinstance(self.told("elsewhere"), IsTyping)

    def end(self) -> None:
        """End what this world has started."""

    @staticmethod
    def poke(join: Callable[..., object], presence: Presence, ears: Ears, room: str) -> None:
        """Cause an announcement that the test knows; it comes after all earlier ones."""
        if not any(member.id == "poke" for member in presence.members(room)):
            join(room, "poke", "Poke")
            assert ears.told(room) == Joined(Member("poke", "Poke"))
        presence.typing(room, "poke")


class LocalWorld(World):
    """A world in which one worker serves alone."""

    def __init__(self, leave_grace_s: float = GRACE_S) -> None:
        around, ears = Around(), Ears()
        presence = LocalPresence(
            ears,
            around.recent_nicks,
            leave_grace_s=leave_grace_s,
            nick_reservation_s=RESERVATION_S,
            now_s=around.clock,
        )
        super().__init__(presence, around, ears)
        presence.start()


class Worker(Ears):
    """One of several workers on a Redis: presence with all that it needs, and what it tells."""

    def __init__(
        self,
        url: str,
        around: Around,
        *,
        leave_grace_s: float = GRACE_S,
        nick_reservation_s: float = RESERVATION_S,
        rename_every_s: float = 0.0,
        timeout_s: float = 5.0,
        renew_s: float = 3.0,
    ) -> None:
        super().__init__()
        self.servers = Servers(url, timeout_s=timeout_s)
        self.channels = Channels(self.servers)
        self.leases = Leases(self.servers, renew_s=renew_s)
        self.presence = SharedPresence(
            self.servers,
            self.channels,
            self.leases,
            self,
            around.recent_nicks,
            leave_grace_s=leave_grace_s,
            nick_reservation_s=nick_reservation_s,
            rename_every_s=rename_every_s,
            now_s=around.clock,
        )
        self._listens = {partition: Event() for partition in range(PARTITIONS)}
        self.channels.on_return(lambda partition: self._listens[partition].set())
        before = set(running_threads())
        self.servers.start()
        self.channels.start()
        self.leases.start()
        self.presence.start()
        self._threads = set(running_threads()) - before

    def join(
        self, room: str, member_id: str, nick: str | None, account: bytes | None = None
    ) -> Arrival:
        """Let a member in, and wait until the worker hears what happens in the room."""
        arrival = self.presence.join(room, member_id, nick, account)
        assert self._listens[partition_of(room)].wait(WAIT_S)
        return arrival

    def leave(self, room: str, member_id: str) -> None:
        """End a connection of a member."""
        self.presence.leave(room, member_id)

    def members(self, room: str = "general") -> list[str]:
        """List the nicks of who is in a room."""
        return [member.nick for member in self.presence.members(room)]

    def die(self) -> None:
        """Stop without a word, like a process that is killed.

        Once this returns, nothing is asked of Redis any more: a thread in the middle of its work
        would hold this worker's people again in what the next test has emptied.
        """
        self.leases.close()
        self.presence.close()
        self.channels.close()
        self.servers.close()
        for thread in self._threads:
            thread.join(WAIT_S)
            assert not thread.is_alive(), thread.name


class SharedWorld(World):
    """A world of two workers: people come to each of them by turns, and the first one tells.

    Each further connection of a member is on the other worker than the one before.
    """

    def __init__(self, url: str, leave_grace_s: float = GRACE_S) -> None:
        around = Around()
        self._workers = [Worker(url, around, leave_grace_s=leave_grace_s) for _ in range(2)]
        super().__init__(Alternating(self._workers), around, self._workers[0])

    def pass_time(self, seconds: float) -> None:
        self.around.now_s += seconds
        for number, worker in enumerate(self._workers):
            room = f"elsewhere-{number}"
            self.poke(worker.join, worker.presence, worker, room)
            assert isinstance(worker.told(room), IsTyping)

    def end(self) -> None:
        for worker in self._workers:
            worker.die()


class Alternating:
    """The presence of two workers as if it were one's."""

    def __init__(self, workers: list[Worker]) -> None:
        self._workers = workers
        self._next: dict[str, count[int]] = defaultdict(count)  # by room
        self._last: dict[tuple[str, str], int] = {}  # by room and member: which worker
        self._connections: dict[tuple[str, str], list[int]] = defaultdict(list)

    def start(self) -> None:
        """Do nothing: the workers have started."""

    def close(self) -> None:
        """Do nothing: the world ends them."""

    def join(
        self, room: str, member_id: str, nick: str | None, account: bytes | None = None
    ) -> Arrival:
        """Let a member in at the worker whose turn it is."""
        who = (room, member_id)
        if member_id == "poke":
            at = 0
        elif who in self._last:
            at = 1 - self._last[who]
        else:
            at = next(self._next[room]) % 2
        arrival = self._workers[at].join(room, member_id, nick, account)
        self._last[who] = at
        self._connections[who].append(at)
        return arrival

    def leave(self, room: str, member_id: str) -> None:
        """End the oldest connection of a member."""
        at = self._connections[room, member_id].pop(0)
        self._workers[at].presence.leave(room, member_id)

    def rename(self, room: str, member_id: str, nick: str) -> None:
        """Rename a member, as one of its connections asks."""
        self._of(room, member_id).rename(room, member_id, nick)

    def typing(self, room: str, member_id: str) -> None:
        """Tell that a member is writing, as one of its connections does."""
        self._of(room, member_id).typing(room, member_id)

    def member(self, room: str, member_id: str) -> Member:
        """Give a member as the worker of one of its connections knows it."""
        return self._of(room, member_id).member(room, member_id)

    def is_occupied(self, room: str) -> bool:
        """Tell whether anybody is in a room, as both workers know."""
        (answer,) = {worker.presence.is_occupied(room) for worker in self._workers}
        return answer

    def rooms(self) -> list[str]:
        """List the rooms in which anybody is, as the second worker knows."""
        return self._workers[1].presence.rooms()

    def members(self, room: str) -> list[Member]:
        """List who is in a room, as soon as both workers agree."""
        deadline = monotonic() + WAIT_S
        while True:
            lists = [each for worker in self._workers if (each := worker.presence.members(room))]
            if all(each == lists[0] for each in lists):
                return lists[0] if lists else []
            assert monotonic() < deadline, lists
            sleep(_PAUSE_S)  # bounded by the deadline: there is no event to wait for

    def people(self, room: str) -> list[tuple[Member, int]]:
        """List who is in a room since when, as soon as both workers agree."""
        one, other = (worker.presence for worker in self._workers)

        def agreed() -> list[list[tuple[Member, int]]]:
            found = one.people(room)
            return [found] if found == other.people(room) else []

        return wait_until(agreed)[0]

    def visit(
        self, room: str, member_id: str, nick: str | None, account: bytes | None = None
    ) -> Member:
        """Give a visitor's member at the worker whose turn it is."""
        at = next(self._next[room]) % 2
        return self._workers[at].presence.visit(room, member_id, nick, account)

    def _of(self, room: str, member_id: str) -> SharedPresence:
        return self._workers[self._connections[room, member_id][0]].presence
