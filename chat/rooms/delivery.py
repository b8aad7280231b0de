"""From the log to a room's connections: the tail, and each newcomer's join.

A connection is given every message of its room once, in the log's order. What was said
before it came is read from the log; what comes meanwhile is held, and follows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from chat.log import MessageLog
from chat.protocol import REPLAY_LIMIT, WELCOME_MESSAGES, Message, Seen, Welcome
from chat.rooms.registry import Registry
from chat.sockets.connection import Connection
from chat.sockets.frames import encode_event

_NEWEST = 2**53  # above every seq


class Replay(NamedTuple):
    """What a newcomer is given of the log."""

    resumed: bool  # exactly what it missed, not the room's newest
    messages: Sequence[Message]  # oldest first
    more: bool  # older ones exist
    seq: int  # of the newest message given


class Delivery:
    """The way of messages from the log to this worker's connections."""

    def __init__(self, log: MessageLog, registry: Registry) -> None:
        self._log = log
        self._registry = registry

    # --- the tail: on the log's writer thread, so that the order is the log's -----------

    def committed(self, room: str, messages: Sequence[Message]) -> None:
        """Deliver what this process has just committed, and before it what another one had."""
        position = self._registry.position(room)
        if position is not None and messages[0].seq > position + 1:
            self._catch_up(room, position)
        else:
            self._registry.deliver(room, messages)

    def poll(self) -> bool:
        """Deliver what another process has committed: a worker that is being replaced.

        Returns False while a room's first connection still joins: call it again then.
        """
        settled = True
        for room in self._registry.rooms():
            position = self._registry.position(room)
            if position is None:
                settled = False
            else:
                self._catch_up(room, position)
        return settled

    def _catch_up(self, room: str, position: int) -> None:
        while messages := self._log.after(room, position, REPLAY_LIMIT):
            self._registry.deliver(room, messages)
            position = messages[-1].seq

    # --- joining: on the connection's thread ---------------------------------------------

    def join(
        self,
        connection: Connection,
        room: str,
        member_id: str,
        after: Seen | None,
        welcome: Callable[[Replay], Welcome],
    ) -> None:
        """Put a connection into a room: replay what it missed, then all that comes.

        Raises StorageUnavailable when the log cannot be read. The connection is in the room
        then and holds what comes for it: close it.
        """
        connection.hold()
        # Register before the log is read: what is committed meanwhile is held, so nothing is lost.
        self._registry.join(connection, room, member_id)
        replay = self._replay(room, after)
        connection.go_live(encode_event(welcome(replay)), replay.seq)
        self._registry.note_position(room, replay.seq)

    def page(self, room: str, before: int, limit: int) -> tuple[list[Message], bool]:
        """Read the last `limit` messages before a seq, and whether there are older ones.

        Raises StorageUnavailable.
        """
        messages = self._log.before(room, before, limit + 1)
        return messages[-limit:], len(messages) > limit

    def _replay(self, room: str, after: Seen | None) -> Replay:
        if after is not None and after.epoch == self._log.epoch:
            missed = self._log.after(room, after.seq, REPLAY_LIMIT + 1)
            if missed is not None and len(missed) <= REPLAY_LIMIT:
                newest = missed[-1].seq if missed else after.seq
                return Replay(True, missed, after.seq > 0, newest)
        messages, more = self.page(room, _NEWEST, WELCOME_MESSAGES)
        return Replay(False, messages, more, messages[-1].seq if messages else 0)
