"""Rooms' names, and the names that people mean by what they type or paste."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from urllib.parse import unquote

from chat.names import NAME_LIMIT
from chat.names.characters import find, mixes_scripts
from chat.names.faces import looks, skeleton
from chat.protocol import TITLE_LIMIT, ErrorCode, Refused
from chat.visible import has_ink, without_invisible

HOME = "general"  # the room that is the root
_LIKE_HOME = frozenset(looks(HOME))
_ON_THE_END = re.compile(r"(?<=[^\W\d_])[01]+$")

_NOT_IN_NAMES = frozenset(("Lu", "Lt", "Nl", "No"))  # of letters and numbers

# What stands around a name in a sentence: « /r/salon, » or <…/r/salon>. chat/static/js/rooms/
# room-name.js has the same rules, and tests/corpus/rooms.json has cases for both.
_AROUND = frozenset(("Sm", "Sk"))
_BLANKS = "\t\n\v\f\r"  # beside the spaces of Unicode
_LONGEST = 1_000  # characters that are worth the search for a name in them
_ESCAPED_AGAIN = 2  # times, by programs on a link's way; the server has unescaped it once

# What keys.py makes of a room's owner key. Nobody finds such a name by trying.
_PRIVATE = re.compile(r"[a-z2-7]{26}")
_PRIVATE_WORD = re.compile(
    r"(?:(?<![\w-])|(?<=%[\da-f][\da-f]))[a-z2-7]{26}(?![\w-])", re.IGNORECASE
)
_CONTROLS = re.compile("[\0-\x1f\x7f-\x9f]")
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # a line's direction

_ADDRESS = re.compile(r"/+r(?:/(.*))?", re.IGNORECASE | re.DOTALL)


def clean_room(name: str) -> str:
    """Check a room's name: lower-case letters, digits, `-` and `_`, NFC.

    A name that looks like `general`, or whose words mix alphabets, would be a trap beside the room
    that it looks like. Raises Refused (`room_invalid`).
    """
    allowed = 1 <= len(name) <= NAME_LIMIT and all(map(_is_allowed, name))
    # A name that starts with a mark would combine with the slash before it.
    if not allowed or name != _folded(name) or unicodedata.category(name[0])[0] == "M":
        raise Refused(
            ErrorCode.ROOM_INVALID,
            f"A room has 1 to {NAME_LIMIT} lower-case letters, digits, hyphens or underscores.",
        )
    if mixes_scripts(name) or (name != HOME and _looks_like_home(name)):
        raise Refused(ErrorCode.ROOM_INVALID, "This name looks like another room's.")
    return name


def _looks_like_home(name: str) -> bool:
    # A `1` or `0` that stands on its end is taken for a part of it. `general-1` has a number.
    return any(not _LIKE_HOME.isdisjoint(looks(each)) for each in (name, _ON_THE_END.sub("", name)))


def is_private(room: str) -> bool:
    """Tell whether a room's name is that of a private room: who knows it may come in."""
    return _PRIVATE.fullmatch(room) is not None


def room_in_log(room: str | None) -> str:
    """Give what the log says of a room: its name; of a private one's a hash, for it is a key."""
    if room is None or not is_private(room):
        return str(room)
    digest = hashlib.blake2b(room.encode(), digest_size=4, person=b"tchat log").hexdigest()
    return f"private-{digest}"


def without_private_rooms(line: str) -> str:
    """Put such hashes into a line of the log in which a stranger, or a traceback, names rooms."""
    return _PRIVATE_WORD.sub(lambda found: room_in_log(found[0].lower()), line)


def clean_title(title: str) -> str:
    """Give a private room's title as it is kept: one line, NFC, without control characters.

    Raises Refused (`bad_command`) when it has characters, and none of them can be seen.
    """
    text = unicodedata.normalize("NFC", _TURNING.sub("", _CONTROLS.sub(" ", title)))
    cleaned = " ".join(text.split())[:TITLE_LIMIT]
    if title.strip() and not has_ink(cleaned):
        raise Refused(ErrorCode.BAD_COMMAND, "Nothing of this title can be seen.")
    return cleaned


def is_room_path(path: str) -> bool:
    """Tell whether an address is a room's by its form."""
    return _ADDRESS.fullmatch(path) is not None


def room_at(path: str) -> str | None:
    """Find the room that an address leads to; None if it is no room's, or no name can be meant.

    `path` is unescaped once, as a server gets it.
    """
    found = _ADDRESS.fullmatch(path)
    if found is None:
        return None
    written = found[1] or ""
    return room_meant(written) if written.strip("/ ") else HOME


def room_meant(written: str) -> str | None:
    """Find the room that somebody means who wrote this into an address; None if there is none."""
    return _checked(_spelt(written))


def nearest_room(written: str) -> str | None:
    """Find a room's name that is near to what no room can have as its name.

    `general` is near to what looks like it, and `salon` to what mixes alphabets to look like it.
    """
    text = unicodedata.normalize("NFKC", _spelt(written))
    if "\ufffd" in text:  # bytes that were no text: nobody can tell what was meant
        return None
    kept = "".join(each if _is_allowed(each) else "-" for each in _folded(text))
    name = re.sub("-+", "-", kept).strip("-")[:NAME_LIMIT].rstrip("-")
    if name and _looks_like_home(name):
        return HOME
    plain = "".join(each if each.isascii() else skeleton(each) for each in name)
    return _checked(name) or _checked(_folded(plain))


def _spelt(written: str) -> str:
    """Undo what happens to a name on its way through programs and sentences."""
    if len(written) > _LONGEST:
        return ""
    for _ in range(_ESCAPED_AGAIN):
        try:
            written = unquote(written, errors="strict")
        except UnicodeDecodeError:
            return ""
    words = _folded(written.replace("+", " "))
    begin, end = 0, len(words)
    while begin < end and _is_around(words[begin]):
        begin += 1
    while begin < end and _is_around(words[end - 1]):
        end -= 1
    spaced = "".join(" " if _is_space(each) else each for each in words[begin:end])
    return re.sub(" +", "-", spaced)


def _checked(name: str) -> str | None:
    try:
        return clean_room(name)
    except Refused:
        return None


def _folded(name: str) -> str:
    """Fold what a name does not tell apart: nothing invisible, lower case, NFC."""
    return unicodedata.normalize("NFC", without_invisible(name).lower())


def _is_allowed(character: str) -> bool:
    found = find(character)
    if found is None or found.kind not in "LMN":
        return character in "-_"
    return unicodedata.category(character) not in _NOT_IN_NAMES


def _is_space(character: str) -> bool:
    return unicodedata.category(character)[0] == "Z" or character in _BLANKS


def _is_around(character: str) -> bool:
    category = unicodedata.category(character)
    is_sign = category[0] == "P" or category in _AROUND
    return (is_sign and character not in "-_") or _is_space(character)
