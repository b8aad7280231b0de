"""Rooms' names."""

from __future__ import annotations

import unicodedata

from chat.names import NAME_LIMIT
from chat.protocol import ErrorCode, Refused
from chat.visible import without_invisible

_CATEGORIES = frozenset(("Ll", "Lo", "Lm", "Mn", "Mc", "Nd"))


def clean_room(name: str) -> str:
    """Check a room's name: lower-case letters, digits, `-` and `_`, NFC.

    Raises Refused (`room_invalid`).
    """
    allowed = 1 <= len(name) <= NAME_LIMIT and all(
        character in "-_" or unicodedata.category(character) in _CATEGORIES for character in name
    )
    # A name that starts with a mark would combine with the slash before it.
    if not allowed or name != room_form(name) or unicodedata.category(name[0])[0] == "M":
        raise Refused(
            ErrorCode.ROOM_INVALID,
            f"A room has 1 to {NAME_LIMIT} lower-case letters, digits, hyphens or underscores.",
        )
    return name


def room_form(name: str) -> str:
    """Give the form that a room's name would have: NFC, lower case, nothing invisible."""
    return without_invisible(unicodedata.normalize("NFC", name.lower()))
