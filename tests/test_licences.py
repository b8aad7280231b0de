"""docs/licences.md lists what the lock files say, and no licence that does not fit ours."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers import ROOT

READ = (
    *("LICENSE", "requirements.txt", "docs/licences.md", "tools/licences.py"),
    *("tools/vendor/package-lock.json", "chat/static/vendor/licences.txt", "chat/names"),
)


def licences(*arguments: str, root: Path = ROOT) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, root / "tools/licences.py", *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return done.returncode, done.stderr


def test_list_is_what_the_lock_files_say() -> None:
    assert licences("--check") == (0, "")


@pytest.mark.parametrize(
    ("file", "there", "instead", "words"),
    [
        ("requirements.txt", "flask==", "flask==0.1 #", "but 0.1 is locked"),
        ("requirements.txt", "flask==", "flaskette==1 #", "flaskette is locked, but not installed"),
        ("tools/vendor/package-lock.json", '"0.1.3",', '"0.1.4",', "run make licences"),
        ("tools/vendor/package-lock.json", '"BSD-2-Clause"', '"AGPL-3.0"', "does not fit ours"),
        ("tools/vendor/package-lock.json", "modules/uqr", "modules/q", "licences.txt lacks q"),
        ("chat/static/vendor/licences.txt", "\nuqr: ", "\nq: ", "licences.txt lacks uqr"),
        ("chat/names/confusables.txt", "Unicode", "", "does not say in its head"),
    ],
)
def test_what_is_wrong_is_one_line(
    tmp_path: Path, file: str, there: str, instead: str, words: str
) -> None:
    for name in READ:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    text = (tmp_path / file).read_text()
    assert there in text
    (tmp_path / file).write_text(text.replace(there, instead))
    code, said = licences("--check", root=tmp_path)
    assert (code, words in said, said.count("\n")) == (1, True, 1), said


def test_one_file_program_comes_with_the_text_of_each_licence(tmp_path: Path) -> None:
    assert licences(str(tmp_path / "dist/licences.txt")) == (0, "")
    texts = (tmp_path / "dist/licences.txt").read_text()
    for title in ("Tchat", "Python", "gunicorn", "prometheus-client", "pyinstaller", "dompurify"):
        assert f"\n{title}: " in texts
    assert "UNICODE LICENSE V3" in texts
