"""Nicks that a reader would take for whoever runs the chat, in French and English."""

from __future__ import annotations

import re
import unicodedata

from chat.names.characters import find
from chat.names.faces import OVERLOOKED, PROTOTYPES, skeleton

# What is written for a letter: digits, signs, and every symbol that looks like a letter.
_WRITTEN_FOR = {
    code: looks.replace("1", "l")
    for code, looks in PROTOTYPES.items()
    if looks.isascii() and looks.isalnum() and (found := find(chr(code))) and found.kind == "S"
} | str.maketrans("013457@$!|€¡®©†∆∀∂", "oleastasileirctaad")
# The same can be a number or an ornament: between words, behind a word, before it.
_SIGN = re.escape("".join(chr(code) for code in _WRITTEN_FOR if not chr(code).isdigit()))
_LETTER = r"[^\W_]"
_ORNAMENTS = (
    re.compile(rf"[{_SIGN}]+"),
    re.compile(rf"[\d{_SIGN}]+"),
    re.compile(rf"[\d{_SIGN}]++(?!{_LETTER})"),
    re.compile(rf"(?<!{_LETTER})(?<![{_SIGN}])[\d{_SIGN}]+"),
)
_LAST_NUMBER = re.compile(r"\s\d+$")  # of the second with a nick: `roo 7` is no `root`
_STROKES = str.maketrans("i1", "ll")
_WORD = re.compile(r"[^\W\d_]+")


def is_reserved(nick: str) -> bool:
    """Tell whether a nick reads like the name of whoever runs the chat."""
    texts = {_bare(_LAST_NUMBER.sub("", each)) for each in (nick, OVERLOOKED.sub("", nick))}
    # Ornaments go before the rest is read as letters: `admin1` would be `adminl` then. Each of them
    # may stay or go, because a digit may be a letter as well: `4dmin1`.
    for ornaments in _ORNAMENTS:
        texts |= {ornaments.sub(" ", text) for text in texts}
    written = {text.translate(_WRITTEN_FOR) for text in texts}
    return any(map(_reads_reserved, written | set(map(_apart, written))))


def _reads_reserved(text: str) -> bool:
    words = _WORD.findall(_coarse(text))
    whole = "".join(words)  # `a d m i n`
    if not _ANYWHERE.isdisjoint(words) or whole in _ANYWHERE or whole in _ALONE:
        return True
    return not _ALONE.isdisjoint(words) and _OF_NO_WEIGHT.issuperset(set(words) - _ALONE)


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
    drawn = skeleton(text).replace("cl", "d").replace("cI", "d")
    folded = _bare(skeleton(drawn.casefold()))
    return folded.casefold().translate(_STROKES).replace("vv", "w")


def _listed(words: str, endings: tuple[str, ...] = ("",)) -> frozenset[str]:
    return frozenset(_coarse(word + ending) for word in words.split() for ending in endings)


def _joined(befores: frozenset[str], afters: frozenset[str]) -> frozenset[str]:
    return frozenset(before + after for before in befores for after in afters)


_OF_NO_WEIGHT = _listed("""
    the le la les l un une a an of de du des d your notre votre our real vrai official officiel
    officielle team equipe chat bot
""")
# What people write together with a reserved word, before it or after it: `theadmin`, `tchatbot`.
# Shorter words would make names of it: `Comodo`, `Admina`.
_BEFORE = _listed("the le la les your notre votre our real vrai super")
_AROUND = _listed("official officiel officielle team equipe chat bot")

_PLURAL = ("", "s")  # in both languages
_ROLES = _listed(
    """
    admin administrateur administratrice administrator administration sysadmin webmaster
    moderateur moderatrice moderator moderation superuser
    """,
    _PLURAL,
)
# Names have no plural: `Roots` is another word.
_SHORT = _listed("tchat root") | _listed(
    """
    modo mod system systeme serveur server support staff owner proprietaire operator operateur
    operatrice
    """,
    _PLURAL,
)
# Reserved wherever they stand in a nick: `Paul (admin)`.
_ANYWHERE = (
    _ROLES
    | _joined(_BEFORE | _AROUND | _SHORT | _listed("co l"), _ROLES)
    | _joined(_ROLES, _AROUND)
)
# Reserved alone, and beside each other or a word of no weight: `le modo`, but not `root beer`.
_ALONE = _SHORT | _joined(_BEFORE | _AROUND | _SHORT, _SHORT) | _joined(_SHORT, _AROUND)
