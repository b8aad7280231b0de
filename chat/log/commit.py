"""One transaction of the embedded log's writer: what it stores, and who is told afterwards."""

from __future__ import annotations

from time import monotonic
from typing import NamedTuple

from msgspec import structs

from chat.log import Answer, Draft, Record, entries, records, refusals
from chat.log import statements as sql
from chat.log.opened import Opened
from chat.log.statements import Head
from chat.protocol import (
    Deed,
    Done,
    Edited,
    Entry,
    Made,
    Message,
    Pinned,
    Refused,
    Removed,
    RulesSet,
    rfc3339,
)


class _Repeated(NamedTuple):
    """An id that its member has used in the room before."""

    room: int
    id: str
    member: str


class Commit:
    """A transaction that has begun; on the writer's thread."""

    def __init__(self, opened: Opened, at_ms: int) -> None:
        """Prepare; everything in it has one time."""
        self.database = opened.database
        self.at_ms = at_ms
        self.at = rfc3339(at_ms)
        self.began_at = monotonic()  # seconds
        self.committed: dict[str, list[Entry]] = {}  # the new entries of each room
        self.answers: list[tuple[Answer, Entry | Done | Made | Refused]] = []
        self.acted: list[tuple[str, Record, Deed | None]] = []
        self.heads: dict[str, Head] = {}  # of the rooms that it has changed
        self.has_removed = False  # text was taken away, or changed
        # Who waits until the last message of a member is removed: the room, the member, the id.
        self.erasing: list[tuple[str, str, str, Answer]] = []
        self._opened = opened
        self._execute = opened.database.execute
        self._repeated: list[tuple[Answer, _Repeated]] = []
        self._acts: list[tuple[str, Deed | None]] = []
        self._used: set[int] = set()  # rooms of which the times of entries do not tell that

    def post(self, draft: Draft, answer: Answer) -> None:
        """Store a post as the next message of its room; or note why it becomes none."""
        name, act_id, member, text, reply, _, past_ms = draft
        room, seq, _, ended = self.heads.get(name) or self._opened.head(name)
        if ended is not None and self._is_settled(room, ended, act_id, member.id, answer):
            return
        if past_ms is None:
            at_ms, at = self.at_ms, self.at
        else:
            at_ms, at = past_ms, rfc3339(past_ms)
        if reply is not None:
            message = self._answering(
                room, Message(seq + 1, act_id, member, text, at), reply, answer
            )
            if message is None:
                return
            is_new = entries.insert(self.database, room, message, at_ms)
        else:  # what each post costs
            if not room:
                room = sql.add_room(self.database, name)
            values = (room, seq + 1, at_ms, act_id, member.id, member.nick, text)
            is_new = self._execute(entries.INSERT, values).rowcount == 1
            message = Message(seq + 1, act_id, member, text, at)
        if is_new:
            self.heads[name] = Head(room, seq + 1, at_ms, ended)
            if past_ms is not None:
                self._used.add(room)
            new = self.committed.get(name)
            if new is None:
                self.committed[name] = [message]
            else:
                new.append(message)
        else:
            self._repeated.append((answer, _Repeated(room, act_id, member.id)))

    def _answering(self, room: int, message: Message, reply: int, answer: Answer) -> Message | None:
        """Give a message as an answer to another one; None if that is not there."""
        target = entries.present(self.database, room, reply)
        if target is not None:
            return structs.replace(message, reply=entries.quote(target))
        if not self.answer_repeated(room, message.id, message.member.id, answer):
            self.answers.append((answer, refusals.target_unknown()))
        return None

    def _is_settled(self, room: int, ended: int, act_id: str, member: str, answer: Answer) -> bool:
        """Answer a post to a room that has ended, or with the id of something else than a post."""
        if ended:
            self.answers.append((answer, refusals.room_ended()))
            return True
        return self._answer_done(room, act_id, member, answer)

    # --- for what proposals do ------------------------------------------------------------------

    def head(self, name: str) -> Head:
        """Give a room's newest entry, also one of this transaction."""
        return self.heads.get(name) or self._opened.head(name)

    def answer_repeated(self, room: int, act_id: str, member: str, answer: Answer) -> bool:
        """Answer a command with what became of an earlier one with its id, if there was one."""
        if self._answer_done(room, act_id, member, answer):
            return True
        if entries.of_member(self.database, room, act_id, member) is None:
            return False
        self._repeated.append((answer, _Repeated(room, act_id, member)))
        return True

    def _answer_done(self, room: int, act_id: str, member: str, answer: Answer) -> bool:
        done = records.was_done(self.database, room, act_id, member)
        if done:
            self.answers.append((answer, Done(act_id)))
        return done

    def keep_record(self, name: str) -> int:
        """Make a room's record, and the room, unless it has them; give the room's number."""
        head = self.head(name)
        room = head.room or sql.add_room(self.database, name)
        if head.ended is None:
            records.keep(self.database, room)
            self.heads[name] = head._replace(room=room, ended=0)
        return room

    def add(self, name: str, entry: Edited | Removed | Pinned | RulesSet) -> None:
        """Store an entry with the next seq of its room."""
        head = self.head(name)
        room = head.room or sql.add_room(self.database, name)
        entries.add(self.database, room, entry, self.at_ms)
        self.heads[name] = Head(room, entry.seq, self.at_ms, head.ended)
        self.committed.setdefault(name, []).append(entry)

    def note_act(self, name: str, deed: Deed | None = None, *, act_id: str | None = None) -> None:
        """Note that a room's record is another one, and add what was done to its audit list."""
        room = self.keep_record(name)
        if deed is not None:
            deed = records.add_deed(self.database, room, deed, self.at_ms, act_id)
        self._acts.append((name, deed))

    def end(self, name: str) -> None:
        """End a room."""
        head = self.head(name)
        room = head.room or sql.add_room(self.database, name)
        records.end(self.database, room, self.at_ms)
        self.heads[name] = head._replace(room=room, ended=1)
        self._acts.append((name, None))

    # --- what is told afterwards ----------------------------------------------------------------

    def finish(self) -> None:
        """Read what is told afterwards; the last thing before the commit.

        Not before: who repeats a post is not to be given a text that is gone by now.
        """
        for answer, (room, act_id, member) in self._repeated:
            original = entries.original(self.database, room, act_id, member)
            assert original is not None
            self.answers.append((answer, original))
        found: dict[str, Record] = {}
        for name, deed in self._acts:
            if name not in found:
                found[name] = records.record(self.database, name, self.at_ms)
            self.acted.append((name, found[name], deed))
        if self._used:
            sql.put_used(self.database, self._used, self.at_ms // sql.DAY_MS)
