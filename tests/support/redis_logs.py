"""Logs in Redis that are filled before any server runs, and read whoever writes them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from redis import Redis, RedisCluster

from chat.protocol import Member, Message, rfc3339
from chat.redis.partitions import PARTITIONS, key, partition_of
from tests.support.history import Entry
from tests.support.logs import Past
from tests.support.screen import ENTRIES

_FIELDS = 9  # of an entry, besides its time


def fill(url: str, room: str, past: Iterable[Past]) -> int:
    """Write messages into a room's log, oldest first; give how many it has now."""
    partition = partition_of(room)
    seq, at_ms = 0, 0
    with Redis.from_url(url) as client, client.pipeline() as pipeline:
        pipeline.set(key(partition, "epoch"), f"filled-{partition}", nx=True)
        for seq, (nick, text, at_ms) in enumerate(past, 1):
            entry = json.dumps([f"past-{seq}", f"past-{nick}", nick, text])
            pipeline.hset(key(partition, "log", room), str(seq), f"{at_ms}\t{entry}")
            pipeline.hset(key(partition, "ids", room), f"past-{nick}/past-{seq}", str(seq))
        pipeline.hset(key(partition, "heads"), room, f"{seq}:{at_ms}")
        pipeline.execute()
    return seq


def read_log(url: str, room: str) -> tuple[str, list[Message]]:
    """Read the epoch and the messages of a room, at one moment."""
    with Redis.from_url(url) as client, client.pipeline() as pipeline:
        ask(pipeline, room)
        return log(*pipeline.execute())


def read_cluster_log(url: str, room: str) -> tuple[str, list[Message]]:
    """Read the epoch and the messages of a room in a cluster, at one moment."""
    with RedisCluster.from_url(url) as client, client.pipeline(transaction=True) as pipeline:
        ask(pipeline, room)
        return log(*pipeline.execute())


def ask(pipeline: Any, room: str) -> None:
    """Add three commands, whose replies `log` understands."""
    partition = partition_of(room)
    pipeline.get(key(partition, "epoch"))
    pipeline.hget(key(partition, "heads"), room)
    pipeline.hgetall(key(partition, "log", room))


def log(
    epoch: bytes | None, head: bytes | None, entries: dict[bytes, bytes]
) -> tuple[str, list[Message]]:
    """Give the epoch and the messages of a room; an entry after the newest one is none."""
    newest = int((head or b"0").partition(b":")[0])
    found = [message for message in messages(entries) if message.seq <= newest]
    return (epoch or b"").decode(), found


def read_all(url: str) -> dict[str, list[Message]]:
    """Read the messages of each room."""
    with Redis.from_url(url) as client:
        rooms = [
            name.decode()
            for partition in range(PARTITIONS)
            for name in client.hkeys(key(partition, "heads"))
        ]
    return {room: messages for room in rooms if (messages := read_log(url, room)[1])}


def messages(entries: dict[bytes, bytes]) -> list[Message]:
    """Give a room's messages from the fields of its hash, in order."""
    return [
        Message(seq, body[0], Member(body[1], body[2]), body[3], rfc3339(at_ms))
        for seq, at_ms, body in _bodies(entries)
        if ENTRIES[body[4]] == "message"
    ]


def read_entries(url: str, room: str) -> tuple[str, list[Entry]]:
    """Read the epoch and all entries of a room, at one moment."""
    with Redis.from_url(url) as client, client.pipeline() as pipeline:
        ask(pipeline, room)
        return log_of_entries(*pipeline.execute())


def read_cluster_entries(url: str, room: str) -> tuple[str, list[Entry]]:
    """Read the epoch and all entries of a room in a cluster, at one moment."""
    with RedisCluster.from_url(url) as client, client.pipeline(transaction=True) as pipeline:
        ask(pipeline, room)
        return log_of_entries(*pipeline.execute())


def log_of_entries(
    epoch: bytes | None, head: bytes | None, entries: dict[bytes, bytes]
) -> tuple[str, list[Entry]]:
    """Give the epoch and the entries of a room; what is after the newest one is none."""
    newest = int((head or b"0").partition(b":")[0])
    found = [
        Entry(
            seq,
            f"{nick}/{entry_id}",
            json.dumps(json.loads(text)) if ENTRIES[kind] == "rules" else text,
            rfc3339(at_ms),
            ENTRIES[kind],
            target,
            reply,
            bool(edited),
            bool(removed),
        )
        for seq, at_ms, body in _bodies(entries)
        for entry_id, _, nick, text, kind, reply, target, edited, removed in [body]
        if seq <= newest
    ]
    return (epoch or b"").decode(), found


def _bodies(entries: dict[bytes, bytes]) -> list[tuple[int, int, list[Any]]]:
    """Read the fields of a room's hash: the seq, the time and what else an entry has, in order."""
    found = []
    for seq, entry in entries.items():
        if seq != b"floor":
            at_ms, _, content = entry.partition(b"\t")
            body = json.loads(content)  # of a plain post, the first four alone
            found.append((int(seq), int(at_ms), body + [0] * (_FIELDS - len(body))))
    return sorted(found)
