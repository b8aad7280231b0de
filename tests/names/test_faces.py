"""Nicks are compared by what they look like."""

from __future__ import annotations

import json
import unicodedata
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.names.faces import looks

CORPUS = json.loads((Path(__file__).parent.parent / "corpus/names.json").read_text("utf-8"))

visible = st.text(st.characters(categories=["L", "Nd", "P", "S", "Zs"]), min_size=1, max_size=40)


def look_alike(one: str, other: str) -> bool:
    """Tell whether two nicks cannot be used in one room."""
    return bool(set(looks(one)) & set(looks(other)))


@pytest.mark.parametrize("live", CORPUS["twins"])
def test_nobody_can_look_like_somebody_else(live: str) -> None:
    assert [twin for twin in CORPUS["twins"][live] if not look_alike(live, twin)] == []


def test_two_names_of_different_people_are_no_twins() -> None:
    names = [name for group in CORPUS["names"].values() for name in group]

    assert len(names) >= 300
    assert [(one, two) for one, two in combinations(names, 2) if look_alike(one, two)] == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ann", "Ann 2"),
        ("Ella", "ELIA"),
        ("Max1", "Maxi"),
        ("👍", "👎"),
        ("Ли", "Ла"),
        ("日", "目"),
        ("田辺", "田邊"),  # two ways to write it, but not the same at a glance
        ("🔴", "🔵"),
        ("νίκη", "Níkh"),  # though their capitals look alike
        ("…", "?"),
    ],
)
def test_different_nicks_may_meet(one: str, other: str) -> None:
    assert not look_alike(one, other)


@given(visible)
def test_nick_looks_like_itself_in_any_case_and_form(nick: str) -> None:
    assert look_alike(nick, unicodedata.normalize("NFD", nick))
    assert look_alike(nick, unicodedata.normalize("NFC", nick).casefold())
    assert "" not in looks(nick)
