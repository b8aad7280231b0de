"""A room has one name, which is its address."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chat.names.keys import private_room
from chat.names.rooms import (
    clean_room,
    clean_title,
    is_private,
    nearest_room,
    room_at,
    room_in_log,
    room_meant,
    without_private_rooms,
)
from chat.protocol import ErrorCode, Refused

# The page's own test of room-name.js has the same cases.
CASES = json.loads((Path(__file__).parent.parent / "corpus/rooms.json").read_text("utf-8"))


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


@pytest.mark.parametrize(("name", "near"), CASES["traps"])
def test_name_that_looks_like_another_is_refused_and_the_other_is_offered(
    name: str, near: str | None
) -> None:
    assert not is_room(name)
    assert room_meant(name) is None
    assert nearest_room(name) == near


@pytest.mark.parametrize(
    "name",
    [
        "général",
        "generali",
        "generai",
        "general2",
        "general-1",
        "сосо",
        "日本-room",
        "класс-2b",
        "東京tokyo",
        "한글kim",
    ],
)
def test_name_of_one_alphabet_that_is_its_own_is_allowed(name: str) -> None:
    assert is_room(name)


@given(st.text(max_size=40))
@example("İstanbul")
@example("ΑΣ")
@example("e\u200d\u0301")
@example("%2525")
@example("\ud800")
def test_room_that_is_meant_is_a_room_and_means_itself(written: str) -> None:
    for name in (room_meant(written), nearest_room(written)):
        if name is not None:
            assert is_room(name)
            assert room_meant(name) == name


@pytest.mark.parametrize(("path", "room"), CASES["rooms"])
def test_address_that_can_be_repaired_leads_to_its_room(path: str, room: str) -> None:
    assert room_at(unquote(path, errors="replace")) == room


@pytest.mark.parametrize("path", CASES["none"])
def test_address_that_no_room_can_be_meant_by_leads_nowhere(path: str) -> None:
    assert room_at(unquote(path, errors="replace")) is None


@pytest.mark.parametrize("written", ["%20" * 400 + "a", "«" * 100_000 + "a", "%25" * 100_000])
def test_no_name_is_looked_for_in_what_is_too_long(written: str) -> None:
    assert room_meant(written) is None
    assert nearest_room(written) is None


@pytest.mark.parametrize(
    ("written", "near"),
    [
        ("a.b", "a-b"),
        ("l'été", "l-été"),
        ("Salon 👍 d’Ada", "salon-d-ada"),
        ("x" * 33, "x" * 32),
        ("Ⅳ", "iv"),
        ("👍", None),
        ("…", None),
        ("", None),
        ("\ufffdt\ufffd", None),
    ],
)
def test_nearest_room_keeps_the_letters(written: str, near: str | None) -> None:
    assert nearest_room(written) == near


@pytest.mark.parametrize(
    ("title", "kept"),
    [
        ("Jardin", "Jardin"),
        ("  two\tspaces\r\n and  lines\u2028", "two spaces and lines"),
        ("\u202eright to left\u202c", "right to left"),
        ("bell\x07", "bell"),
        ("e\u0301te\u0301", "été"),
        (
            "\U0001f468\u200d\U0001f469\u200d\U0001f467",
            "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        ),
        ("", ""),
        (" \n", ""),
    ],
)
def test_title_is_one_line_that_can_be_seen(title: str, kept: str) -> None:
    assert clean_title(title) == kept


@pytest.mark.parametrize("title", ["\u200b", "\u202e \u202c", "\u3164"])
def test_title_without_ink_is_refused(title: str) -> None:
    with pytest.raises(Refused) as refusal:
        clean_title(title)
    assert refusal.value.code is ErrorCode.BAD_COMMAND


def test_log_names_open_rooms_and_hashes_private_ones() -> None:
    private = private_room("k" * 22)
    assert is_private(private)
    assert clean_room(private) == private
    hashed = room_in_log(private)
    assert private not in hashed
    assert hashed == room_in_log(private)
    assert hashed != room_in_log(private_room("l" * 22))
    for other in ("salon", private[:25], f"{private}a", f"{private[:25]}1"):
        assert room_in_log(other) == other
    assert room_in_log(None) == "None"
    line = f'GET /r/{private} "/chat/r/{private.upper()}#x", not {private}a'
    assert without_private_rooms(line) == (f'GET /r/{hashed} "/chat/r/{hashed}#x", not {private}a')
