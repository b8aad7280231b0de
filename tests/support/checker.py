"""A checker that tells, by a history and the log, whether the promise was kept.

When the log is replaced by an older copy with another epoch, each epoch has a log. When it goes
back without another epoch, that epoch has lost logs besides.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from chat.protocol import WELCOME_MESSAGES
from tests.support.history import Entry, Kind, Record
from tests.support.stored import commands_of, problems_of, writer
from tests.support.versions import Frontier, Versions, same_time

_FATES = (
    Kind.POST,
    Kind.CHANGE,
    Kind.REFUSED,
    Kind.ACKNOWLEDGED,
    Kind.DROP,
    Kind.RESUME,
    Kind.RESET,
)
_MESSAGES_SHOWN = ("newest", "history", "found", "quote", "pinned")


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
    fates = [record for record in history if record.kind in _FATES]
    for epoch, part in parts.items():
        found = judge(
            part,
            logs.get(epoch, []),
            lost=lost.get(epoch, ()),
            fates=fates,
            least_skipped=least_skipped,
        )
        problems += [f"epoch {epoch}: {problem}" for problem in found]
    return problems


def judge(
    history: Iterable[Record],
    log: Sequence[Entry],
    *,
    lost: Sequence[Sequence[Entry]] = (),
    fates: Sequence[Record] = (),
    least_skipped: int = 1,
) -> list[str]:
    """Compare a history with the log; give a sentence for each broken rule.

    The log has each command once, as one entry (an erase: as one for each message), numbered
    without gaps. It has only what somebody wrote, and what one client wrote is in the order of its
    writing, but for what was refused once: a later command may have been on its way. Where
    something was refused, so may have been what a connection had under way when it was lost. Each
    entry is one that its writer may make, of a message that was there; each message is what its
    entries have made of it. The log has all that was acknowledged, and nothing that was denied.

    Each client was given a contiguous part of the log. Only a reset may interrupt that part, and
    only if it skips at least `least_skipped` entries, because a resume would have given fewer. A
    client that is connected at the end has seen the end.

    Wherever a client is shown a message, it has the text that it had after the newest entry that
    is known, or a later one. Known is an entry that this client was given before, and one that
    anybody was given before this client asked for what it is shown. So nobody is shown a text whose
    removal was acknowledged, but for what was on its way to him then, in front of the removal.

    `fates` may add what was written before the history begins. `lost` has what the log was each
    time that it went back. What a client saw between two resets is all of one log. A reset may skip
    nothing if what it saw before is not in all logs.
    """
    records = list(history)
    written = [*fates, *records] if fates else records
    commands = commands_of(written)
    stories = [_Story(each, commands, records) for each in (log, *lost)]
    views: dict[str, _View] = {}
    for record in records:
        view = views.setdefault(record.client, _View(record.client, stories, least_skipped))
        view.take(record)
    problems = problems_of(fates or records, log)
    for each in lost:
        problems += [f"lost: {one}" for one in problems_of(fates or records, each)]
    for view in views.values():
        problems += view.problems
        if view.connected and view.position != stories[0].head:
            end = stories[0].head
            problems.append(f"{view.client} is left at {view.position}, the log ends at {end}")
        if view.connected and not view.is_in(stories[0]):
            problems.append(f"{view.client} is left in a log that was lost")
    return problems


class _Story:
    """A log, and what it has said."""

    def __init__(
        self, log: Sequence[Entry], commands: Mapping[str, Record], records: Sequence[Record]
    ) -> None:
        self.entries = {entry.seq: entry for entry in log}
        # What has used up the id of a post, without being it, is not that post.
        self.ids = {each.id for each in log if each.what != "removed" or each.target}
        self.head = max(self.entries, default=0)
        self.versions = Versions(log, commands)
        self._frontier = Frontier(self.entries, records)
        self._messages = [entry.seq for entry in log if entry.what == "message"]

    def entry(self, seq: int) -> Entry:
        """Give an entry, or one that says that there is none."""
        return self.entries.get(seq, Entry(seq, "nothing", ""))

    def gave(self, record: Record) -> bool:
        """Tell whether this log has what a client was given."""
        entry = self.entry(record.seq)
        what = record.what or "message"
        if (entry.id, entry.what) != (record.id, what) or not same_time(record, entry):
            return False
        match what:
            case "message":
                is_same = record.removed or entry.removed or record.reply == entry.reply
                return is_same and self._may_show(record, entry.seq)
            case "edited":
                return record.target == entry.target and self._may_show(record, entry.target)
            case "rules":
                return record.text == entry.text
        return record.target == entry.target

    def showed(self, record: Record) -> bool:
        """Tell whether this log has what a client was shown."""
        known = self._known(record)
        match record.what:
            case "pin":
                return record.seq in self.versions.pin.after(known) and (
                    record.seq == 0 or self._may_show(record, record.seq)
                )
            case "rules":
                return record.text in self.versions.rules.after(known)
        is_it = record.id in ("", self.entry(record.seq).id)
        return is_it and self._may_show(record, record.seq)

    def has_removed(self, seq: int, record: Record) -> bool:
        """Tell whether a message was removed after what is known when something is shown."""
        texts = self.versions.texts.get(seq)
        return texts is not None and texts.after(self._known(record))[0] is None

    def has_newest(self, reset: Record) -> bool:
        """Tell whether a reset has shown the newest messages, without a hole."""
        there = self._messages[: bisect_right(self._messages, reset.seq)]
        return list(reset.seqs) == there[-WELCOME_MESSAGES:]

    def denies(self, command: Record, code: str) -> bool:
        """Tell whether there is a reason to deny a command."""
        seq = command.target or command.reply
        if code == "not_yours":
            return writer(self.entry(seq).id) != command.client
        return code == "target_unknown" and (
            seq not in self.versions.texts or None in self.versions.texts[seq].after(0)
        )

    def _may_show(self, record: Record, seq: int) -> bool:
        return self.versions.may_show(record, seq, self._known(record))

    def _known(self, record: Record) -> int:
        return max(record.known, self._frontier.at(record.asked_s))


class _View:
    """What one client was told so far."""

    def __init__(self, client: str, stories: Sequence[_Story], least_skipped: int) -> None:
        self.client = client
        self.problems: list[str] = []
        self.position: int | None = None  # seq of the last entry given
        self.connected = False
        self._stories = stories  # the one at the end first
        self._possible = list(stories)  # those that have all that it saw since the last reset
        self._is_owner = False
        self._least_skipped = least_skipped
        # The commands of this connection. The answer to each may be an entry that was given before.
        self._asked: Counter[str] = Counter()
        self._commands: dict[str, Record] = {}
        self._own: set[int] = set()  # seqs of its own messages since the last reset
        self._erased: dict[str, frozenset[int]] = {}  # what an erase is to remove

    def take(self, record: Record) -> None:
        """Check the next record."""
        match record.kind:
            case Kind.POST | Kind.CHANGE:
                self._asked[record.id] += 1
                if record.what == "removed" and not record.target:
                    self._asked[record.of] += 1  # the answer may have the post's id
                self._owns(record)
                self._commands.setdefault(record.id, record)
                if record.what == "erase":
                    self._erased.setdefault(record.id, frozenset(self._own))
            case Kind.ACKNOWLEDGED:
                self._acknowledge(record)
            case Kind.DENIED:
                self._deny(record)
            case Kind.RECEIPT:
                self._receive(record)
            case Kind.SHOWN:
                shown = self._by_now(record)
                self._find(lambda story: story.showed(shown), shown)
            case Kind.DROP:
                self.connected = False
                self._asked.clear()
            case Kind.RESUME:
                if record.seq != self.position:
                    self._problem(f"resumes after {record.seq}, but has seen {self.position}")
                self.connected, self.position = True, record.seq
                self._is_owner = record.what == "owner"
            case Kind.RESET:
                self._is_owner = record.what == "owner"
                self._reset(record)

    def is_in(self, story: _Story) -> bool:
        """Tell whether a log has all that the client saw since its last reset."""
        return any(each is story for each in self._possible)

    def _reset(self, record: Record) -> None:
        few = self.position is not None and record.seq < self.position + self._least_skipped
        if few and len(self._possible) == len(self._stories):
            self._problem(f"is reset to {record.seq}, but has seen {self.position}")
        self.connected, self.position = True, record.seq
        self._own.clear()
        self._erased.clear()
        self._possible = [each for each in self._stories if each.has_newest(record)]
        if not self._possible:
            self._problem(f"is reset to {record.seq} with {list(record.seqs)} alone")
            self._possible = list(self._stories)

    def _receive(self, record: Record) -> None:
        given = self._by_now(record, record.seq)
        self._find(lambda story: story.gave(given), given)
        if (record.what or "message") == "message" and writer(record.id) == self.client:
            self._own.add(record.seq)
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

    def _acknowledge(self, record: Record) -> None:
        self._owns(record)
        if record.seq:
            if all(each.entry(record.seq).id != record.id for each in self._possible):
                self._problem(f"has {record.id} acknowledged as {record.seq}", record.seq)
            return
        for seq in self._erased.get(record.id, ()):
            if not any(each.versions.is_removed(seq) for each in self._possible):
                self._problem(f"has {record.id} done, but {seq} is not removed", seq)

    def _deny(self, record: Record) -> None:
        self._owns(record)
        if any(record.id in each.ids for each in self._possible):
            self._problem(f"has {record.id} denied, but it is stored")
        command = self._commands.get(record.id)
        denies = not self._is_owner if record.what == "not_owner" else None
        if denies is None and command:
            denies = any(each.denies(command, record.what) for each in self._possible)
        if denies is False:
            self._problem(f"has {record.id} denied as {record.what}, for no reason")

    def _by_now(self, record: Record, seq: int = 0) -> Record:
        """Note that the client knew all entries to its place before this one."""
        return record._replace(known=max(record.known, self.position or 0, seq))

    def _find(self, has: Callable[[_Story], bool], record: Record) -> None:
        """Go on with the logs that have what the client was given or shown."""
        possible = [story for story in self._possible if has(story)]
        if possible:
            self._possible = possible
            return
        what = f" ({record.what})" if record.what else ""
        text = "nothing" if record.removed else repr(record.text)
        place = record.seq
        if record.what == "edited":
            text, place = f"{text} for {record.target}", record.target
        said = f"sees {record.id} {text} as {record.seq}{what}"
        removed = not record.removed and all(s.has_removed(place, record) for s in self._possible)
        self._problem(f"{said}, which is removed" if removed else said, record.seq)

    def _owns(self, record: Record) -> None:
        if writer(record.id) != self.client:
            self._problem(f"answers for {record.id}, which is another's")

    def _problem(self, sentence: str, seq: int | None = None) -> None:
        where = ""
        if seq is not None:
            ids = dict.fromkeys(story.entry(seq).id for story in self._possible)
            where = f", where the log has {' or '.join(ids)}"
        self.problems.append(f"{self.client} {sentence}{where}")
