"""SECURITY.md and docs/security.md name only what exists, and leave no requirement out."""

from __future__ import annotations

import re

import msgspec
import pytest

from chat.config import Settings
from tests.support.servers import ROOT

PAPER = (ROOT / "docs/security.md").read_text()
ALL = PAPER + (ROOT / "SECURITY.md").read_text() + (ROOT / "README.md").read_text()

# How many requirements each section of ASVS 5.0.0 has.
ASVS = (
    "1.2:10 2.4:2 3.4:8 3.5:8 4.4:4 7.1:3 7.2:4 7.3:2 7.4:5 7.5:3 7.6:2 "
    "11.1:4 11.2:5 11.3:5 11.4:4 11.5:2 11.6:2 11.7:2 14.1:2 14.2:8 14.3:3 "
    "16.1:1 16.2:5 16.3:4 16.4:3 16.5:4"
)
ROW = re.compile(r"^\| ((?:WS|T)-\d+|\d+\.\d+\.\d+) \|.*\| ([a-z ]*) \|$", re.MULTILINE)


def test_each_requirement_has_one_row_and_an_answer() -> None:
    rows = ROW.findall(PAPER)
    counts = (pair.split(":") for pair in ASVS.split())
    wanted = [f"{section}.{n + 1}" for section, count in counts for n in range(int(count))]
    numbers = [number for number, _ in rows if number[0].isdigit()]
    assert numbers == wanted
    assert {answer for _, answer in rows} == {"met", "partly", "not met", "operator", "none"}


def test_each_test_that_is_named_exists() -> None:
    named = re.findall(r"`([\w/.]+\.(?:py|test\.js))(?:::(\w+))?`", PAPER)
    assert len(named) > 100
    for file, test in set(named):
        path = ROOT / file if (ROOT / file).exists() else ROOT / "tests" / file
        assert path.exists(), file
        assert not test or f"\ndef {test}(" in path.read_text(), f"{file}::{test}"


def test_each_setting_that_is_named_exists() -> None:
    known = {field.encode_name for field in msgspec.structs.fields(Settings)}
    assert set(re.findall(r"\bCHAT_[A-Z_]*[A-Z]\b", ALL)) <= known


@pytest.mark.parametrize("paper", ["SECURITY.md", "docs/security.md", "README.md"])
def test_each_file_that_is_linked_exists(paper: str) -> None:
    folder = (ROOT / paper).parent
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", (ROOT / paper).read_text()):
        assert link.startswith("https://") or (folder / link).exists(), link
