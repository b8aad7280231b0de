"""Which messages have the words that somebody looks for: the same on both engines. No I/O.

Case and accents make no difference. A word is found where a word of the text begins with it. Of a
script that puts no spaces between words (Chinese, Japanese, Thai …), it is found anywhere. The page
marks by the same rules (found-words.js); tests/corpus/found.json has what both must agree on.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

_TERM_LIMIT = 24  # characters of a word that the index has; the text itself decides about the rest
_TABLE_LIMIT = 10_000  # characters whose folding is remembered

#: Accents, points and variation selectors: no word differs by them alone. Marks of other scripts,
#: like the vowels of Hindi or Thai, are as good as letters.
_ACCENTS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a"
    "\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u08d3-\u08e1"
    "\u08e3-\u08ff\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f"
    "\U000e0100-\U000e01ef]"
)

#: What Unicode does not take apart, but people type in another way; and the Arabic line that only
#: makes a word longer.
_SPELLED = {"œ": "oe", "æ": "ae", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ł": "l", "ŧ": "t"}
_SPELLED |= {"þ": "th", "ĸ": "k", "\u0640": ""}

#: Runs of the scripts without spaces between words: Thai, Lao, Burmese, Khmer, Tai, Javanese,
#: Balinese, Chinese, Japanese.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\u1b00-\u1b7f"
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303b\u3041-\u312f\u31a0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua980-\ua9ff\uaa60-\uaadf\U0001b000-\U0001b16f"
    "\U00020000-\U0003ffff]+"
)


_NOT_ASCII = re.compile("[^\\0-\x7f]+")


def _fold_character(character: str) -> str:
    """Give what a character is compared as; a space for what is no part of a word."""
    # ß and the capital ẞ, and ς at the end of a Greek word, need all three.
    lower = character.lower().upper().lower()
    folded = []
    for part in _ACCENTS.sub("", unicodedata.normalize("NFKD", lower)):
        category = unicodedata.category(part)
        if part in _SPELLED:
            folded.append(_SPELLED[part])
        elif category != "Cf":  # soft hyphens, marks of direction, joiners
            folded.append(part if category[0] in "LNM" else " ")
    return unicodedata.normalize("NFC", "".join(folded))


class _Foldings(dict[int, str]):
    """A table for `str.translate` that is filled as characters come."""

    def __missing__(self, code: int) -> str:
        folded = _fold_character(chr(code))
        if len(self) < _TABLE_LIMIT:
            self[code] = folded
        return folded


_FOLDINGS = _Foldings()


def _fold(text: str) -> str:
    """Give a text's words, folded, with spaces between them; a run without spaces is a word."""
    if text.isascii():
        return text.translate(_FOLDINGS)
    text = _NOT_ASCII.sub(_fold_run, unicodedata.normalize("NFKC", text))
    if text.isascii():  # of which Python translates much more in the same time
        return text.translate(_FOLDINGS)
    return _UNSPACED.sub(r" \g<0> ", text.translate(_FOLDINGS))


def _fold_run(run: re.Match[str]) -> str:
    return run[0].translate(_FOLDINGS)


def _is_unspaced(word: str) -> bool:
    return not word.isascii() and _UNSPACED.match(word) is not None


class Query(NamedTuple):
    """What somebody looks for."""

    words: tuple[str, ...]  # folded: a text must have them all
    signs: str = ""  # as it was written, if it has no words: a text must have it like that


def read_query(written: str) -> Query:
    """Read what somebody typed. Nothing in it has a meaning of its own: quotes, `*`, AND …"""
    words = tuple(dict.fromkeys(_fold(written).split()))
    return Query(words, "" if words else _without_variants(written.strip()))


def matches(text: str, query: Query) -> bool:
    """Tell whether a text has all that somebody looks for."""
    if not query.words:
        return bool(query.signs) and query.signs in _without_variants(text)
    words = " " + _fold(text)
    return all((word if _is_unspaced(word) else " " + word) in words for word in query.words)


def _without_variants(text: str) -> str:
    """Take out what asks for an emoji in colour: not every keyboard writes it."""
    return text.replace("\ufe0f", "")


# --- for an index -------------------------------------------------------------------------


class Term(NamedTuple):
    """What an index has, or is asked for."""

    text: str  # of letters, digits and marks alone
    begins: bool  # terms that begin with it are as good


def terms(text: str) -> set[str]:
    """Give what an index should have of a text: its words, and pairs for runs without spaces."""
    found: set[str] = set()
    for word in _fold(text).split():
        if _is_unspaced(word):
            # The last character alone too: whoever looks for it alone finds it as a beginning.
            found.update(word[at : at + 2] for at in range(len(word)))
        else:
            found.add(word[:_TERM_LIMIT])
    return found


def asked_terms(query: Query) -> list[Term]:
    """Give what an index must have of each text that matches; it may have it of others too."""
    asked = []
    for word in query.words:
        if not _is_unspaced(word):
            asked.append(Term(word[:_TERM_LIMIT], begins=True))
        elif len(word) == 1:
            asked.append(Term(word, begins=True))
        else:
            asked += [Term(word[at : at + 2], begins=False) for at in range(len(word) - 1)]
    return list(dict.fromkeys(asked))
