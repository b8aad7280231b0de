"""Nicks: which ones there can be.

A nick is shown as it was typed (NFC, single spaces), and compared by what it looks like
(faces.py). The rules follow RFC 8266 but for emoji sequences, which phones type and its profile
refuses; and for letters they follow Unicode TS #39.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Callable
from itertools import chain

from chat.names import NAME_LIMIT
from chat.names.characters import EMOJI, are_written_together, find, mixes_scripts
from chat.names.reserved import is_reserved
from chat.protocol import ErrorCode, Refused

# What phones type as one emoji: joined ones, keycaps, flags of regions.
_ONE = f"[{EMOJI}][\ufe0e\ufe0f]?[\U0001f3fb-\U0001f3ff]?"
_REGION = "\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f"
_EMOJI = re.compile(f"{_REGION}|[0-9#*]\ufe0f?\u20e3|{_ONE}(?:\u200d{_ONE})*")

_RANDOM_NUMBERS = 3  # behind a nick that is taken, when its first numbers are taken too
_WRITTEN_OUT = 2 * NAME_LIMIT  # one character, like U+FDFA, may stand for 18, which all take time
_MARKS_IN_A_ROW = 4  # with more it is no letter, but a drawing over other lines

# The scripts in which a joiner between two letters, or after a mark, makes them look otherwise.
_JOINERS = "\u200c\u200d"
_JOINED = frozenset(
    ("Arabic", "Bengali", "Devanagari", "Gujarati", "Gurmukhi", "Kannada", "Khmer", "Malayalam")
) | {"Mongolian", "Myanmar", "Oriya", "Sinhala", "Syriac", "Tamil", "Telugu", "Tibetan"}


def clean_nick(nick: str) -> str:
    """Give a nick's normal form: NFC, trimmed, single spaces.

    Raises Refused (`nick_invalid`).
    """
    nick = " ".join(unicodedata.normalize("NFC", nick).split())
    if not 1 <= len(nick) <= NAME_LIMIT:
        raise Refused(ErrorCode.NICK_INVALID, f"A nick has 1 to {NAME_LIMIT} characters.")
    if len(unicodedata.normalize("NFKC", nick)) > _WRITTEN_OUT:
        raise Refused(ErrorCode.NICK_INVALID, "A nick has no signs that stand for many words.")
    if nick.isascii():
        if not nick.isprintable():
            raise Refused(ErrorCode.NICK_INVALID, "A nick has no invisible characters.")
    else:
        _check_characters(nick)
    if is_reserved(nick):
        raise Refused(ErrorCode.NICK_INVALID, "This nick is reserved for whoever runs the chat.")
    return nick


def _check_characters(nick: str) -> None:
    """Raise Refused (`nick_invalid`) for what can deceive whoever reads it."""
    text = _EMOJI.sub(" ", nick)
    if not all(map(find, _without_joiners(text))):
        raise Refused(ErrorCode.NICK_INVALID, "A nick has no invisible characters.")
    _check_marks(text)
    if mixes_scripts(unicodedata.normalize("NFKC", text)):
        raise Refused(ErrorCode.NICK_INVALID, "A word of a nick has letters of one alphabet.")


def _without_joiners(text: str) -> str:
    """Drop the joiners that belong to the letters around them."""
    return "".join(each for at, each in enumerate(text) if not _joins(text, at))


def _joins(text: str, at: int) -> bool:
    if text[at] not in _JOINERS or at == 0:
        return False
    before, after = find(text[at - 1]), find(text[at + 1 : at + 2] or " ")
    if before is None or _JOINED.isdisjoint(before.scripts):
        return False
    return before.kind == "M" or (
        after is not None and not before.scripts.isdisjoint(after.scripts)
    )


def _check_marks(text: str) -> None:
    """Raise Refused (`nick_invalid`) if a mark has no letter to stand on, or too many have one."""
    marks, letter = 0, None
    for each in map(find, text):
        if each is None:  # a joiner
            continue
        if each.kind != "M":
            marks, letter = 0, each
            continue
        marks += 1
        if letter is None or letter.kind not in "LN" or not are_written_together(letter, each):
            raise Refused(ErrorCode.NICK_INVALID, "A mark stands on a letter of its script.")
        if marks > _MARKS_IN_A_ROW:
            raise Refused(ErrorCode.NICK_INVALID, "Too many marks on one letter.")


def is_nick(nick: str) -> bool:
    """Tell whether a nick is allowed as it is."""
    try:
        return clean_nick(nick) == nick
    except Refused:
        return False


def free_nick(wanted: str, taken: Callable[[str], bool]) -> str:
    """Find a nick like `wanted`, itself an allowed one, that is allowed and not `taken`."""
    *some, last = similar_nicks(wanted)
    return next((nick for nick in some if not taken(nick)), last)


def similar_nicks(wanted: str) -> list[str]:
    """Make some nicks like `wanted`, itself an allowed one; surely nobody has the last one."""
    begin = _shortened(wanted, NAME_LIMIT - 3)
    # Few, because everybody waits while presence looks at them.
    some = (secrets.randbelow(90) + 10 for _ in range(_RANDOM_NUMBERS))
    last = f"{_shortened(wanted, NAME_LIMIT - 9)} {secrets.token_hex(4)}"
    return [*(f"{begin} {number}" for number in chain(range(2, 10), some)), last]


def _shortened(nick: str, length: int) -> str:
    """Cut a nick where what is left is one as well."""
    while len(nick) > length or not is_nick(nick):
        nick = nick[: min(length, len(nick) - 1)].rstrip()
        if not nick:
            return "invité"
    return nick


def guest_nick() -> str:
    """Make a nick for a member that gives none."""
    return f"invité {secrets.randbelow(9000) + 1000}"


def visitor_nick(member_id: str) -> str:
    """Make a nick for a visitor that gives none: the same one each time."""
    return f"invité {int.from_bytes(member_id.encode()) % 9000 + 1000}"
