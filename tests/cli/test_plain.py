"""Nothing that a stranger wrote controls the terminal."""

from __future__ import annotations

import unicodedata

import pytest

from chat.cli.plain import local_time, plain, plain_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
        ("\x9b31mred", "\\x9b31mred"),
        ("a\u202egnp.exe", "a\\u202egnp.exe"),
        ("a\u2066b\u2069", "a\\u2066b\\u2069"),
        ("a\rb\x08c\x7f", "a\\x0db\\x08c\\x7f"),
        ("a\u2028b", "a\\u2028b"),
        ("\ud800", "\\ud800"),
        ("naïve 👩‍👩‍👧 مرحبا", "naïve 👩‍👩‍👧 مرحبا"),
    ],
)
def test_what_controls_a_terminal_is_shown(text: str, shown: str) -> None:
    assert plain(text) == plain_line(text) == shown


def test_line_stays_one_line() -> None:
    assert plain("a\tb\nc") == "a\tb\nc"
    assert plain_line("a\tb\n2026-11-28 14:05 <Ben> c") == "a\\tb\\n2026-11-28 14:05 <Ben> c"


def test_no_control_character_is_left() -> None:
    every = "".join(map(chr, range(0x11000)))
    assert {
        c for c in plain_line(every) if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")
    } == set()
    turning = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    assert {c for c in plain_line(every) if unicodedata.bidirectional(c) in turning} == set()


def test_time_that_is_none_is_shown_as_it_came() -> None:
    assert local_time("\x1b[2J") == "\\x1b[2J"
    assert len(local_time("2026-11-28T14:05:00.000Z")) == len("2026-11-28 14:05")
