"""Ask the advisory services about every package that is locked here.

    python tools/audit.py .venv-audit/bin/pip-audit

The exit code is 0 if all packages were asked about and nothing is known against any, 1 if something
is, and 3 if nothing is but a service did not answer for all. Both programs can end in another way:
pip-audit says "No known vulnerabilities found" also if it found no package, and ends with 1 if it
could not connect. So what counts here is only what their JSON says about each package.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
WITHIN_S = 300.0  # for all of it

KNOWN, UNANSWERED = 1, 3


class NoAnswer(Exception):
    """A service that did not answer, with what it said instead."""


def main(pip_audit: str, *locks: str) -> int:
    """Ask about the packages of each lock file, and say what is known."""
    until = time.monotonic() + WITHIN_S
    known, unanswered = 0, 0
    for lock in [Path(lock) for lock in locks] or find_locks():
        name = lock.relative_to(ROOT) if lock.is_relative_to(ROOT) else lock
        try:
            ask = _ask_npm if lock.suffix == ".json" else _ask_pip_audit
            found = ask(lock, pip_audit, until - time.monotonic())
        except NoAnswer as reason:
            unanswered += 1
            print(f"{name}: NOT KNOWN. {reason}")
            continue
        known += len(found)
        print(f"{name}: {len(found) or 'nothing'} known")
        for line in found:
            print(f"    {line}")
    if known:
        print("Some of these packages have known vulnerabilities.")
        return KNOWN
    if unanswered:
        print("No answer, or not for every package. This does not mean that all is well.")
        return UNANSWERED
    print("Nothing is known against any of these packages.")
    return 0


def find_locks() -> list[Path]:
    """Find the project's lock files.

    tools/autobahn is left out: what it pins is as old as the Python that it needs, and only talks
    to a server on the same machine.
    """
    patterns = ["requirements*.txt", "bench/requirements.txt"]
    patterns += ["tools/*/package-lock.json", "bench/peers/*/package-lock.json"]
    return [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]


def _ask_pip_audit(lock: Path, pip_audit: str, within_s: float) -> list[str]:
    options = ("--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json")
    answer = _run(
        [str(Path(pip_audit).absolute()), "--requirement", str(lock), *options],
        lock.parent,
        within_s,
    )
    packages: list[dict[str, Any]] = answer.get("dependencies", [])
    silent = [package["name"] for package in packages if "vulns" not in package]
    found = [
        f"{package['name']} {package['version']}: {each['id']}, "
        f"mended in {', '.join(each['fix_versions']) or 'no version'}"
        for package in packages
        for each in package.get("vulns", [])
    ]
    # Something that is known outweighs what is not.
    if not found and (silent or not packages):
        raise NoAnswer(f"No answer for {len(silent)} of {len(packages)} packages")
    return found


def _ask_npm(lock: Path, _pip_audit: str, within_s: float) -> list[str]:
    options = ("--json", "--package-lock-only", "--fetch-retries=0", "--fetch-timeout=20000")
    answer = _run(["npm", "audit", *options], lock.parent, within_s)
    if "vulnerabilities" not in answer:
        raise NoAnswer(str(answer.get("message", "npm audit says nothing")))
    return [f"{name}: {each['severity']}" for name, each in answer["vulnerabilities"].items()]


def _run(command: Sequence[str], folder: Path, within_s: float) -> dict[str, Any]:
    """Run a program that prints JSON, whatever its exit code is; raises NoAnswer."""
    try:
        done = subprocess.run(  # noqa: S603 -- no word of it comes from outside
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=max(within_s, 1.0),
            check=False,
        )
        answer = json.loads(done.stdout)
    except OSError as error:
        raise NoAnswer(f"{command[0]} cannot be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise NoAnswer("The service is too slow") from None
    except json.JSONDecodeError:
        lines = done.stderr.strip().splitlines() or [f"{command[0]} says nothing"]
        raise NoAnswer(lines[-1][:200]) from None
    if not isinstance(answer, dict):
        raise NoAnswer(f"{command[0]} says something else")
    return answer


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
