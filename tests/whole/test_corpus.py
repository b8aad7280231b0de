"""The inputs that `make fuzz` has kept are checked again, without atheris."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz import commands, frames

CORPUS = Path(__file__).parent.parent / "corpus"


@pytest.mark.parametrize(
    ("check", "folder"),
    [(commands.check, CORPUS / "commands"), (frames.check, CORPUS / "frames")],
    ids=["commands", "frames"],
)
def test_corpus_holds(check: Callable[[bytes], None], folder: Path) -> None:
    inputs = [path.read_bytes() for path in folder.iterdir()]
    assert len(inputs) > 20  # it is there
    for data in inputs:
        check(data)
