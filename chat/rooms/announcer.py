"""From presence to the registry: what a room is told and the log does not keep."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from chat.protocol import Event, IsTyping, Joined, Left
from chat.rooms.registry import Registry
from chat.sockets.frames import encode_event


class Announcer:
    """The way of news to a room: joined, left, renamed, typing."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def announce(self, room: str, events: Sequence[Event]) -> None:
        """Tell a room its news, in order; but no member that it came, left or writes itself.

        On the presence thread. What is told here may be lost.
        """
        frames = [encode_event(event) for event in events]
        ends = list(accumulate(map(len, frames)))
        own: dict[str, list[int]] = {}
        for index, event in enumerate(events):
            if isinstance(event, Joined | Left | IsTyping):
                own.setdefault(event.member.id, []).append(index)
        joined = b"".join(frames)
        # Each of a crowd that comes at once is told of all others. A copy for each would cost
        # hundreds of megabytes for two thousand, so all get pieces of the same bytes.
        whole = memoryview(joined)
        instead: dict[str, list[memoryview]] = {}
        for member_id, indexes in own.items():
            pieces, begin = [], 0
            for index in indexes:
                pieces.append(whole[begin : ends[index] - len(frames[index])])
                begin = ends[index]
            pieces.append(whole[begin:])
            instead[member_id] = [piece for piece in pieces if piece]
        self._registry.notify(room, joined, instead)
