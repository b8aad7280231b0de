"""The page as one whole: which version of it this server gives, and the files that it takes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LANGUAGES = ("fr", "en")

# What a browser shows around an installed page; the stylesheet says the same in OKLCH.
PAPER = {"light": "#fbf9f6", "dark": "#1a1713"}

_BYTES = 8  # of the version: two versions must differ, nobody has to be kept from forging one

# What the page can do without when there is no server: names of emoji, colours of code.
_LUXURY = ("vendor/emoji/", "vendor/highlight/")


@dataclass(frozen=True)
class Shell:
    """A version of the page, with the static files that it needs offline."""

    version: str
    files: tuple[str, ...]


def read_shell(package: Path) -> Shell:
    """Derive the version from all that the page is made of: nobody has to remember a number."""
    static = package / "static"
    digest = hashlib.blake2b(digest_size=_BYTES)
    for path in sorted(_files(package)):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(package).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    files = (path.relative_to(static).as_posix() for path in sorted(static.rglob("*")))
    return Shell(
        version=digest.hexdigest(),
        files=tuple(
            file
            for file in files
            if file.endswith((".css", ".js", ".svg"))
            and not file.startswith(_LUXURY)
            and "LICENSE" not in file
        ),
    )


def _files(package: Path) -> Iterator[Path]:
    for pattern in ("static/**/*", "templates/*", "translations/**/*.mo"):
        yield from (path for path in package.glob(pattern) if path.is_file())
