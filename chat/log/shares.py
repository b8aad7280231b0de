"""A room's share of a batch: how it is sent to Redis, and what became of it."""

from __future__ import annotations

from typing import Any

from chat.log import Answer, Draft, IsOccupied, change_scripts, scripts
from chat.log.change_scripts import Item, Overdue
from chat.log.scripts import Stored, Where
from chat.protocol import Make
from chat.redis.servers import Command

Batch = list[tuple[Item, Answer]]


def at_one_time(batch: Batch) -> tuple[Batch, Batch]:
    """Divide a batch into what may be stored now, and what must wait until that is.

    The share of a room has one time: that of posts that were posted before, or now.
    """
    if all(_past_ms(item) is None for item, _ in batch):
        return batch, []
    times: dict[str, int | None] = {}
    now: Batch = []
    later: Batch = []
    waiting: set[str] = set()  # rooms
    for each in batch:
        item = each[0]
        past_ms = _past_ms(item)
        if item.room not in waiting and times.setdefault(item.room, past_ms) == past_ms:
            now.append(each)
        else:
            waiting.add(item.room)
            later.append(each)
    return now, later


def past(share: Batch) -> str:
    """Give when the posts of a share were posted, if that was before: ms since 1970; else ""."""
    past_ms = _past_ms(share[0][0])
    return "" if past_ms is None else str(past_ms)


def store(where: Where, share: Batch, *, is_occupied: IsOccupied) -> Command:
    """Give the command that stores a share, all or nothing, and publishes it."""
    if posts := _plain_posts(share):
        return scripts.append(where, posts)
    items = [item for item, _ in share]
    return change_scripts.change(where, items, is_occupied=is_occupied(where.room))


def stored(reply: Any, share: Batch) -> Stored:
    """Give what became of a share. Raises Refusal, or the error that Redis replied."""
    if posts := _plain_posts(share):
        return scripts.stored(reply, posts)
    return change_scripts.stored(reply, [item for item, _ in share])


def replace(share: Batch, item: tuple[Item, Answer]) -> bool:
    """Put a post that was sent again into its own place; False if it is another one."""
    identity = _identity(item[0])
    for index, (sent, _) in enumerate(share):
        if _identity(sent) == identity:
            share[index] = item
            return True
    return False


def _identity(item: Item) -> tuple[str, str | None]:
    """Give what a repetition has in common with what was sent first."""
    if isinstance(item, Draft):
        return item.id, item.member.id
    if isinstance(item, Overdue):
        return "", None
    command = item.command
    if isinstance(command, Make):
        return "", command.owner
    return command.id, item.member.id


def _past_ms(item: Item) -> int | None:
    return item.at_ms if isinstance(item, Draft) else None


def _plain_posts(share: Batch) -> list[Draft]:
    """Give the drafts of a share that has only posts which answer nothing; none for any other."""
    posts = []
    for item, _ in share:
        if not isinstance(item, Draft) or item.reply is not None:
            return []
        posts.append(item)
    return posts


def tell_nobody(outcome: object) -> None:
    """Take the outcome of what nobody waits for."""
