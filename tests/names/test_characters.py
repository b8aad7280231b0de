"""The table of characters decides alone: every Python decides the same."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from chat.names.characters import find, mixes_scripts


def test_only_signs_are_newer_than_the_tables_of_the_oldest_python() -> None:
    """Python's own tables fold and normalize the letters, so all of them have to know these."""
    new = [each for each in map(chr, range(sys.maxunicode)) if unicodedata.category(each) == "Cn"]

    assert {found.kind for each in new if (found := find(each))} <= {"S", "P"}


@pytest.mark.parametrize(
    "text", ["Ada", "Иван (Paris)", "山田たろうABC", "김Ada", "ㄅ丁A", "", "👍", "Ё2Б"]
)
def test_words_of_scripts_that_go_together_do_not_mix(text: str) -> None:
    assert not mixes_scripts(text)


@pytest.mark.parametrize(
    "text", ["Аda", "Αda", "日本Я", "김たろう", "ㄅか", "a\u064e", "a Аa", "שa"]
)
def test_words_of_other_scripts_mix(text: str) -> None:
    assert mixes_scripts(text)
