"""The log: what must not be lost. The contract that every engine keeps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, Protocol

from chat.protocol import (
    Change,
    Deed,
    Done,
    Entry,
    Made,
    Make,
    Member,
    Message,
    Refused,
    Rules,
)

BARS_LIMIT = 200  # of a room, of members and of addresses each; those that end first make room
DEEDS_LIMIT = 1000  # lines of a room's audit list that are kept
KNOWN_LIMIT = 10_000  # members of a room who are known to be no newcomers
ENDED_KEPT_S = 30 * 86_400  # for which an ended room is known to have ended


class StorageUnavailable(Exception):
    """A log that cannot be read or written now; the message has the cause."""


class StorageFull(StorageUnavailable):
    """A log that may not grow now, although it can be read; its message is for people."""


class LogError(Exception):
    """A log that cannot be opened at all: one line that says why."""


class Holder(NamedTuple):
    """Who has a log for itself."""

    server: int  # the pid that stops it, and that stays when the process is replaced
    process: int  # the pid of the process that has the file open


#: Is told what is being done, how much of it is done, and how much it is in all.
Progress = Callable[[str, int, int], None]


class Usage(NamedTuple):
    """The space that a log takes."""

    used: int  # bytes
    free: int | None  # bytes that it may still take; None: nothing limits it


class Contents(NamedTuple):
    """What is in a log."""

    rooms: int
    messages: int
    size: int  # bytes


class Draft(NamedTuple):
    """A post on its way into the log.

    One with a time was posted before, elsewhere, and comes from the operator. Its number is the
    next one all the same: so in a room's log, times may go back where numbers grow. Deletion by age
    always takes a room's first entries, so such a message goes at the latest when those before it
    do. That it was stored counts as a use of its room on that day.
    """

    room: str
    id: str
    member: Member
    text: str
    reply: int | None = None  # seq of the message that it answers
    followed: object = None  # what `follow` gave its sender; nothing is stored in another log
    at_ms: int | None = None  # when it was posted, if before: ms since 1970, not 0, and not to come


class AddressBar(NamedTuple):
    """An address from which no newcomer may come in until a time."""

    salt: bytes  # of this bar alone
    digest: bytes  # of the salt and the address
    until_ms: int


class Proposal(NamedTuple):
    """Any other command on its way into the log, from a sender with its present nick."""

    room: str
    member: Member
    command: Change | Make
    is_owner: bool = False  # the sender owns the room
    within_s: int = 0  # of an edit: how long after its post a message may be edited
    #: Who is muted or put out, with its nick if that is known; of an erase, whose messages an owner
    #: removes. Without anybody, an erase removes those of its sender.
    whom: Member | None = None
    known: Sequence[str] = ()  # ids of members who are no newcomers from now on
    #: Of whom was put out. Such a PutOut adds these bars alone: it makes no line in the audit list,
    #: and its id is not kept. Each worker that has seen the member adds what it knows.
    addresses: Sequence[AddressBar] = ()
    followed: object = None  # what `follow` gave its sender; nothing is stored in another log


class Bar(NamedTuple):
    """A member who may not write ("mute"), or not come in ("put_out"), until a time."""

    member: Member
    what: str
    until_ms: int


class Record(NamedTuple):
    """What is known of a room besides its entries."""

    rules: Rules = Rules()
    pin: int | None = None  # seq of the message that is pinned
    owner: bytes | None = None  # hash of the owner key (names/keys.py); None: an open room
    title: str = ""
    ended_at: str | None = None  # when it ended: nobody may come in
    bars: Sequence[Bar] = ()  # those that hold now
    addresses: Sequence[AddressBar] = ()


#: Is told what became of a draft or a proposal that did not become a new entry: `Done` or `Made`;
#: the entry that an earlier one with its id became; why it is refused (Refused), or why nothing
#: was stored. An erase becomes entries and is Done besides. Called on the log's writer thread.
Answer = Callable[[Entry | Done | Made | Refused | StorageUnavailable], None]

#: Is given the entries of one room that have just been committed, in order, without gaps.
#: Called on the log's writer thread.
Tail = Callable[[str, Sequence[Entry]], None]

#: Is told that a room has another record, as it is now, and what was done (None: that is not known
#: here, or it is for nobody to see); after the tail was given the entries of the same commit.
#: Called on the log's writer thread.
Acted = Callable[[str, Record, Deed | None], None]

#: Is told that the log of these rooms (None: of all) has become another one, or shorter: what was
#: read of it before proves nothing now. Called on the log's writer thread.
Replaced = Callable[[Collection[str] | None], None]

#: Tells whether somebody is in a room on this worker.
IsOccupied = Callable[[str], bool]


class Missed(NamedTuple):
    """What a room's log has after a seq, read at one moment."""

    epoch: str
    at: str | None  # of the entry with that seq; None for 0, and if it is not known any more
    head: int  # the newest seq that the room was ever given; 0 for none
    entries: list[Entry]  # oldest first; messages and texts as they are now


class Recent(NamedTuple):
    """The last messages before a seq in a room's log, read at one moment."""

    epoch: str
    head: int  # the newest seq that the room was ever given; 0 for none
    at: str | None  # of the entry with that seq; None for 0, and if it is not known any more
    messages: list[Message]  # oldest first, as they are now; removed ones too, without text


