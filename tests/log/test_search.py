"""Searching: what both engines find, and the index that the embedded one keeps."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chat.log import Draft, Finds, MessageLog, Proposal, search
from chat.log.sqlite import SQLiteLog
from chat.log.words import matches, read_query
from chat.protocol import Edit, End, Remove
from tests.log.engines import ANN, Engine, OnRedis, OnSQLite, Recorder
from tests.support.logs import Past, fill
from tests.support.waiting import wait_until

CORPUS = json.loads((Path(__file__).parent.parent / "corpus/found.json").read_text())
LONG_AGO_MS = int(time.time() * 1000) - 10 * 86_400_000


@pytest.fixture
def heard() -> Recorder:
    return Recorder()


# --- both engines ------------------------------------------------------------------------------


@pytest.fixture(params=[OnSQLite, OnRedis], ids=["sqlite", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    place: Engine = request.param(tmp_path)
    yield place
    place.end()


def started(place: Engine, heard: Recorder) -> MessageLog:
    log = place.open()
    heard.start(log)
    for room in ("general", "other"):
        log.follow(room)
    return log


def say(log: MessageLog, heard: Recorder, *texts: str, room: str = "general") -> list[int]:
    drafts = [Draft(room, f"{room}-{text[:40].encode().hex()}", ANN, text) for text in texts]
    return [message.seq for message in heard.post(log, *drafts)]


def change(log: MessageLog, heard: Recorder, command: Edit | Remove) -> None:
    """Change a message in the name of its author."""
    assert command.target is not None
    (message,) = log.before("general", command.target + 1, 1).messages
    proposal = Proposal("general", message.member, command, within_s=10**9)
    log.append(proposal, heard.answers.put)
    heard.committed()


def texts(found: Finds) -> list[str]:
    return [message.text for message in found.messages]


def seqs(found: Finds) -> list[int]:
    return [message.seq for message in found.messages]


def test_messages_with_all_the_words_are_found_the_newest_first(
    place: Engine, heard: Recorder
) -> None:
    log = started(place, heard)
    say(log, heard, "L'été à Paris", "Un hiver à Paris", "Paris, l’ÉTÉ dernier", "étés parisiens")
    say(log, heard, "Paris en été, ailleurs", room="other")
    newest_first = ["étés parisiens", "Paris, l’ÉTÉ dernier", "L'été à Paris"]
    assert texts(log.find("general", "paris ete", None, 20)) == newest_first
    assert log.find("general", "aris", None, 20) == Finds([], more=False)
    assert log.find("nowhere", "paris", None, 20) == Finds([], more=False)


def test_older_ones_are_found_before_a_seq(place: Engine, heard: Recorder) -> None:
    log = started(place, heard)
    say(log, heard, *(f"word {number}" for number in range(7)))
    first = log.find("general", "word", None, 3)
    assert (seqs(first), first.more) == ([7, 6, 5], True)
    second = log.find("general", "word", 5, 3)
    assert (seqs(second), second.more) == ([4, 3, 2], True)
    last = log.find("general", "word", 2, 3)
    assert (seqs(last), last.more, last.looked_to) == ([1], False, None)


def test_what_was_changed_is_found_as_it_is_now(place: Engine, heard: Recorder) -> None:
    log = started(place, heard)
    say(log, heard, "before one", "before two", "before three")
    change(log, heard, Edit("e", 1, "after one"))
    change(log, heard, Remove("r", 2))
    assert texts(log.find("general", "before", None, 20)) == ["before three"]
    (found,) = log.find("general", "after", None, 20).messages
    assert (found.seq, found.text, found.edited is not None) == (1, "after one", True)


# --- the index of the embedded log ---------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tchat.db"


@pytest.fixture
def logs() -> Iterator[list[SQLiteLog]]:
    logs: list[SQLiteLog] = []
    yield logs
    for log in logs:
        log.close()


def opened(file: Path, logs: list[SQLiteLog], heard: Recorder) -> SQLiteLog:
    """Open a log that takes what is old into its index at once."""
    logs.append(SQLiteLog(file, retention_messages=100_000))
    assert logs[-1].claim()
    heard.start(logs[-1])
    return logs[-1]


def write(file: Path, texts: Iterable[str], room: str = "general") -> None:
    fill(file, room, (Past("Ann", text, LONG_AGO_MS) for text in texts))


def ask(file: Path, question: str) -> int:
    with closing(sqlite3.connect(file)) as database:
        return int(database.execute(question).fetchone()[0] or 0)


def is_indexed(file: Path) -> bool:
    return ask(file, "SELECT (SELECT max(done) FROM parts) >= max(entry) FROM entries") == 1


def test_the_index_finds_exactly_what_has_the_words(
    file: Path, logs: list[SQLiteLog], heard: Recorder
) -> None:
    written = [marked.replace("⟦", "").replace("⟧", "") for _, marked in CORPUS]
    write(file, written)
    log = opened(file, logs, heard)
    wait_until(lambda: is_indexed(file))
    for words, _ in CORPUS:
        found = log.find("general", words, None, 50)
        expected = [text for text in reversed(written) if matches(text, read_query(words))]
        assert texts(found) == expected[:50], words
        assert (found.more, found.looked_to) == (len(expected) > 50, None)


@pytest.mark.parametrize(
    "typed",
    [
        '"',
        "'",
        "cat OR dog",
        "NEAR(cat dog)",
        "words: cat",
        "cat*",
        "-cat",
        "^cat",
        "1:0:cat",
        "()",
    ],
)
def test_what_people_type_is_never_a_question_of_its_own(
    file: Path, logs: list[SQLiteLog], heard: Recorder, typed: str
) -> None:
    write(file, ["cat", "dog", "a cat OR a dog, NEAR words: 1:0:cat"])
    log = opened(file, logs, heard)
    wait_until(lambda: is_indexed(file))
    found = log.find("general", typed, None, 20)
    assert all(matches(text, read_query(typed)) for text in texts(found))


def test_removed_words_leave_the_index_at_once_and_the_file_soon(
    file: Path, logs: list[SQLiteLog], heard: Recorder
) -> None:
    write(file, ["one zanzibar", "two zanzibar", "kept madagascar", *map(str, range(500))])
    log = opened(file, logs, heard)
    wait_until(lambda: is_indexed(file))
    log.close()
    assert file.read_bytes().count(b"zanzibar") >= 3  # twice as texts, and in the index
    log = opened(file, logs, heard)
    change(log, heard, Remove("r", 1))
    assert seqs(log.find("general", "zanzi", None, 20)) == [2]
    with closing(sqlite3.connect(file)) as database:
        in_index = "SELECT rowid FROM words_0 WHERE words_0 MATCH '\"1:0:zanzibar\"'"
        assert database.execute(in_index).fetchall() == [(2,)]
    change(log, heard, Edit("e", 2, "two comoros"))
    assert seqs(log.find("general", "zanzi", None, 20)) == []
    assert seqs(log.find("general", "comoros two", None, 20)) == [2]
    log.close()
    # At the start, nothing is left for later.
    log = opened(file, logs, heard)
    wait_until(lambda: ask(file, "SELECT sum(changes) FROM parts") == 0)
    assert seqs(log.find("general", "madagascar", None, 20)) == [3]
    assert seqs(log.find("general", "comoros", None, 20)) == [2]
    log.close()
    assert b"zanzibar" not in file.read_bytes()
    assert b"madagascar" in file.read_bytes()


def test_a_room_that_ended_is_not_in_the_index_nor_are_its_places(
    file: Path, logs: list[SQLiteLog], heard: Recorder
) -> None:
    write(file, [f"zanzibar {number}" for number in range(300)], room="ending")
    log = opened(file, logs, heard)
    wait_until(lambda: is_indexed(file))
    log.append(Proposal("ending", ANN, End("end"), is_owner=True), heard.answers.put)
    wait_until(lambda: ask(file, "SELECT count(*) FROM entries") == 0)
    # SQLite gives the numbers of the last entries again.
    say(log, heard, "a new zanzibar")
    assert texts(log.find("general", "zanzibar", None, 20)) == ["a new zanzibar"]
    log.close()
    log = opened(file, logs, heard)
    wait_until(lambda: ask(file, "SELECT sum(changes) FROM parts") == 0)
    log.close()
    assert file.read_bytes().count(b"zanzibar") == 1


def test_a_long_search_says_how_far_it_looked(
    file: Path, logs: list[SQLiteLog], heard: Recorder
) -> None:
    write(file, ["→ the first one", *(f"message {number}" for number in range(25_000))])
    log = opened(file, logs, heard)
    found = log.find("general", "→", None, 20)  # signs are in no index
    assert found.messages == []
    assert found.more
    while found.more:
        assert found.looked_to is not None
        found = log.find("general", "→", found.looked_to, 20)
    assert texts(found) == ["→ the first one"]


def test_an_index_of_other_foldings_is_made_anew(
    file: Path, logs: list[SQLiteLog], heard: Recorder
) -> None:
    write(file, [f"number {number}" for number in range(1000)])
    log = opened(file, logs, heard)
    wait_until(lambda: is_indexed(file))
    log.close()
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("UPDATE parts SET folding = 'of another Python'")
    log = opened(file, logs, heard)
    assert len(texts(log.find("general", "number 99", None, 50))) == 11
    assert log.find("general", "number 99", None, 50).looked_to is None
    outdated = "SELECT count(*) FROM parts WHERE folding LIKE 'of another%'"
    wait_until(lambda: ask(file, outdated) == 0)
    wait_until(lambda: is_indexed(file))
    assert len(texts(log.find("general", "number 99", None, 50))) == 11


ANEW = "SELECT count(*) FROM parts WHERE done = 300 AND changes = 0 AND folding <> ''"


def test_a_broken_index_keeps_nobody_from_anything_and_is_made_anew(
    file: Path, logs: list[SQLiteLog], heard: Recorder
) -> None:
    write(file, [f"number {number}" for number in range(300)])
    log = opened(file, logs, heard)
    wait_until(lambda: is_indexed(file))
    log.close()
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("DELETE FROM words_0_data WHERE id > 10")
    log = opened(file, logs, heard)
    assert seqs(log.find("general", "number 29", None, 50)) == [*range(300, 290, -1), 30]
    change(log, heard, Remove("r", 300))
    assert seqs(log.find("general", "number 298", None, 50)) == [299]
    log.check()
    log.close()
    # What was taken out is to go from its tables: so it is noticed.
    log = opened(file, logs, heard)
    wait_until(lambda: ask(file, ANEW) == 1)
    assert seqs(log.find("general", "number 298", None, 50)) == [299]
    with closing(sqlite3.connect(file)) as database:
        database.execute("INSERT INTO words_0 (words_0) VALUES ('integrity-check')")


def test_without_fts5_every_message_is_looked_at(
    file: Path, logs: list[SQLiteLog], heard: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(file, [f"number {number}" for number in range(300)])
    log = opened(file, logs, heard)
    wait_until(lambda: is_indexed(file))
    log.close()
    with monkeypatch.context() as without:
        without.setattr(search, "HAS_FTS5", False)
        log = opened(file, logs, heard)
        assert seqs(log.find("general", "number 29", None, 50)) == [*range(300, 290, -1), 30]
        change(log, heard, Remove("r", 300))
        assert seqs(log.find("general", "number 299", None, 50)) == []
        log.close()
    log = opened(file, logs, heard)
    wait_until(lambda: ask(file, ANEW) == 1)
    assert seqs(log.find("general", "number 298", None, 50)) == [299]
    log.close()
    assert b"299" not in b"".join(row for row in index_of(file))


def index_of(file: Path) -> list[bytes]:
    with closing(sqlite3.connect(file)) as database:
        return [block for (block,) in database.execute("SELECT block FROM words_0_data")]
