"""The language of whoever sits at this terminal."""

from __future__ import annotations

import os
from pathlib import Path

from babel.support import NullTranslations, Translations


def spoken_here() -> NullTranslations:
    """Give the sentences in the language of the locale: English where that is, else French."""
    locale = next(
        (os.environ[n] for n in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(n)), ""
    )
    language = "en" if locale.lower().startswith("en") else "fr"
    return Translations.load(Path(__file__).parent.parent / "translations", [language])
