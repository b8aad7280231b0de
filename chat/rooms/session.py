"""One sender of commands, as the hub knows it."""

from __future__ import annotations

from collections.abc import Callable
from hmac import compare_digest

from chat.log import Record
from chat.protocol import CloseCode, ErrorCode, Event, Member, Refused
from chat.rooms.ledger import Account
from chat.rooms.pace import Pace
from chat.sockets.connection import Connection

_DIGESTS_LIMIT = 4  # owner keys of one session: the one that it came with, and newer ones


class Session:
    """A sender of commands: who it is, in which room, and how it is answered.

    For one thread at a time, but for `send`, `close`, `owns` and what does not change after the
    join, which any thread may use.
    """

    __slots__ = (
        "_close",
        "_owner_digests",
        "account",
        "address",
        "connection",
        "followed",
        "is_operator",
        "member_id",
        "pace",
        "room",
        "send",
        "visitor",
        "was_owner",
    )

    def __init__(
        self,
        send: Callable[[Event], int],
        *,
        account: Account | None = None,
        pace: Pace | None = None,
        connection: Connection | None = None,
        address: str = "",
        close: Callable[[CloseCode], None] | None = None,
    ) -> None:
        """Begin outside of any room.

        `send` gives an event to this sender alone, and tells its size in bytes. Without an
        `account`, which is its address's, and a `pace` of its own, nothing is limited; without a
        `connection`, to which a room's messages are delivered, it cannot join. `address` is what
        its subscriber has of the network; empty where that is many people's, or unknown. `close` is
        called, from any thread, when it may be in its room no longer.
        """
        self.send = send
        self.account = account
        self.pace = pace
        self.connection = connection
        self.address = address
        self._close = close or (lambda _code: None)
        self.room: str | None = None
        self.followed: object = None  # what the log gave it for all that it sends
        self.member_id = ""
        self.visitor: Member | None = None  # who it is, if it is no member who is in the room
        self.is_operator = False  # may do in all rooms what owners may
        self.was_owner = False  # as far as it was told
        self._owner_digests: tuple[bytes, ...] = ()

    def close(self, code: CloseCode) -> None:
        """End its stay in the room; from any thread."""
        self._close(code)

    @property
    def ids(self) -> dict[str, str]:
        """Give what tells whose a line of the log is: its connection, and its member if any."""
        ids = {} if self.connection is None else {"connection": self.connection.id}
        return {**ids, "member": self.member_id} if self.member_id else ids

    def forget_owner(self) -> None:
        """Own nothing any more: it asks for a room anew."""
        self.is_operator = self.was_owner = False
        self._owner_digests = ()

    def keep_owner(self, digest: bytes) -> None:
        """Know the hash of one more owner key that this session has."""
        self._owner_digests = (*self._owner_digests, digest)[-_DIGESTS_LIMIT:]

    def owns(self, record: Record) -> bool:
        """Tell whether it may do what owners may, in the room of this record, as of now."""
        if self.is_operator:
            return True
        if record.owner is None or not self._owner_digests:
            return False
        return any(compare_digest(each, record.owner) for each in self._owner_digests)

    def require_owner(self, record: Record) -> None:
        """Raise Refused (`not_owner`) unless it may do what owners may."""
        if not self.owns(record):
            raise Refused(ErrorCode.NOT_OWNER, "Only the owners of this room can do that.")
