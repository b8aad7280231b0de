"""The deletion of a room's oldest entries that somebody asks for, and waits for."""

from __future__ import annotations

from chat.log import statements as sql
from chat.log.opened import Opened
from chat.log.statements import Head

STEP_ENTRIES = 200  # deleted in one step


class Pruning:
    """A step of it, on its way to the writer."""

    def __init__(self, room: str, last: int, followed: Opened) -> None:
        """Prepare to delete some entries, up to and including a seq, in the file of now."""
        self.room = room
        self.last = last
        self.followed = followed
        self.deleted = 0  # entries

    def run(self, head: Head) -> None:
        """Delete them, in a transaction; on the writer's thread. Raises sqlite3.Error, LogChanged.

        `head` is the room's. Nothing of a room that has ended is kept anyway.
        """
        database = self.followed.database
        database.execute("BEGIN IMMEDIATE")
        self.followed.check()
        if not head.ended:
            self.deleted = sql.prune_to(database, head.room, self.last, STEP_ENTRIES)
        database.execute("COMMIT")