class Finds(NamedTuple):
    """The messages of a room that have some words."""

    messages: list[Message]  # newest first, as they are now
    more: bool  # there may be more before the last of them
    looked_to: int | None = (
        None  # the seq down to which was looked, if that is not the room's first
    )


class Listed(NamedTuple):
    """A room, as a list of all rooms has it."""

    room: str
    entries: int  # that are kept, of all kinds
    head: int  # the newest seq that the room was ever given; 0 for none
    at_ms: int | None  # of the entry with that seq; None for 0, and if it is not known any more
    is_made: bool  # it has an owner key
    title: str
    ended_at: str | None  # when it ended; nothing of it is kept since


class Hour(NamedTuple):
    """The posts of an hour, in all rooms; also those that were removed since."""

    at_ms: int  # its begin, UTC: milliseconds since 1970
    posts: int
    members: int  # that have written them, in whatever room


class Activity(NamedTuple):
    """The posts of each hour since a time."""

    hours: list[Hour]  # those with posts, the oldest first
    is_whole: bool  # False: there may be more posts of that time, which were not looked at


class MessageLog(Protocol):
    """The entries of each room, numbered 1, 2, 3 … without gaps. No number is given twice.

    What a proposal does to a message and to the room's record is in the same commit as its entry.
    So is its line in the audit list (`Deed`), which tells what an owner does (but not to an own
    message), each report and each erase.

    Readers may be called from any thread and raise StorageUnavailable.
    """

    def claim(self, server: int | None = None) -> bool:
        """Take the log, if it is for one process alone; False while another process has it.

        `server` is the pid that others are told, if it is not this process's. Raises LogError when
        that cannot be found out, or for what can never be a log of ours.
        """

    def release(self) -> None:
        """Let another process claim the log; for one that has not started it."""

    def holder(self) -> Holder | None:
        """Give who has the log, when another process has it; None if unknown."""

    def start(self, tail: Tail, replaced: Replaced, is_occupied: IsOccupied, acted: Acted) -> None:
        """Open the log and start its writer, once, in the process that has claimed it.

        `acted` is told of each room that is followed or was asked about here, soon after its record
        has changed, whoever changed it; also when `ends_at` has come.

        Raises LogError for what can never be a log of ours.
        """

    def follow(self, room: str) -> object:
        """Give the tail from now on also what other workers append to a room.

        Whoever comes into the room calls this, once it is occupied and before it reads the log.
        What it is given belongs into each of its drafts and proposals: once the log is `replaced`,
        their targets would be other messages, and nothing of them is stored.

        Raises StorageUnavailable.
        """

    def append(self, draft: Draft | Proposal, answer: Answer) -> None:
        """Queue a draft or a proposal for the next commit; then `tail` or `answer` is called.

        Whether a target may be changed is decided in that commit. What the room's rules say is
        the caller's business.

        Raises StorageUnavailable when too many wait already, or nothing can be stored.
        """

    def prune(self, room: str, last: int) -> int:
        """Delete a room's oldest entries, up to and including a seq, as upkeep does; give how many.

        It comes back when they are gone; posts are stored meanwhile. Any thread may call it, once
        the log is started.

        Raises StorageUnavailable; what was deleted until then is gone.
        """

    def after(self, room: str, seq: int, limit: int) -> Missed:
        """Give the first `limit` entries after `seq`."""

    def before(self, room: str, seq: int, limit: int) -> Recent:
        """Give the last `limit` messages before `seq`."""

    def own(self, room: str, member_id: str, entry_id: str) -> Entry | None:
        """Give the entry for which a member has used an id, as it is now; None for none."""

    def record(self, room: str) -> Record:
        """Give what is known of a room besides its entries."""

    def knows(self, room: str, member_id: str) -> bool:
        """Tell whether a member is known to be no newcomer (`Proposal.known`)."""

    def members(self, room: str) -> list[str]:
        """Give the ids of who has an entry in a room's log: KNOWN_LIMIT, of the newest entries."""

    def deeds(self, room: str, before: int | None, limit: int) -> list[Deed]:
        """Give the newest lines of a room's audit list, before a number; newest first."""

    def reports(self, limit: int) -> list[Deed]:
        """Give the newest reports of all rooms, with their rooms; newest first."""

    def find(self, room: str, words: str, before: int | None, limit: int) -> Finds:
        """Give the newest messages, before a seq, that have all these words or their beginnings."""

    def rooms(self, after: str, limit: int) -> list[Listed]:
        """List `limit` rooms that ever had an entry, or have a record: those after a name.

        They come in the order of their names; "" is before the first one. Where it gives fewer,
        there are no more.
        """

    def activity(self, since_ms: int) -> Activity:
        """Count the posts of each hour since a time, in all rooms that have not ended.

        It takes a while, and keeps nobody else waiting. A post that is stored or deleted meanwhile
        may be counted or not.
        """

    def recent_nicks(self, room: str, since_ms: int) -> list[tuple[Member, int]]:
        """Give who posted since a time, with the time: milliseconds since 1970."""

    def usage(self) -> Usage | None:
        """Give the space that the log takes, as of a moment ago; None if unknown. Never waits."""

    def check(self) -> None:
        """Raise StorageUnavailable if the log could lately not be read or written; never wait."""

    def close(self) -> None:
        """Commit what is queued, stop the writer, and let another process claim the log."""
