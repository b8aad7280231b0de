"""One sender of commands, as the hub knows it."""

from __future__ import annotations

from collections.abc import Callable

from chat.protocol import Event
from chat.rooms.ledger import Account
from chat.rooms.pace import Pace
from chat.sockets.connection import Connection


class Session:
    """A sender of commands: who it is, in which room, and how it is answered.

    For one thread at a time, but for `send`, which any thread may call.
    """

    __slots__ = ("account", "connection", "member_id", "pace", "room", "send")

    def __init__(
        self,
        send: Callable[[Event], int],
        *,
        account: Account | None = None,
        pace: Pace | None = None,
        connection: Connection | None = None,
    ) -> None:
        """Begin outside of any room.

        `send` gives an event to this sender alone, and tells its size in bytes. Without an
        `account`, which is its address's, and a `pace` of its own, nothing is limited; without a
        `connection`, to which a room's messages are delivered, it cannot join.
        """
        self.send = send
        self.account = account
        self.pace = pace
        self.connection = connection
        self.room: str | None = None
        self.member_id = ""
