"""What a name looks like at a glance, so that nobody can wear another's face.

The looks of a name are what is left of it (Unicode TS #39, section 4, confusables.txt) when

- lookalikes are one: a Cyrillic `а` is an `a`;
- small letters and capitals are one, before lookalikes are folded and after: `ADMlN` is `admin`;
- what a reader overlooks is gone: punctuation and spaces, what has no ink, skin tones, marks that
  are not a part of a letter.

Two names that share a look are twins. To share is not enough to be equal: `Ian` (with a capital
`i`) is a twin of `lan`, and `lan` one of `LAN`, because each of them can be read as the other.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from pathlib import Path

from chat.names.characters import ANY_SCRIPT, find

# Marks that do not make another letter there; in Indian or Thai writing, for example, they do.
_LIGHT = ANY_SCRIPT | {"Latin", "Greek", "Cyrillic", "Arabic", "Hebrew", "Syriac", "Han"}
#: Small signs, skin tones, and the signs that elsewhere say that somebody's identity was verified.
OVERLOOKED = re.compile("[~=<>°™®©℠℗🄫🄬🅪🅫🅬⠁⠂⠄⠈⠐⠠⡀⢀✓✔☑✅🗸🗹\U0001f3fb-\U0001f3ff]")
# Beside Latin letters, these signs of Chinese, Japanese and Korean are dashes and strokes.
_LATIN = re.compile("[A-Za-z]")
_BESIDE_LATIN = str.maketrans("丨", "l", "ーﾞﾟ\u3099\u309a")
_NOT_NFKC = str.maketrans("ϲϹſ︱︲︳", "cCf|||")  # NFKC gives what looks otherwise
_FOLDINGS = 4  # after which nothing changes any more; a bound
_UPRIGHT = str.maketrans("I1", "ll")
_WITHIN = re.compile(r"1(?=[^\W\dO])")  # a 1 before a letter: `adm1n`, but not `max10`
_NO_STROKES = str.maketrans("", "", "Il1")


def _read_prototypes() -> dict[int, str]:
    """Map each confusable character to what it looks like."""
    prototypes = {}
    for line in (Path(__file__).parent / "confusables.txt").read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        target, sources = line.split(":")
        looks = "".join(chr(int(code, 16)) for code in target.split())
        prototypes.update({int(code, 16): looks for code in sources.split()})
    return prototypes


#: What looks like something else, and what it looks like; for str.translate().
PROTOTYPES = _read_prototypes()


@lru_cache(maxsize=4096)
def looks(name: str) -> tuple[str, ...]:
    """Give what a name looks like: one look or a few, in no order that matters."""
    text = _striking(name)
    found = {*_read(skeleton(text)), *_read(skeleton(text.casefold()))}
    # A name in capitals is a twin of every name whose capitals look like it: Latin `NIKH` of Greek
    # `νικη`. But not so two names of which neither is in capitals.
    capitals = text.upper()
    shouted, _ = _read(skeleton(capitals))
    if shouted not in found or (text == capitals and text != text.casefold()):
        found.add(f"^{shouted}")
    return tuple(sorted(set(map(_settled, found)) - {""})) or (text,)


def skeleton(text: str) -> str:
    """Fold lookalikes (Unicode TS #39, section 4), but for `I`, `l` and `1`, which stay apart."""
    folded = unicodedata.normalize("NFD", text).translate(PROTOTYPES)
    if not folded.isascii() and _LATIN.search(folded):
        folded = folded.translate(_BESIDE_LATIN)
    return unicodedata.normalize("NFD", folded)


def _striking(name: str) -> str:
    """Keep what strikes the eye: letters, numbers, symbols, single spaces."""
    text = unicodedata.normalize("NFC", name)
    kept = "".join(filter(_strikes, OVERLOOKED.sub("", text)))
    if not kept.isascii():
        kept = unicodedata.normalize("NFKC", kept.translate(_NOT_NFKC))
        kept = "".join(filter(_strikes, kept))
    kept = " ".join(kept.split()) or unicodedata.normalize("NFKC", text)
    if kept.isascii():
        return kept
    directions = set(map(unicodedata.bidirectional, kept))
    if "L" in directions and directions & {"R", "AL"}:
        # Each order of its words is drawn like another one in the other direction.
        return " ".join(sorted(kept.split()))
    return kept


@lru_cache(maxsize=4096)
def _strikes(character: str) -> bool:
    found = find(character)
    if found is None or found.kind == "P":
        return False
    return found.kind != "M" or _LIGHT.isdisjoint(found.scripts)


def _read(drawn: str) -> tuple[str, str]:
    """Read a skeleton as people do, in two ways: with upright strokes as `l`, and as `i`.

    A capital `I` among capitals is surely an `i`, and a small `l` among small letters an `l`.
    """
    dotted, upright = "", ""
    for word in drawn.split():
        others = word.translate(_NO_STROKES)
        capitals = sum(map(str.isupper, others))
        small = any(map(str.islower, others))
        as_i = word.replace("l", "i") if capitals > word[0].isupper() else word
        dotted += _WITHIN.sub("i", as_i).replace("I", "i")
        upright += word.replace("I", "i") if capitals > 1 and not small else word
    return dotted.translate(_UPRIGHT).casefold(), upright.translate(_UPRIGHT).casefold()


def _settled(text: str) -> str:
    """Fold lookalikes and case until nothing changes."""
    for _ in range(_FOLDINGS):
        folded = skeleton(text).translate(_UPRIGHT).casefold()
        if folded == text:
            break
        text = folded
    return text.replace("vv", "w").replace("i\u0307", "i")  # the small letter of a Turkish `İ`
