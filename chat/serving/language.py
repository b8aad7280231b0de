"""The language of whoever sits at this terminal."""

from __future__ import annotations

import os
from pathlib import Path

from babel.support import NullTranslations, Translations


def language_here() -> str:
    """Give the language of the locale, of ours: English where it is that, else French."""
    locale = next(
        (os.environ[n] for n in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(n)), ""
    )
    return "en" if locale.lower().startswith("en") else "fr"


def spoken_here() -> NullTranslations:
    """Give the sentences in that language."""
    return Translations.load(Path(__file__).parent.parent / "translations", [language_here()])
