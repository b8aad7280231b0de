"""The key that makes a user of the terminal the same member each time."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from pathlib import Path
from urllib.parse import quote

import click
from platformdirs import user_data_path

from chat.names.keys import new_key

_KEY = re.compile(r"[A-Za-z0-9_-]{22,128}")


def read_key(server: str, file: str | None = None) -> str:
    """Give the key for a server, as `Address.server`; make one at the first time.

    It is a secret, in a file that its user alone can read: `file`, or one in the user's data
    folder. Raises click.ClickException.
    """
    path = Path(file) if file else user_data_path("tchat") / "keys" / quote(server, safe="")
    try:
        if not path.exists():
            _make(path)
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise click.ClickException(f"others can read the key in {path}: chmod 600 '{path}'")
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"the key cannot be kept: {error}") from None
    if not _KEY.fullmatch(key):
        raise click.ClickException(f"{path} has no key; remove it, and a new one is made")
    return key


def _make(path: Path) -> None:
    """Make a file with a new key, whole or not at all. Another process may make it first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent) as file:  # mode 0600
        file.write(new_key() + "\n")
        file.flush()
        try:
            os.link(file.name, path)
        except FileExistsError:
            pass  # the other one's key is the key
