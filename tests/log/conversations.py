"""Rooms of a log that several tests share, and what is told of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import count
from queue import Empty, Queue
from typing import Any

from chat.log import Draft, MessageLog, Proposal, Record
from chat.protocol import Change, Deed, Done, Edited, Entry, Make, Member, Message, Removed
from tests.log.engines import ANN, NEWEST, WAIT_S, Recorder

WITHIN_S = 900


class Queues(dict[str, Queue[Any]]):
    """A queue for each room. Two threads that ask for a new room's at once get the same one, which
    a `defaultdict` does not promise."""

    def __missing__(self, room: str) -> Queue[Any]:
        return self.setdefault(room, Queue())


class Told(Recorder):
    """What a log tells, by room: new entries and answers in one queue, acts in another."""

    def __init__(self) -> None:
        super().__init__()
        self.events = Queues()
        self.acts_of = Queues()
        self.order: dict[str, list[str]] = defaultdict(list)  # what was told, of each room

    def tail(self, room: str, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self.order[room].append(f"entry {entry.seq}")
            self.events[room].put(entry)

    def acted(self, room: str, record: Record, deed: Deed | None) -> None:
        self.order[room].append("record")
        self.acts_of[room].put((record, deed))


class Conversation:
    """A room, in which one thing is done after the other."""

    def __init__(self, log: MessageLog, told: Told, name: str) -> None:
        self.log = log
        self.told = told
        self.name = name
        self._ids = count()

    def new_id(self) -> str:
        return f"id-{next(self._ids)}"

    def say(
        self,
        text: str,
        member: Member = ANN,
        *,
        reply: int | None = None,
        id: str | None = None,
    ) -> Any:
        """Post; give the message, or why there is none."""
        draft = Draft(self.name, id or self.new_id(), member, text, reply)
        self.log.append(draft, self.told.events[self.name].put)
        return self.next()

    def do(self, command: Change | Make, member: Member = ANN, **proposal: Any) -> Any:
        """Do something; give its entry, or its answer."""
        self.send(command, member, **proposal)
        return self.next()

    def send(self, command: Change | Make, member: Member = ANN, **proposal: Any) -> None:
        proposal.setdefault("within_s", WITHIN_S)
        self.log.append(
            Proposal(self.name, member, command, **proposal), self.told.events[self.name].put
        )

    def next(self) -> Any:
        """Give what was told next: an entry, or an answer."""
        return self.told.events[self.name].get(timeout=WAIT_S)

    def act(self) -> tuple[Record, Deed | None]:
        """Give the record that was told next, and what was done."""
        told: tuple[Record, Deed | None] = self.told.acts_of[self.name].get(timeout=WAIT_S)
        return told

    def no_act(self) -> None:
        """Make sure that no act was told; after something that was told later."""
        self.say("later")
        try:
            raise AssertionError(self.told.acts_of[self.name].get_nowait())
        except Empty:
            pass

    def until_done(self, act_id: str) -> list[Any]:
        """Give what is told until a command is done."""
        found = []
        while (event := self.next()) != Done(act_id):
            found.append(event)
        return found

    # --- what the log has -----------------------------------------------------------------

    def entries(self) -> list[Any]:
        return self.log.after(self.name, 0, 100_000).entries

    def messages(self) -> list[Message]:
        return self.log.before(self.name, NEWEST, 100_000).messages

    def message(self, seq: int) -> Message:
        (message,) = self.log.before(self.name, seq + 1, 1).messages
        return message

    def record(self) -> Record:
        return self.log.record(self.name)

    def all(self) -> tuple[Any, ...]:
        """Give all that can be read of the room."""
        deeds = self.log.deeds(self.name, None, 2000)
        return (self.log.after(self.name, 0, 100_000), self.messages(), self.record(), deeds)


class Page:
    """What somebody sees of a room: messages as the last entry left them."""

    def __init__(self) -> None:
        self.texts: dict[int, str | None] = {}  # None: removed

    def apply(self, entries: Sequence[Any]) -> None:
        for entry in entries:
            if isinstance(entry, Message):
                self.texts[entry.seq] = None if entry.removed else entry.text
            elif isinstance(entry, Removed) and entry.target is not None:
                self.texts[entry.target] = None
            elif isinstance(entry, Edited):
                self.texts[entry.target] = entry.text
