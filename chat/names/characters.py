"""The characters that a name may have: what kind each is, and in which scripts it is used.

characters.txt has them, so that every Python decides the same: the tables that come with Python
change from version to version.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

#: Used in every script, or taking that of the character before it.
ANY_SCRIPT = frozenset(("Common", "Inherited"))

# Scripts that are written together: Chinese, Japanese and Korean.
_TOGETHER = {
    "Han": ("with Bopomofo", "Japanese", "Korean"),
    "Bopomofo": ("with Bopomofo",),
    "Hiragana": ("Japanese",),
    "Katakana": ("Japanese",),
    "Hangul": ("Korean",),
}
_BESIDE_LATIN = frozenset(("with Bopomofo", "Japanese", "Korean"))


class Character(NamedTuple):
    """What is known of a character."""

    kind: str  # L, M, N, P or S: letter, mark, number, punctuation, symbol; Z: the space
    scripts: frozenset[str]


class _Table(NamedTuple):
    begins: tuple[int, ...]  # of ranges, ascending
    ends: tuple[int, ...]
    what: tuple[Character, ...]
    emoji: str  # ranges, as in a regular expression


def _read_table() -> _Table:
    """Read characters.txt."""
    rows: list[tuple[int, int, Character]] = []
    emoji = ""
    for line in (Path(__file__).parent / "characters.txt").read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        group, ranges = line.split(":")
        bounds = [[int(code, 16) for code in each.split("-")] for each in ranges.split()]
        if group == "emoji":
            emoji = "".join(f"{chr(each[0])}-{chr(each[-1])}" for each in bounds)
            continue
        kind, *scripts = group.split()
        character = Character(kind, frozenset(scripts))
        rows += [(each[0], each[-1], character) for each in bounds]
    rows.sort(key=lambda row: row[0])
    begins, ends, what = zip(*rows, strict=True)
    return _Table(begins, ends, what, emoji)


# Read when the program starts: what is replaced on the disk later is another version's.
_TABLE = _read_table()

#: The characters that are emoji, as ranges for a regular expression.
EMOJI = _TABLE.emoji


@lru_cache(maxsize=4096)
def find(character: str) -> Character | None:
    """Find what is known of a character; None if no name may have it."""
    at = bisect_right(_TABLE.begins, ord(character)) - 1
    return _TABLE.what[at] if at >= 0 and ord(character) <= _TABLE.ends[at] else None


def are_written_together(one: Character, other: Character) -> bool:
    """Tell whether two characters have a script in common."""
    every = one.scripts | other.scripts
    return not every.isdisjoint(ANY_SCRIPT) or not one.scripts.isdisjoint(other.scripts)


def mixes_scripts(text: str) -> bool:
    """Tell whether one of a text's words has characters of scripts that do not go together.

    `Иван (Paris)` does not, because each of its words has one script.
    """
    spaced = (each if (found := find(each)) and _has_script(found) else " " for each in text)
    return not all(map(_is_of_one_script, "".join(spaced).split()))


def _has_script(character: Character) -> bool:
    """Tell whether a character tells its word's script: some signs do, and look like letters."""
    return character.kind in "LM" or character.scripts.isdisjoint(ANY_SCRIPT)


def _is_of_one_script(word: str) -> bool:
    """Tell whether a word can be of one language (Unicode TS #39, "highly restrictive").

    Latin may stand beside Chinese, Japanese and Korean, as it does there.
    """
    if word.isascii():
        return True
    every = [_with_together(found.scripts) for each in set(word) if (found := find(each))]
    told = [scripts for scripts in every if scripts.isdisjoint(ANY_SCRIPT)]
    if not told or frozenset.intersection(*told):
        return True
    others = [scripts for scripts in told if "Latin" not in scripts]
    return bool(others and frozenset.intersection(_BESIDE_LATIN, *others))


@lru_cache(maxsize=1024)
def _with_together(scripts: frozenset[str]) -> frozenset[str]:
    return scripts.union(*(_TOGETHER.get(script, ()) for script in scripts))
