"""Nicks that a reader would take for whoever runs the chat, in French and English."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from chat.names.faces import skeleton

# Reserved wherever they stand in a nick: `Paul (admin)`.
_ANYWHERE = """
    admin admins administrateur administratrice administrator administration superadmin sysadmin
    webmaster moderateur moderatrice moderateurs moderator moderators moderation superuser
"""
# Reserved alone, and beside each other or a word of no weight: `le modo`, but not `root beer`.
_ALONE = """
    modo modos mod mods system systeme serveur server tchat root support staff owner proprietaire
    operator operateur operatrice
"""
_OF_NO_WEIGHT = """
    the le la les l un une a an of de du des d your notre votre our real vrai official officiel
    officielle team equipe chat bot
"""

# Signs that are written for letters. Flags' letters are letters on some systems.
_WRITTEN_FOR = str.maketrans("013457@$!|€", "oieastasiie")
_FLAG_LETTERS = str.maketrans(
    {0x1F1E6 + place: letter for place, letter in enumerate("abcdefghijklmnopqrstuvwxyz")}
)
_STROKES = str.maketrans("i1", "ll")
_WORD = re.compile(r"[^\W\d_]+")


def is_reserved(nick: str) -> bool:
    """Tell whether a nick reads like the name of whoever runs the chat."""
    text = _bare(nick.translate(_FLAG_LETTERS))
    written = " ".join(
        word if word.isdigit() else word.translate(_WRITTEN_FOR) for word in text.split()
    )
    texts = {text, written, _apart(text), _apart(written)}
    return any(map(_reads_reserved, texts))


def _reads_reserved(text: str) -> bool:
    anywhere, alone, of_no_weight = _words()
    words = _WORD.findall(_coarse(text))
    if not anywhere.isdisjoint(words) or "".join(words) in anywhere | alone:  # `a d m i n`
        return True
    return not alone.isdisjoint(words) and set(words) <= alone | of_no_weight


@cache
def _words() -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Give the three lists, as coarse as what is looked for in them."""
    lists = (_ANYWHERE, _ALONE, _OF_NO_WEIGHT)
    anywhere, alone, of_no_weight = (frozenset(map(_coarse, words.split())) for words in lists)
    return anywhere, alone, of_no_weight


def _bare(text: str) -> str:
    """Drop all marks, and what has no ink."""
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFKD", text)
    return "".join(each for each in apart if unicodedata.category(each)[0] not in "MC")


def _apart(text: str) -> str:
    """Put a space between a small letter and a capital: `TheAdmin`."""
    pairs = zip(f" {text}", text, strict=False)
    return "".join(f" {b}" if a.islower() and b.isupper() else b for a, b in pairs)


def _coarse(text: str) -> str:
    """Give what a text looks like, more coarsely than for twins: every upright stroke is one."""
    folded = _bare(skeleton(skeleton(text).casefold()))
    return folded.casefold().translate(_STROKES).replace("vv", "w")
