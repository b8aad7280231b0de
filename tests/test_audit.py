"""`make audit` says what is known, and never that all is well when nobody answered.

The programs that ask the services are replaced by ones that print what those print.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers import ROOT

FINE = {"name": "flask", "version": "3.1.3", "vulns": []}
BAD = {"name": "flask", "version": "0.1", "vulns": [{"id": "X-1", "fix_versions": ["9.9"]}]}
SKIPPED = {"name": "flask", "skip_reason": "Dependency not found on PyPI"}


def audit(folder: Path, answer: str, lock: str) -> tuple[int, str]:
    for name in ("npm", "pip-audit"):
        program = folder / name
        program.write_text(f"#!/bin/sh\necho 'not our words' >&2\ncat <<'END'\n{answer}\nEND\n")
        program.chmod(0o755)
    (folder / "tools").mkdir()
    (folder / "tools" / lock).touch()
    done = subprocess.run(
        [sys.executable, ROOT / "tools/audit.py", "pip-audit", folder / "tools" / lock],
        cwd=folder,
        env={"PATH": f"{folder}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("answer", "lock", "code", "words"),
    [
        (json.dumps({"dependencies": [FINE]}), "requirements.txt", 0, "nothing known"),
        (json.dumps({"dependencies": [FINE, BAD]}), "requirements.txt", 1, "flask 0.1: X-1"),
        (json.dumps({"dependencies": [FINE, SKIPPED]}), "requirements.txt", 3, "1 of 2 packages"),
        (json.dumps({"dependencies": []}), "requirements.txt", 3, "NOT KNOWN"),
        ("", "requirements.txt", 3, "not our words"),
        (json.dumps({"vulnerabilities": {}}), "package-lock.json", 0, "nothing known"),
        (
            json.dumps({"vulnerabilities": {"uqr": {"severity": "high"}}}),
            "package-lock.json",
            1,
            "uqr: high",
        ),
        (
            json.dumps({"message": "405 Method Not Allowed", "statusCode": 405}),
            "package-lock.json",
            3,
            "405 Method Not Allowed",
        ),
    ],
)
def test_audit_says_what_is_known_and_what_is_not(
    tmp_path: Path, answer: str, lock: str, code: int, words: str
) -> None:
    exit_code, said = audit(tmp_path, answer, lock)
    assert (exit_code, words in said) == (code, True), said
    assert ("all is well" in said) == (code == 3)
