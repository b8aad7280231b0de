"""The five steps of docs/contributing.md make a command that works."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support.servers import ROOT

PAGE = (ROOT / "docs/contributing.md").read_text()
STEPS = re.findall(r"^```diff\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

#: What the steps change, and what the tests of the copy need.
FOLDERS = ("chat", "docs", "tests", "tools")
FILES = ("README.md", "README.fr.md", "gunicorn.conf.py", "pyproject.toml", "wsgi.py")


def run(folder: Path, command: Sequence[str], text: str = "") -> None:
    """Run a command to its end, which must be a good one."""
    done = subprocess.run(
        command,
        cwd=folder,
        input=text,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_new_command_in_five_steps(tmp_path: Path) -> None:
    assert len(STEPS) == 5
    copy = tmp_path / "tchat"
    copy.mkdir()
    skip = shutil.ignore_patterns("node_modules", "*.pyc.*", "corpus", "browser", "long")
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, copy / folder, ignore=skip)
    for file in FILES:
        shutil.copy(ROOT / file, copy / file)
    for step in STEPS:
        run(copy, ["git", "apply", "-"], step)
    run(copy, [sys.executable, "tools/asyncapi/describe.py"])
    # The tests of the copy start servers of the copy, which know the command.
    files = [
        "tests/rooms/test_commands.py",
        "tests/test_protocol_page.py",
        "tests/test_documents.py",
    ]
    chosen = ["-k", "clock or real_server or each_command or one_row"]
    run(copy, [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files, *chosen])
