"""What Redis has of all rooms: for whoever looks after the chat.

Others wait while Redis answers, so each round trip asks for a little.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from chat.log import Listed
from chat.log.scripts import head
from chat.protocol import rfc3339
from chat.redis.partitions import PARTITIONS, key, partition_of
from chat.redis.servers import Command

_STEP_PARTITIONS = 8  # whose rooms are scanned in one round trip
_SCAN_ROOMS = 200  # of each of them
_STEP_ROOMS = 100  # that are read in one round trip
_RECORD = ("owner", "title", "ended", "deeds", "rules")  # a record has one of these fields

#: Sends commands, each to its partition, in one round trip.
Ask = Callable[[Sequence[tuple[int, Command]]], list[Any]]


def rooms(ask: Ask, after: str, limit: int) -> list[Listed]:
    """Give the rooms that ever had an entry, or have a record, in the order of their names.

    Redis has them in no order: each call looks at the names of all rooms, some 1,600 in a round
    trip, and keeps those after `after` until it ends. Only the rooms that it gives are read.
    """
    heads: dict[str, bytes | None] = {}
    for first in range(0, PARTITIONS, _STEP_PARTITIONS):
        partitions = range(first, first + _STEP_PARTITIONS)
        for kind in ("records", "heads"):  # of both, the head stays
            heads |= _scan(ask, partitions, kind, after)
    names = iter(sorted(heads))
    found: list[Listed] = []
    while len(found) < limit and (some := list(islice(names, _STEP_ROOMS))):
        found += _read(ask, {name: heads[name] for name in some})
    return found[:limit]


def _scan(ask: Ask, partitions: Sequence[int], kind: str, after: str) -> dict[str, bytes | None]:
    """Give the rooms after a name that some partitions have there; a head with each, if any."""
    found: dict[str, bytes | None] = {}  # HSCAN may give one twice
    cursors = dict.fromkeys(partitions, b"0")
    while cursors:
        replies = ask(
            [
                (at, ("HSCAN", key(at, kind), cursor, "COUNT", _SCAN_ROOMS))
                for at, cursor in cursors.items()
            ]
        )
        for at, (cursor, flat) in zip(tuple(cursors), replies, strict=True):
            for raw, value in zip(flat[::2], flat[1::2], strict=True):
                if (name := raw.decode()) > after:
                    found[name] = value if kind == "heads" else None
            if cursor == b"0":
                del cursors[at]
            else:
                cursors[at] = cursor
    return found


def _read(ask: Ask, heads: dict[str, bytes | None]) -> list[Listed]:
    commands: list[tuple[int, Command]] = []
    for name in heads:
        at = partition_of(name)
        commands.append((at, ("HGET", key(at, "log", name), "floor")))
        commands.append((at, ("HMGET", key(at, "record", name), *_RECORD)))
    replies = ask(commands)
    found = []
    for (name, value), floor, fields in zip(
        heads.items(), replies[::2], replies[1::2], strict=True
    ):
        newest, (owner, title, ended, *_) = head(value), fields
        if value is None and not any(fields):
            continue  # an end that is forgotten
        found.append(
            Listed(
                name,
                0 if ended else newest.seq - head(floor).seq,
                newest.seq,
                newest.at_ms if newest.seq else None,
                owner is not None,
                (title or b"").decode(),
                rfc3339(int(ended)) if ended else None,
            )
        )
    return found
