"""The promise while everything breaks at once: a short form of `make chaos`."""

from __future__ import annotations

from pathlib import Path

from tests.long import chaos
from tests.support.history import Kind


def test_cuts_and_kills_lose_and_repeat_nothing(engine: str, tmp_path: Path) -> None:
    outcome = chaos.run(chaos.SHORT, tmp_path, chaos.new_seed(), engine)
    print(outcome)  # shown when it fails
    assert outcome.problems == []
    # What was taken back was posted and acknowledged before.
    assert outcome.stored >= chaos.SHORT.messages - outcome.taken_back
    assert outcome.records[Kind.ACKNOWLEDGED] == chaos.SHORT.messages
    assert outcome.cuts.total() == chaos.SHORT.cuts
    assert outcome.kills == chaos.SHORT.kills
    assert outcome.turns.total() == chaos.SHORT.turns
    # Proves that things broke: each client lost its connection, and one was away for long.
    assert outcome.records[Kind.RESUME] > chaos.SHORT.clients
    assert outcome.resets >= chaos.SHORT.absences
