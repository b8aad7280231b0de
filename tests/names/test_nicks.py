"""Which nicks there can be. tests/corpus/names.json has names of many languages, and tricks."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from chat.names.nicks import clean_nick, free_nick, guest_nick
from chat.protocol import ErrorCode, Refused

CORPUS = json.loads((Path(__file__).parent.parent / "corpus/names.json").read_text("utf-8"))

visible = st.text(st.characters(categories=["L", "Nd", "P", "S", "Zs"]), max_size=40)
anything = st.text(max_size=40)
letters = st.text(st.characters(categories=["L", "M", "Nd"]), min_size=1, max_size=32)


def is_nick(nick: str) -> bool:
    """Tell whether a nick is allowed. The only possible refusal is `nick_invalid`."""
    try:
        clean_nick(nick)
    except Refused as refused:
        if refused.code is not ErrorCode.NICK_INVALID:
            raise
        return False
    return True


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("  Ada   Lovelace ", "Ada Lovelace"),
        ("Ada\u00a0Lovelace", "Ada Lovelace"),
        ("Ada\n\tLovelace", "Ada Lovelace"),
        ("Rene\u0301", "René"),
        ("Ἀθηνᾶ", "Ἀθηνᾶ"),
        ("नमस्ते", "नमस्ते"),
        ("ALICE", "ALICE"),
    ],
)
def test_nick_is_shown_as_typed_but_composed_and_with_single_spaces(typed: str, shown: str) -> None:
    assert clean_nick(typed) == shown


@pytest.mark.parametrize(
    "nick",
    ["👍", "👍🏽", "❤️", "👩‍👩‍👧", "🇫🇷", "1️⃣", "🏳️‍🌈 Max", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"],
    ids=["plain", "skin", "heart", "family", "flag", "keycap", "rainbow", "England"],
)
def test_emoji_that_phones_type_are_nicks(nick: str) -> None:
    assert clean_nick(nick) == nick


@pytest.mark.parametrize("language", CORPUS["names"])
def test_names_of_all_languages_are_nicks(language: str) -> None:
    assert [name for name in CORPUS["names"][language] if not is_nick(name)] == []


def test_emoji_of_a_newer_unicode_than_pythons_are_nicks() -> None:
    assert is_nick("\U0001fae9")  # 16.0
    assert is_nick("\U0001fa77 Mia")  # 15.0


@pytest.mark.parametrize("kind", CORPUS["refused"])
def test_nick_that_deceives_is_refused(kind: str) -> None:
    assert [ascii(name) for name in CORPUS["refused"][kind] if is_nick(name)] == []


def test_nick_of_whoever_runs_the_chat_is_refused_in_every_spelling() -> None:
    assert [name for name in CORPUS["reserved"] if is_nick(name)] == []


def test_refusal_says_that_a_nick_is_reserved() -> None:
    with pytest.raises(Refused, match="reserved"):
        clean_nick("Modérateur")


@pytest.mark.parametrize("length", [1, 32])
def test_nick_of_1_to_32_characters_is_allowed(length: int) -> None:
    assert clean_nick("é" * length) == "é" * length
    assert clean_nick("e\u0301" * length) == "é" * length  # counted as shown


@pytest.mark.parametrize(
    "nick", ["", "   ", "\n", "x" * 33, "é" * 33, "y" * 100_000], ids="|{:.5}|".format
)
def test_nick_without_or_with_too_many_characters_is_refused(nick: str) -> None:
    assert not is_nick(nick)


@pytest.mark.parametrize(
    "nick",
    [
        "ad\u200bmin",  # zero-width space
        "\u202enimda",  # right-to-left override
        "ad\u2066min",
        "ad\u00admin",  # soft hyphen
        "\ufeffadmin",
        "a\x00",
        "a\x1b[31m",
        "\u3164",  # Hangul filler
        "\u2800",  # braille blank
        "\u2800 \u2800",
        "\u200d",
        "\ufe0f",
        "\U000e0067",  # a tag without a character before it
        "\ud800",
        "\ue000",  # private use
        "\u2028\u2029",
    ],
    ids=ascii,
)
def test_nick_that_is_or_hides_something_invisible_is_refused(nick: str) -> None:
    assert not is_nick(nick)


def test_letter_may_carry_some_marks_and_not_a_tower() -> None:
    assert is_nick("x" + "\u0335" * 4)
    assert not is_nick("x" + "\u0335" * 5)
    assert is_nick("ệ̣̂")


@given(visible | anything)
@example("a \u0301")
@example("\u1100\u1161\u11a8")
def test_clean_nick_is_clean(nick: str) -> None:
    assume(is_nick(nick))
    cleaned = clean_nick(nick)

    assert clean_nick(cleaned) == cleaned
    assert unicodedata.is_normalized("NFC", cleaned)
    assert 1 <= len(cleaned) <= 32
    assert cleaned == cleaned.strip()
    assert "  " not in cleaned


@given(visible, st.integers(0, 120))
@example("x" * 32, 120)
@example("x" * 28 + " y", 0)
@example("👩‍👩‍👧" * 6, 50)
@example("m0d erator of all the adminatas", 3)  # a part of it is reserved
@example("roo", 5)
@example("roo", 8)
def test_suggested_nick_is_free_and_allowed(wanted: str, in_use: int) -> None:
    assume(is_nick(wanted))
    wanted = clean_nick(wanted)
    taken = {wanted}
    for _ in range(in_use):
        taken.add(free_nick(wanted, taken.__contains__))

    suggestion = free_nick(wanted, taken.__contains__)

    assert suggestion not in taken
    assert clean_nick(suggestion) == suggestion
    assert len(taken) == in_use + 1  # all of them differ


def test_nick_is_asked_for_a_few_times_only_when_all_are_taken() -> None:
    asked: list[str] = []
    suggestion = free_nick("Ann", lambda nick: bool(asked.append(nick) or True))
    assert len(asked) < 15
    assert suggestion not in asked


@pytest.mark.parametrize("nick", ["\ufdfa" * 4, "\u3300" * 20])
def test_nick_of_signs_that_stand_for_many_words_is_refused(nick: str) -> None:
    with pytest.raises(Refused):
        clean_nick(nick)


def test_guest_nick_is_a_nick() -> None:
    nick = guest_nick()

    assert clean_nick(nick) == nick
