"""Nicks that a reader would take for whoever runs the chat, in French and English."""

from __future__ import annotations

import re
import unicodedata

from chat.names.faces import skeleton

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
    words = _WORD.findall(_coarse(text))
    if not _ANYWHERE.isdisjoint(words) or "".join(words) in _ANYWHERE | _ALONE:  # `a d m i n`
        return True
    return not _ALONE.isdisjoint(words) and set(words) <= _ALONE | _OF_NO_WEIGHT


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


def _listed(words: str) -> frozenset[str]:
    return frozenset(map(_coarse, words.split()))


# Reserved wherever they stand in a nick: `Paul (admin)`.
_ANYWHERE = _listed("""
    admin admins administrateur administratrice administrator administration superadmin sysadmin
    webmaster moderateur moderatrice moderateurs moderator moderators moderation superuser
""")
# Reserved alone, and beside each other or a word of no weight: `le modo`, but not `root beer`.
_ALONE = _listed("""
    modo modos mod mods system systeme serveur server tchat root support staff owner proprietaire
    operator operateur operatrice
""")
_OF_NO_WEIGHT = _listed("""
    the le la les l un une a an of de du des d your notre votre our real vrai official officiel
    officielle team equipe chat bot
""")
