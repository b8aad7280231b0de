"""Measure the search in a million messages, and what posts notice of the index: `make search`.

The messages are of made-up words, which are as frequent as those of a language. All are in one
room, and then in a hundred. The file has no index at first, like one of an older program. The time
of the processor is told besides: other work of the machine makes no difference to it.
"""

from __future__ import annotations

import argparse
import random
import secrets
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import accumulate
from pathlib import Path
from queue import Queue
from statistics import median, quantiles
from typing import Any

from chat.log import Draft
from chat.log.schema import prepare
from chat.log.sqlite import SQLiteLog
from chat.log.statements import add_room
from chat.protocol import Member

_VOCABULARY = 60_000
_LENGTHS = (2, 4, 6, 8, 10, 12, 16, 24)  # words of a message
_TIMES = 21  # that each question is asked
_POST_EVERY_S = 0.02
_ALLOWED_MS = 50.0
_ANN = Member("a" * 22, "Ann")


class Language:
    """Words, the most frequent first."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        syllables = [a + b for a in "bcdfglmnprstv" for b in ("a", "e", "i", "o", "u", "é", "an")]
        words: dict[str, None] = dict.fromkeys(["de", "la", "le", "et", "les", "des", "東京都"])
        while len(words) < _VOCABULARY:
            length = self._random.choice((1, 2, 2, 3, 3, 4))
            words["".join(self._random.choices(syllables, k=length))] = None
        self.words = list(words)
        self._weights = list(accumulate(1 / (rank + 2.7) for rank in range(_VOCABULARY)))

    def message(self) -> str:
        """Say something."""
        count = self._random.choice(_LENGTHS)
        return " ".join(self._random.choices(self.words, cum_weights=self._weights, k=count))


def fill(path: Path, language: Language, messages: int, rooms: int) -> None:
    """Write the messages of a year, which ended yesterday."""
    prepare(path, create=True)
    texts = [language.message() for _ in range(200_000)]
    pick = random.Random(rooms)
    first_ms = int(time.time() * 1000) - 366 * 86_400_000
    seqs = [0] * rooms

    def rows() -> Iterator[tuple[Any, ...]]:
        for number in range(messages):
            room = pick.randrange(rooms)
            seqs[room] += 1
            at_ms = first_ms + number * (365 * 86_400_000 // messages)
            member = f"{pick.randrange(300):022d}"
            yield (
                room + 1,
                seqs[room],
                at_ms,
                secrets.token_hex(10),
                member,
                "Ann",
                pick.choice(texts),
            )

    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA synchronous = OFF")
        database.execute("BEGIN")
        for room in range(rooms):
            add_room(database, f"room-{room}")
        database.executemany(
            "INSERT INTO entries (room, seq, at, id, member, nick, text) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            rows(),
        )
        database.execute("COMMIT")


class Measurement:
    """A log whose posts are timed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._committed: Queue[float] = Queue()
        self._number = 0
        self.log = SQLiteLog(path, retention_messages=10**9)
        assert self.log.claim()
        self.log.start(
            lambda _room, _entries: self._committed.put(time.perf_counter()),
            lambda _rooms: None,
            lambda _room: True,
            lambda _room, _record, _deed: None,
        )

    def post_ms(self) -> float:
        """Post once, and measure until the tail has it."""
        self._number += 1
        draft = Draft("room-0", secrets.token_hex(10), _ANN, f"post {self._number}")
        began = time.perf_counter()
        self.log.append(draft, print)
        return (self._committed.get() - began) * 1000

    def posts_ms(self, number: int) -> list[float]:
        """Post so often, slowly."""
        took = []
        for _ in range(number):
            took.append(self.post_ms())
            time.sleep(_POST_EVERY_S)
        return took

    def find_ms(self, room: str, words: str, before: int | None) -> tuple[list[float], str]:
        """Ask the same again and again."""
        took, cpu = [], []
        found = self.log.find(room, words, before, 20)
        for _ in range(_TIMES):
            began, cpu_began = time.perf_counter(), time.thread_time()
            found = self.log.find(room, words, before, 20)
            took.append((time.perf_counter() - began) * 1000)
            cpu.append((time.thread_time() - cpu_began) * 1000)
        so_far = "" if found.looked_to is None else f", looked down to {found.looked_to}"
        number = f"{len(found.messages)}{'+' if found.more else ''}"
        return took, f"{median(cpu):5.2f} ms of CPU, found {number}{so_far}"

    def is_done(self, messages: int) -> bool:
        """Tell whether the old messages are in the index."""
        with closing(sqlite3.connect(self._path)) as database:
            (done,) = database.execute("SELECT max(done) FROM parts").fetchone()
        return (done or 0) >= messages


def size(path: Path) -> int:
    """Give the bytes of a file that hold something."""
    with closing(sqlite3.connect(path)) as database:
        (count,) = database.execute("PRAGMA page_count").fetchone()
        (free,) = database.execute("PRAGMA freelist_count").fetchone()
        (page_bytes,) = database.execute("PRAGMA page_size").fetchone()
    return int(page_bytes * (count - free))


def spread(took: list[float]) -> str:
    """Write a median, the middle half, and the largest."""
    low, middle, high = quantiles(took, n=4)
    return f"{middle:6.2f} ms ({low:.2f}–{high:.2f}, largest {max(took):.1f})"


def measure(path: Path, messages: int, rooms: int) -> bool:
    """Measure one file; True if every search was quick enough."""
    language = Language(1)
    fill(path, language, messages, rooms)
    before = size(path)
    print(f"\n{messages:,} messages in {rooms} rooms, {before / 1e6:.0f} MB", flush=True)
    measurement = Measurement(path)
    began, cpu = time.monotonic(), time.process_time()
    posts: list[float] = []
    while not measurement.is_done(messages):
        posts += measurement.posts_ms(50)
    took_s, cpu_s = time.monotonic() - began, time.process_time() - cpu
    print(f"indexed in {took_s:.0f} s, {cpu_s / messages * 1e6:.0f} µs of CPU a message")
    print(f"index: {(size(path) - before) / messages:.1f} bytes a message")
    print(f"a post meanwhile: {spread(posts)}")
    time.sleep(5.0)
    print(f"a post later:     {spread(measurement.posts_ms(300))}")
    words = language.words
    questions = {
        "the most frequent word": "de",
        "three frequent words": "de la les",
        "one letter": "p",
        "two letters, beginnings": "d m",
        "a usual word": words[300],
        "a usual and a frequent one": f"{words[300]} de",
        "two usual words": f"{words[300]} {words[400]}",
        "two rare words": f"{words[3000]} {words[5000]}",
        "a rare word": words[20_000],
        "a word of 60,000": words[-1],
        "no word": "xylophone",
        "Chinese, inside": "京都",
        "one Chinese character": "京",
        "signs": "→",
    }
    quick = True
    room = f"room-{rooms // 2}"
    (newest,) = {measurement.log.before(room, 2**53, 1).messages[0].seq}
    for name, asked in questions.items():
        for place in (None, newest // 2):
            took, found = measurement.find_ms(room, asked, place)
            quick &= median(took) < _ALLOWED_MS
            where = "newest" if place is None else "middle"
            print(f"{name:28} {where:7} {spread(took)} {found}", flush=True)
    measurement.log.close()
    return quick


def main() -> int:
    """Measure both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    messages = parser.parse_args().messages
    with tempfile.TemporaryDirectory() as folder:
        quick = [measure(Path(folder) / f"{rooms}.db", messages, rooms) for rooms in (1, 100)]
    return 0 if all(quick) else 1


if __name__ == "__main__":
    sys.exit(main())
