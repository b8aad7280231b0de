"""The history of a conversation, and a checker that tells whether the promise was kept.

It works like Jepsen's checkers for sets and logs. Clients note what they do and what they are
told, and check nothing. Afterwards the checker compares all of it with the log. A history is of
one room. When the log is replaced by an older copy with another epoch, each epoch has a log. When
it goes back without another epoch, that epoch has lost logs besides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What happened to a client."""

    POST = "post"  # it sends a post, for the first time or again
    REFUSED = "refused"  # it learns that a post of its own was not stored
    ACKNOWLEDGED = "acknowledged"  # it learns that a post of its own is stored
    RECEIPT = "receipt"  # it is given a message, in a welcome or live
    DROP = "drop"  # its connection is lost
    RESUME = "resume"  # a welcome resumes after the `seq` that it has seen
    RESET = "reset"  # a welcome, the first or a later one, starts again after `seq`


class Record(NamedTuple):
    """One event of a history. The records of a client are in its own order."""

    kind: Kind
    client: str
    id: str = ""  # the writer and the post's id: "Ann/p1"
    seq: int = 0
    text: str = ""  # of a post and of a receipt
    epoch: str = ""  # of a welcome
    at: str = ""  # of a receipt: the server's time


class Entry(NamedTuple):
    """A message as the log has it at the end."""

    seq: int
    id: str  # the writer and the post's id
    text: str
    at: str = ""  # the server's time, if it is known


def judge_epochs(
    history: Sequence[Record],
    logs: Mapping[str, Sequence[Entry]],
    *,
    lost: Mapping[str, Sequence[Sequence[Entry]]] | None = None,
    least_skipped: int = 1,
) -> list[str]:
    """Compare a history with the log of each epoch, as `judge` does; give what is broken.

    Nobody resumes from one epoch in another: in each, a client begins with a reset. `lost` has
    the lost logs of epochs whose log went back.
    """
    lost = lost or {}
    parts: dict[str, list[Record]] = {epoch: [] for epoch in logs}
    at: dict[str, str] = {}  # client: the epoch that it was told last
    problems = []
    for record in history:
        if record.kind in (Kind.RESUME, Kind.RESET):
            at[record.client] = record.epoch
        epoch = at[record.client]
        if epoch not in parts:
            problems.append(f"{record.client} is told of an unknown epoch, {epoch!r}")
            parts[epoch] = []
        parts[epoch].append(record)
    fates = (Kind.POST, Kind.REFUSED, Kind.ACKNOWLEDGED, Kind.DROP)
    posts = [record for record in history if record.kind in fates]
    for epoch, part in parts.items():
        found = judge(
            part,
            logs.get(epoch, []),
            lost=lost.get(epoch, ()),
            posts=posts,
            least_skipped=least_skipped,
        )
        problems += [f"epoch {epoch}: {problem}" for problem in found]
    return problems


def judge(
    history: Iterable[Record],
    log: Sequence[Entry],
    *,
    lost: Sequence[Sequence[Entry]] = (),
    posts: Sequence[Record] = (),
    least_skipped: int = 1,
) -> list[str]:
    """Compare a history with the log; give a sentence for each broken rule.

    The rules: the log has each post once, numbered without gaps. It has only posts that somebody
    wrote, and the posts of one client are in the order of its writing, but for those that were
    refused once: a later one may have been on its way. Where posts were refused, so may have been
    those that a connection had under way when it was lost. It has all that was
    acknowledged. Each client saw a contiguous part of the log. Only a reset may interrupt that
    part, and only if it skips at least `least_skipped` messages, because a resume would have given
    fewer. A client that is connected at the end has seen the end. `posts` may add posts that were
    written before the history begins.

    `lost` has what the log was each time that it went back. What a client saw between two resets
    is all of one log. A reset may skip nothing if what it saw before is not in all logs.
    """
    records = list(history)
    logs = [{entry.seq: entry for entry in each} for each in (log, *lost)]
    views: dict[str, _View] = {}
    for record in records:
        view = views.setdefault(record.client, _View(record.client, logs, least_skipped))
        view.take(record)
    head = max(logs[0], default=0)
    problems = _problems_of_the_log(posts or records, log)
    for each in lost:
        problems += [f"lost: {one}" for one in _problems_of_the_log(posts or records, each)]
    for view in views.values():
        problems += view.problems
        if view.connected and view.position != head:
            problems.append(f"{view.client} is left at {view.position}, the log ends at {head}")
        if view.connected and not view.is_in(logs[0]):
            problems.append(f"{view.client} is left in a log that was lost")
    return problems


