"""A room's share of a batch: how it is sent to Redis, and what became of it."""

from __future__ import annotations

from typing import Any

from chat.log import Answer, Draft, IsOccupied, change_scripts, scripts
from chat.log.change_scripts import Item, Overdue
from chat.log.scripts import Stored, Where
from chat.protocol import Make
from chat.redis.servers import Command

Batch = list[tuple[Item, Answer]]


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
