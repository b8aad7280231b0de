"""The 64 parts into which everything on Redis is divided, so that a cluster can spread it."""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

PARTITIONS = 64


def partition_of(name: str) -> int:
    """Give the partition of a room; of a member's id or an address's hash likewise."""
    return crc32(name.encode()) % PARTITIONS


def by_partition(rooms: Iterable[str]) -> dict[int, list[str]]:
    """Give the rooms of each partition that has some."""
    found: dict[int, list[str]] = {}
    for room in rooms:
        found.setdefault(partition_of(room), []).append(room)
    return found


def key(partition: int, *parts: str) -> str:
    """Name a key of a partition. All of them are in one slot, so that one script may use them."""
    return f"tchat:{{p{partition:02}}}:{':'.join(parts)}"