def _problems_of_the_log(records: Sequence[Record], log: Sequence[Entry]) -> list[str]:
    problems = [
        f"the log has {entry.seq} where {number} is due"
        for number, entry in enumerate(log, 1)
        if entry.seq != number
    ]
    times = Counter(entry.id for entry in log)
    problems += [f"the log has {post_id} {n} times" for post_id, n in times.items() if n > 1]
    # In the order of writing. For a post that was sent again, the first time counts.
    texts = {record.id: record.text for record in records if record.kind is Kind.POST}
    problems += [
        f"the log has {entry.text!r} as {entry.id}, which is {texts.get(entry.id)!r}"
        for entry in log
        if texts.get(entry.id) != entry.text
    ]
    written = {post_id: number for number, post_id in enumerate(texts)}
    refused = _refused(records)
    last: dict[str, Entry] = {}
    for entry in log:
        if entry.id in refused:
            continue
        writer = entry.id.partition("/")[0]
        before = last.get(writer, entry)
        if written.get(entry.id, -1) < written.get(before.id, -1):
            problems.append(f"the log has {entry.id} after {before.id}, which was written later")
        last[writer] = entry
    return problems


def _refused(records: Sequence[Record]) -> set[str]:
    """Find the posts that were refused, and those whose refusal may have been lost."""
    refused = {record.id for record in records if record.kind is Kind.REFUSED}
    if refused:
        under_way: dict[str, set[str]] = {}
        for record in records:
            sent = under_way.setdefault(record.client, set())
            match record.kind:
                case Kind.POST:
                    sent.add(record.id)
                case Kind.ACKNOWLEDGED:
                    sent.discard(record.id)
                case Kind.DROP:
                    refused |= sent
                    sent.clear()
    return refused


class _View:
    """What one client was told so far."""

    def __init__(self, client: str, logs: Sequence[dict[int, Entry]], least_skipped: int) -> None:
        self.client = client
        self.problems: list[str] = []
        self.position: int | None = None  # seq of the last message given
        self.connected = False
        self._logs = logs  # the one at the end first
        self._possible = list(logs)  # those that have all that it saw since the last reset
        self._least_skipped = least_skipped
        # The posts of this connection. The answer to each may be a message that was given before.
        self._asked: Counter[str] = Counter()

    def take(self, record: Record) -> None:
        """Check the next record."""
        match record.kind:
            case Kind.POST:
                self._asked[record.id] += 1
                self._owns(record)
            case Kind.ACKNOWLEDGED:
                self._owns(record)
                if all(_entry(log, record.seq).id != record.id for log in self._possible):
                    self._problem(f"has {record.id} acknowledged as {record.seq}", record.seq)
            case Kind.RECEIPT:
                self._receive(record)
            case Kind.DROP:
                self.connected = False
                self._asked.clear()
            case Kind.RESUME:
                if record.seq != self.position:
                    self._problem(f"resumes after {record.seq}, but has seen {self.position}")
                self.connected, self.position = True, record.seq
            case Kind.RESET:
                self._reset(record.seq)

    def is_in(self, log: dict[int, Entry]) -> bool:
        """Tell whether a log has all that the client saw since its last reset."""
        return any(each is log for each in self._possible)

    def _reset(self, seq: int) -> None:
        few = self.position is not None and seq < self.position + self._least_skipped
        if few and len(self._possible) == len(self._logs):
            self._problem(f"is reset to {seq}, but has seen {self.position}")
        self.connected, self.position = True, seq
        self._possible = list(self._logs)

    def _receive(self, record: Record) -> None:
        possible = [log for log in self._possible if _is_given(record, log)]
        if possible:
            self._possible = possible
        else:
            self._problem(f"sees {record.id} {record.text!r} as {record.seq}", record.seq)
        if not self.connected or self.position is None:
            self._problem(f"is given {record.seq} before a welcome")
        elif record.seq > self.position + 1:
            self._problem(f"sees {record.seq} after {self.position}: a hole")
        elif record.seq <= self.position:
            if self._asked[record.id] == 0:
                self._problem(f"sees {record.seq} a second time")
            else:
                self._asked[record.id] -= 1
            return
        self.position = record.seq

    def _owns(self, record: Record) -> None:
        if record.id.partition("/")[0] != self.client:
            self._problem(f"answers for {record.id}, which is another's")

    def _problem(self, sentence: str, seq: int | None = None) -> None:
        where = ""
        if seq is not None:
            ids = dict.fromkeys(_entry(log, seq).id for log in self._possible)
            where = f", where the log has {' or '.join(ids)}"
        self.problems.append(f"{self.client} {sentence}{where}")


def _entry(log: dict[int, Entry], seq: int) -> Entry:
    return log.get(seq, Entry(seq, "nothing", ""))


def _is_given(record: Record, log: dict[int, Entry]) -> bool:
    """Tell whether a receipt is what a log has; the time too, if both have one."""
    stored = _entry(log, record.seq)
    same_time = record.at == stored.at or not record.at or not stored.at
    return (stored.id, stored.text) == (record.id, record.text) and same_time
