"""From the log to the registry: the only caller of `registry.deliver`.

Runs on the log's writer thread, right after the commit, so that the order of delivery is
the order of the log.
"""

from __future__ import annotations

from collections.abc import Sequence

from chat.log import MessageLog
from chat.protocol import REPLAY_LIMIT, Message
from chat.rooms.registry import Registry


class LogTail:
    """Follow the log for the rooms that have a connection on this worker."""

    def __init__(self, log: MessageLog, registry: Registry) -> None:
        self._log = log
        self._registry = registry

    def committed(self, room: str, messages: Sequence[Message]) -> None:
        """Deliver what this process has just committed, after what it did not know of."""
        position = self._registry.position(room)
        if position is not None and messages[0].seq > position + 1:
            self._catch_up(room, position)
        else:
            self._registry.deliver(room, messages)

    def poll(self) -> bool:
        """Deliver what another process has committed: a worker that is being replaced.

        False while a room's first connection is still joining: then it is to be called again.
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
