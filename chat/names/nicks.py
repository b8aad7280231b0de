"""Nicks, and what they look like.

A nick is shown as it was typed (NFC, single spaces). It is compared by what it looks like
(Unicode TS #39, section 4), so that `аdmin` with a Cyrillic `а` is `admin`'s twin. The
rules follow RFC 8266 but for emoji sequences, which phones type and its profile refuses.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Callable
from functools import cache
from pathlib import Path

from chat.names import NAME_LIMIT
from chat.protocol import ErrorCode, Refused
from chat.visible import has_ink, without_invisible

# Joiners, variation selectors and tags hold emoji and some scripts' letters together.
_JOINING = re.compile("[\u200c\u200d\ufe0e\ufe0f\U000e0020-\U000e007f]")
_MARKS_IN_A_ROW = 4  # with more it is no letter, but a drawing over other lines


def clean_nick(nick: str) -> str:
    """Give a nick's normal form: NFC, trimmed, single spaces.

    Raises Refused (`nick_invalid`).
    """
    nick = " ".join(unicodedata.normalize("NFC", nick).split())
    if not 1 <= len(nick) <= NAME_LIMIT:
        raise Refused(ErrorCode.NICK_INVALID, f"A nick has 1 to {NAME_LIMIT} characters.")
    visible = _JOINING.sub("", nick)
    if without_invisible(visible) != visible or not visible.isprintable():
        raise Refused(ErrorCode.NICK_INVALID, "A nick has no invisible characters.")
    marks = 0
    for character in visible:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks > _MARKS_IN_A_ROW:
            raise Refused(ErrorCode.NICK_INVALID, "Too many marks on one letter.")
    if not has_ink(nick):
        raise Refused(ErrorCode.NICK_INVALID, "A nick has something to read.")
    return nick


@cache
def _prototypes() -> dict[int, str]:
    """Map each confusable character to what it looks like."""
    prototypes = {}
    for line in (Path(__file__).parent / "confusables.txt").read_text("ascii").splitlines():
        if line.startswith("#"):
            continue
        target, sources = line.split(":")
        looks = "".join(chr(int(code, 16)) for code in target.split())
        prototypes.update({int(code, 16): looks for code in sources.split()})
    return prototypes


def looks(nick: str) -> tuple[str, str]:
    """Give what a nick looks like, as typed and with case folded.

    Two nicks that share one of them may not meet in a room: `Paul` and `PauI` share the
    first, `admin` and `ADMIN` the second.
    """
    nick = unicodedata.normalize("NFKC", nick)
    return f"={_skeleton(nick)}", f"~{_skeleton(nick.casefold())}"


def _skeleton(text: str) -> str:
    """Fold lookalikes and drop what is drawn as nothing (Unicode TS #39, section 4)."""
    visible = without_invisible(unicodedata.normalize("NFD", text))
    return unicodedata.normalize("NFD", visible.translate(_prototypes()))


def free_nick(wanted: str, taken: Callable[[str], bool]) -> str:
    """Find a nick like `wanted` that is not `taken`."""
    for number in range(2, 100):
        candidate = f"{wanted[: NAME_LIMIT - 3].rstrip()} {number}"
        if not taken(candidate):
            return candidate
    return f"{wanted[: NAME_LIMIT - 9].rstrip()} {secrets.token_hex(4)}"


def guest_nick() -> str:
    """Make a nick for a member that gives none."""
    return f"invité {secrets.randbelow(9000) + 1000}"
