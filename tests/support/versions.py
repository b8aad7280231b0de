"""What each message of a log said, and what was pinned and ruled, after each of its entries."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Generic, TypeVar

from chat.protocol import QUOTE_LIMIT
from tests.support.history import Entry, Kind, Record

NO_RULES = json.dumps({"write": "all", "pace_s": 0, "locked": False, "ends_at": None})

T = TypeVar("T")


class Course(Generic[T]):
    """Something that changes, and the seqs of the entries that changed it."""

    def __init__(self, since: int, value: T) -> None:
        self._since = [since]
        self._values = [value]

    def change(self, since: int, value: T) -> None:
        """Add a change."""
        self._since.append(since)
        self._values.append(value)

    def after(self, seq: int) -> list[T]:
        """Give what it was after an entry, and all that it became later."""
        return self._values[max(0, bisect_right(self._since, seq) - 1) :]

    @property
    def last(self) -> T:
        """Give what it is at the end."""
        return self._values[-1]

    def __len__(self) -> int:
        return len(self._values)


class Versions:
    """What a log has said, as its entries and their commands tell it."""

    def __init__(self, log: Sequence[Entry], commands: Mapping[str, Record]) -> None:
        self.texts: dict[int, Course[str | None]] = {}  # by a message's seq; None: it is removed
        self.pin: Course[int] = Course(0, 0)  # 0: none
        self.rules = Course(0, NO_RULES)
        for entry in log:
            command = commands.get(entry.id)
            said = entry.text if command is None else command.text
            match entry.what:
                case "message":
                    self.texts[entry.seq] = Course(entry.seq, said)
                case "edited" if entry.target in self.texts:
                    self.texts[entry.target].change(entry.seq, said)
                case "removed" if entry.target in self.texts:
                    self.texts[entry.target].change(entry.seq, None)
                    if self.pin.last == entry.target:
                        self.pin.change(entry.seq, 0)
                case "pinned":
                    self.pin.change(entry.seq, entry.target)
                case "rules":
                    self.rules.change(entry.seq, entry.text)

    def is_removed(self, seq: int) -> bool:
        """Tell whether a message is removed at the end."""
        return seq in self.texts and self.texts[seq].last is None

    def may_show(self, record: Record, seq: int, known: int) -> bool:
        """Tell whether a record may show a message as it does, once an entry is known.

        It may show what the message said then, or what it said later.
        """
        if seq not in self.texts:
            return False
        texts = self.texts[seq].after(known)
        if record.removed:
            return None in texts and not record.text
        if record.what == "quote":
            return record.text in [text[:QUOTE_LIMIT] for text in texts if text is not None]
        return record.text in texts


class Frontier:
    """How much of a log somebody was seen to have at each time."""

    def __init__(self, log: Mapping[int, Entry], records: Iterable[Record]) -> None:
        seen = sorted(
            (record.time_s, record.seq)
            for record in records
            if record.kind is Kind.RECEIPT and record.time_s and _is_of(record, log)
        )
        self._times = [time_s for time_s, _ in seen]
        self._seqs = list(accumulate((seq for _, seq in seen), max))

    def at(self, time_s: float) -> int:
        """Give the newest entry that somebody had before a time."""
        index = bisect_right(self._times, time_s) if time_s else 0
        return self._seqs[index - 1] if index else 0


def _is_of(record: Record, log: Mapping[int, Entry]) -> bool:
    entry = log.get(record.seq)
    return entry is not None and entry.id == record.id and same_time(record, entry)


def same_time(record: Record, entry: Entry) -> bool:
    """Tell whether a receipt and an entry have the same time, if both have one."""
    return record.at == entry.at or not record.at or not entry.at
