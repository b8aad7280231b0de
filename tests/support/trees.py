"""Copies of the program, of which a test may make another version."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.servers import ROOT


def copy_program(folder: Path) -> Path:
    """Copy what serves and what builds the page into a new folder, and give the folder."""
    # With what is compiled already, but without what another process is writing just now.
    writing = shutil.ignore_patterns("*.pyc.*")
    shutil.copytree(ROOT / "chat", folder / "chat", ignore=writing)
    shutil.copytree(ROOT / "tools/page", folder / "tools/page", symlinks=True)
    for file in ("wsgi.py", "gunicorn.conf.py"):
        shutil.copy(ROOT / file, folder)
    return folder
