"""The promise, while everything breaks at once: `make chaos`, in short."""

from __future__ import annotations

from pathlib import Path

from tests.long import chaos
from tests.support.history import Kind


def test_cuts_and_kills_lose_and_repeat_nothing(tmp_path: Path) -> None:
    outcome = chaos.run(chaos.SHORT, tmp_path, chaos.new_seed())
    print(outcome)  # shown when it fails
    assert outcome.problems == []
    assert outcome.stored == chaos.SHORT.messages
    assert outcome.records[Kind.ACKNOWLEDGED] == chaos.SHORT.messages
    assert outcome.cuts.total() == chaos.SHORT.cuts
    assert outcome.kills == chaos.SHORT.kills
    # Else it was no chaos: each was away for more than a moment, and one for long.
    assert outcome.records[Kind.RESUME] > chaos.SHORT.clients
    assert outcome.resets >= chaos.SHORT.absences
