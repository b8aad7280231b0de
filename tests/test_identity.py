"""Nicks are unique by what they look like; a key proves a member and is never shown."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from chat.identity import (
    clean_nick,
    clean_room,
    free_nick,
    guest_nick,
    looks,
    member_id,
    new_key,
    room_form,
)
from chat.protocol import ErrorCode, Refused

visible = st.text(st.characters(categories=["L", "Nd", "P", "S", "Zs"]), max_size=40)
anything = st.text(max_size=40)
letters = st.text(st.characters(categories=["L", "M", "Nd"]), min_size=1, max_size=32)


def is_nick(nick: str) -> bool:
    """Tell whether a nick is allowed; no other refusal than `nick_invalid` may be."""
    try:
        clean_nick(nick)
    except Refused as refused:
        if refused.code is not ErrorCode.NICK_INVALID:
            raise
        return False
    return True


def is_room(name: str) -> bool:
    """Tell whether a room's name is allowed; no other refusal than `room_invalid` may be."""
    try:
        return clean_room(name) == name
    except Refused as refused:
        if refused.code is not ErrorCode.ROOM_INVALID:
            raise
        return False


def look_alike(one: str, other: str) -> bool:
    """Tell whether two nicks may not meet in a room."""
    return bool(set(looks(one)) & set(looks(other)))


# --- nicks ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("  Ada   Lovelace ", "Ada Lovelace"),
        ("Ada\u00a0Lovelace", "Ada Lovelace"),
        ("Ada\n\tLovelace", "Ada Lovelace"),
        ("Rene\u0301", "René"),
        ("Ἀθηνᾶ", "Ἀθηνᾶ"),
        ("नमस्ते", "नमस्ते"),
        ("ADMIN", "ADMIN"),
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
        "\U000e0067",  # a tag with nothing to hold on to
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


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("admin", "аdmin"),  # a Cyrillic а
        ("admin", "admın"),  # a dotless ı
        ("admin", "ADMIN"),
        ("admin", "Admin"),
        ("admin", "аDMIN"),
        ("admin", "ａｄｍｉｎ"),
        ("admin", "𝐚𝐝𝐦𝐢𝐧"),
        ("admin", "ad\u200dmin"),  # a joiner, which emoji need
        ("admin", "ad\ufe0fmin"),
        ("Paul", "PauI"),
        ("Paul", "Pau1"),
        ("Max", "Μах"),  # Greek and Cyrillic
        ("modem", "modern"),
        ("Zoé", "Zoe\u0301"),
        ("Straße", "STRASSE"),
        ("O0", "0O"),
        ("❤️", "❤"),
    ],
)
def test_lookalikes_may_not_meet(one: str, other: str) -> None:
    assert look_alike(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ann", "Anna"), ("Zoé", "Zoe"), ("Ann", "Ann 2"), ("👍", "👎"), ("Ли", "Ла"), ("日", "目")],
)
def test_different_nicks_may_meet(one: str, other: str) -> None:
    assert not look_alike(one, other)


@given(visible)
def test_nick_looks_like_itself_in_any_case_and_form(nick: str) -> None:
    assume(is_nick(nick))
    nick = clean_nick(nick)

    assert look_alike(nick, unicodedata.normalize("NFD", nick))
    assert look_alike(nick, nick.casefold())


@given(visible, st.integers(0, 120))
@example("x" * 32, 120)
@example("x" * 28 + " y", 0)
@example("👩‍👩‍👧" * 6, 50)
def test_suggested_nick_is_free_and_allowed(wanted: str, in_use: int) -> None:
    assume(is_nick(wanted))
    wanted = clean_nick(wanted)
    taken = {wanted}
    for _ in range(in_use):
        taken.add(free_nick(wanted, taken.__contains__))

    suggestion = free_nick(wanted, taken.__contains__)

    assert suggestion not in taken
    assert clean_nick(suggestion) == suggestion
    assert len(taken) == in_use + 1  # each was another one


def test_guest_nick_is_a_nick() -> None:
    nick = guest_nick()

    assert clean_nick(nick) == nick


# --- keys -------------------------------------------------------------------------


def test_key_is_long_and_never_the_same() -> None:
    keys = {new_key() for _ in range(1000)}

    assert len(keys) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22,128}", key) for key in keys)


def test_member_id_is_stable_and_differs_with_the_key() -> None:
    keys = [new_key() for _ in range(1000)]

    ids = [member_id(key) for key in keys]

    assert ids == [member_id(key) for key in keys]
    assert len(set(ids)) == 1000
    assert all(len(one) == len(other) for one, other in pairwise(ids))


@given(st.text("abcXYZ019_-", min_size=22, max_size=128))
def test_member_id_does_not_show_the_key(key: str) -> None:
    public = member_id(key)

    shown = {key[start : start + 8] for start in range(len(key) - 7)}
    assert not any(part in public for part in shown)
    # One letter more or less makes a member of whom nothing looks related.
    neighbour = member_id(key[:-1] + ("a" if key[-1] != "a" else "b"))
    assert sum(a == b for a, b in zip(public, neighbour, strict=True)) < 12


# --- rooms ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["general", "a", "6-b_2", "x" * 32, "été", "教室", "класс", "कक्षा", "-", "ß"],
)
def test_room_of_lower_case_letters_and_digits_is_allowed(name: str) -> None:
    assert is_room(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x" * 33,
        "General",
        "ÉTÉ",
        "e\u0301te\u0301",  # not NFC
        "a b",
        "a\n",
        "a/b",
        "a.b",
        "../etc",
        "a\u200bb",
        "a\u200db",
        "\u3164",
        "\u0301a",  # would combine with the slash before it
        "a\x00",
        "👍",
        "a<b",
        "\ud800",
        "ﬀ\u202e",
    ],
    ids=ascii,
)
def test_other_room_name_is_refused(name: str) -> None:
    assert not is_room(name)


@given(letters)
@example("İstanbul")
@example("ΑΣ")
@example("e\u200d\u0301")
def test_form_of_any_name_is_a_room_or_refused_and_stays_as_it_is(name: str) -> None:
    form = room_form(name)
    assume(is_room(form))

    assert room_form(form) == form


@pytest.mark.parametrize(
    ("typed", "form"),
    [("Général", "général"), ("GE\u0301", "gé"), ("sal\u200bon", "salon"), ("6-B", "6-b")],
)
def test_room_that_was_typed_otherwise_has_one_form(typed: str, form: str) -> None:
    assert room_form(typed) == form
    assert is_room(form)
