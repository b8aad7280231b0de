"""What can be seen of a text: some characters are drawn as nothing at all."""

from __future__ import annotations

import re

# Default_Ignorable_Code_Point of the Unicode Character Database, and the blank braille
# pattern, which is a symbol by its category but has no ink.
_RANGES = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_INVISIBLE = re.compile(f"[{_RANGES}]")
_VISIBLE = re.compile(rf"[^\s{_RANGES}]")


def without_invisible(text: str) -> str:
    """Drop the characters that are drawn as nothing."""
    return _INVISIBLE.sub("", text)


def has_ink(text: str) -> bool:
    """Tell whether anything of a text can be seen."""
    return any(found[0].isprintable() for found in _VISIBLE.finditer(text))
