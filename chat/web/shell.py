"""The page as one whole: its version, and where each of its files is.

A page is built by `make page` (tools/page/build.mjs), or made of the sources as they are, which
is for whoever changes them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

LANGUAGES = ("fr", "en")

# What a browser shows around an installed page; the stylesheet says the same in OKLCH.
PAPER = {"light": "#fbf9f6", "dark": "#1a1713"}

DIST = Path("static", "dist")  # within the package

_BYTES = 8  # of the version: two versions must differ, nobody has to be kept from forging one


@dataclass(frozen=True)
class Shell:
    """A page: its version, and the names of its files under /static/.

    Without any, it is made of the sources: it has no version, and no browser keeps it.
    """

    version: str = ""
    addresses: Mapping[str, str] = field(default_factory=dict)  # source → name, if in the HTML
    beside: tuple[str, ...] = ()  # scripts that the first one imports
    kept: tuple[str, ...] = ()  # what the page needs without a server
    later: tuple[str, ...] = ()  # what a browser keeps once the page has asked for it

    @property
    def is_built(self) -> bool:
        """Tell whether `make page` made it."""
        return self.version != ""

    @property
    def names(self) -> set[str]:
        """Give the names of all its files."""
        return {*self.addresses.values(), *self.beside, *self.kept, *self.later}

    @property
    def later_pages(self) -> tuple[str, ...]:
        """Give the addresses of its later page, in each language."""
        return tuple(map(self.later_page, LANGUAGES))

    def later_page(self, language: str) -> str:
        """Give the address of what the page fetches once it needs it; it belongs to the version."""
        return f"/later/{self.version or 'sources'}/{language}"

    def address(self, source: str) -> str:
        """Give the address of a file of chat/static/ that the HTML names."""
        return f"/static/{self.addresses[source] if self.is_built else source}"


def read_shell(package: Path) -> Shell:
    """Read what `make page` has built.

    The version follows from all that the page is made of: nobody has to remember a number.
    """
    manifest = json.loads((package / DIST / "manifest.json").read_text("utf-8"))
    digest = hashlib.blake2b(digest_size=_BYTES)
    for path in sorted(_parts(package)):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(package).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return Shell(
        version=digest.hexdigest(),
        addresses=manifest["addresses"],
        beside=tuple(manifest["beside"]),
        kept=tuple(manifest["kept"]),
        later=tuple(manifest["later"]),
    )


def _parts(package: Path) -> Iterator[Path]:
    """Find the texts of the page. The manifest stands for all other files: it has their hashes."""
    yield package / DIST / "manifest.json"
    yield from package.glob("templates/*")
    yield from package.glob("translations/*/LC_MESSAGES/*.mo")
