"""A room has one name, which is its address."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from chat.names.rooms import clean_room, room_form
from chat.protocol import ErrorCode, Refused

letters = st.text(st.characters(categories=["L", "M", "Nd"]), min_size=1, max_size=32)


def is_room(name: str) -> bool:
    """Tell whether a room's name is allowed. The only possible refusal is `room_invalid`."""
    try:
        return clean_room(name) == name
    except Refused as refused:
        if refused.code is not ErrorCode.ROOM_INVALID:
            raise
        return False


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
