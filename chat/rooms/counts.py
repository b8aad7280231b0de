"""How many people, connections and rooms there are: the contract, and one worker's own numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from chat.rooms.registry import Registry


class Counts(Protocol):
    """The numbers of all workers; asking for them never waits."""

    def connected_users(self) -> int:
        """Count members, each once, and connections that have not joined yet."""

    def members(self) -> int:
        """Count members with a connection, each once."""

    def connections(self) -> int:
        """Count open WebSockets."""

    def connections_max(self) -> int:
        """Give how many WebSockets are admitted at most."""

    def rooms(self) -> int:
        """Count the rooms that have a connection."""


class LocalCounts:
    """The numbers of the one worker that there is."""

    def __init__(self, registry: Registry, limit: Callable[[], int]) -> None:
        """Count what is in the registry; `limit` gives how many WebSockets this worker admits."""
        self._registry = registry
        self.connected_users = registry.connected_users
        self.connections_max = limit
        self.rooms = registry.rooms_count

    def members(self) -> int:
        """Count members with a connection, each once."""
        return len(self._registry.counted().members)

    def connections(self) -> int:
        """Count open WebSockets."""
        return len(self._registry.connections())
