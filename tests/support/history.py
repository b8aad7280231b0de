"""The history of a conversation: what its clients did, and what they were told.

It works like the histories of Jepsen's checkers. Clients note everything and check nothing.
Afterwards the checker (checker.py) compares all of it with the log. A history is of one room.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What happened to a client."""

    POST = "post"  # it sends a post, for the first time or again
    CHANGE = "change"  # it sends another command that the log keeps, for the first time or again
    REFUSED = "refused"  # it learns that a command of its own was not stored, and sends it again
    DENIED = "denied"  # it learns that a command of its own changes nothing, for good
    GIVEN_UP = "given up"  # it does not send a command again: what that is about is gone
    ACKNOWLEDGED = "acknowledged"  # it learns that a command of its own is stored
    RECEIPT = "receipt"  # it is given an entry, in a welcome that resumes or live
    SHOWN = "shown"  # it is given a message, the pin or the rules in another way
    DROP = "drop"  # its connection is lost
    RESUME = "resume"  # a welcome resumes after the `seq` that it has seen
    RESET = "reset"  # a welcome, the first or a later one, starts again with what is up to `seq`


class Record(NamedTuple):
    """One event of a history. The records of a client are in its own order."""

    kind: Kind
    client: str
    id: str = ""  # the writer and the command's id: "Ann/p1"
    seq: int = 0  # of an entry; of what is shown, of the message
    text: str = ""  # of a message, as it is shown or wanted; of rules, as JSON
    epoch: str = ""  # of a welcome
    at: str = ""  # of a receipt: the server's time
    #: Of a receipt: the entry's type. Of a change: the type of what it becomes, or "erase". Of what
    #: is shown: where; "newest" (a welcome's), "history", "found", "quote", "pin" (a welcome's, or
    #: none), "pinned" (an entry's) or "rules" (a welcome's). Of a denial: the error's code. Of a
    #: welcome: "owner" if the client is one.
    what: str = ""
    target: int = 0  # seq of the message that a change is about
    of: str = ""  # of a change: the id of the message that it is about
    reply: int = 0  # seq of the message that a message answers
    removed: bool = False  # what is shown or given has no text any more
    known: int = 0  # the entry up to which all was done, before this was given
    seqs: tuple[int, ...] = ()  # of a reset: those of its messages
    time_s: float = 0.0  # when it happened, on the monotonic clock; 0: nobody looked
    asked_s: float = 0.0  # when the client asked for this; 0: it did not


class Entry(NamedTuple):
    """An entry as the log has it at the end."""

    seq: int
    id: str  # the writer and the command's id
    text: str  # of a message, as it is now; of rules, as JSON
    at: str = ""  # the server's time, if it is known
    what: str = "message"
    target: int = 0  # 0: none
    reply: int = 0  # 0: none
    edited: bool = False
    removed: bool = False
