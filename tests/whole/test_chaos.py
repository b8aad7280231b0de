"""The promise while everything breaks at once: a short form of `make chaos`."""

from __future__ import annotations

from pathlib import Path

from tests.long import chaos
from tests.support.history import Kind
from tests.support.screen import ENTRIES

_NO_ENTRIES = 50  # commands that are done and become none: erases by somebody who said nothing


def test_cuts_and_kills_lose_and_repeat_nothing(engine: str, tmp_path: Path) -> None:
    outcome = chaos.run(chaos.SHORT, tmp_path, chaos.new_seed(), engine)
    print(outcome)  # shown when it fails
    assert outcome.problems == []
    records = outcome.records
    # Of two commands that one entry answers, a post and what takes it back, one is acknowledged.
    answers = sum(records[kind] for kind in (Kind.ACKNOWLEDGED, Kind.DENIED, Kind.GIVEN_UP))
    assert chaos.SHORT.commands * 0.95 < answers <= chaos.SHORT.commands
    # What was taken back was acknowledged before.
    assert outcome.stored >= records[Kind.ACKNOWLEDGED] - outcome.taken_back - _NO_ENTRIES
    assert all(outcome.changes[what] > 0 for what in ENTRIES)
    assert outcome.cuts.total() == chaos.SHORT.cuts
    assert outcome.kills == chaos.SHORT.kills
    assert outcome.turns.total() == chaos.SHORT.turns
    # Proves that things broke: each client lost its connection, and one was away for long.
    assert records[Kind.RESUME] > chaos.SHORT.clients
    assert outcome.resets >= chaos.SHORT.absences
