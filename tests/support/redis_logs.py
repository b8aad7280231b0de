"""Logs in Redis that are filled before any server runs, and read whoever writes them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from redis import Redis, RedisCluster

from chat.protocol import Member, Message, rfc3339
from chat.redis.partitions import PARTITIONS, key, partition_of
from tests.support.logs import Past


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
    found = []
    for seq, entry in entries.items():
        if seq == b"floor":
            continue
        at_ms, _, content = entry.partition(b"\t")
        post_id, member, nick, text = json.loads(content)
        found.append(Message(int(seq), post_id, Member(member, nick), text, rfc3339(int(at_ms))))
    return sorted(found, key=lambda message: message.seq)
