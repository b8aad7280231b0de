"""From presence to the registry: what a room is told and the log does not keep."""

from __future__ import annotations

from collections.abc import Sequence

from chat.protocol import Event, IsTyping, Joined
from chat.rooms.registry import Registry
from chat.sockets.frames import encode_event


class Announcer:
    """The way of news to a room: joined, left, renamed, typing."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def announce(self, room: str, events: Sequence[Event]) -> None:
        """Tell a room its news, in order; but no member that it came or writes itself.

        On the presence thread. What is told here may be lost.
        """
        frames = [encode_event(event) for event in events]
        own: dict[str, list[int]] = {}
        for index, event in enumerate(events):
            if isinstance(event, Joined | IsTyping):
                own.setdefault(event.member.id, []).append(index)
        instead = {
            member_id: b"".join(frame for i, frame in enumerate(frames) if i not in indexes)
            for member_id, indexes in own.items()
        }
        self._registry.notify(room, b"".join(frames), instead)
