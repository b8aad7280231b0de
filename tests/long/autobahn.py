"""Run Autobahn|Testsuite's fuzzing client against echo.py under gunicorn: `make autobahn`.

It runs sections 1 to 7 and 10: framing, pings, reserved bits, opcodes, fragments, UTF-8, closing
and automatic fragmentation. Section 9 measures performance. Sections 12 and 13 are about
compression, which the server never agrees to.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.support.servers import GUNICORN, ChatServer

SECTIONS = (1, 2, 3, 4, 5, 6, 7, 10)
CASES = 247  # cases of these sections, in the pinned release
ECHO = (*GUNICORN[:-1], "tests.support.echo:app")
_WITHIN_S = 600.0  # a run takes 10
_PASSED = {"OK", "NON-STRICT", "INFORMATIONAL"}

Results = dict[str, dict[str, str]]


def main(folder: Path) -> int:
    """Run every case, print a summary, and give the exit code."""
    (folder / "reports").mkdir(exist_ok=True)
    server = ChatServer(folder / "reports", ECHO)
    server.database.unlink(missing_ok=True)
    try:
        server.start()
        results = _run(folder, server.ws_url)
    finally:
        server.end()
    return _report(results, folder / "reports" / "index.html")


def _run(folder: Path, url: str) -> Results:
    index = folder / "reports" / "index.json"
    index.unlink(missing_ok=True)
    specification = folder / "fuzzingclient.json"
    specification.write_text(
        json.dumps(
            {
                "outdir": str(index.parent),
                "servers": [{"agent": "Tchat", "url": url}],
                "cases": [f"{section}.*" for section in SECTIONS],
                "exclude-cases": [],
                "exclude-agent-cases": {},
            }
        )
    )
    command = [str(folder / "wstest"), "--mode", "fuzzingclient", "--spec", str(specification)]
    with (folder / "wstest.log").open("wb") as output:
        subprocess.run(
            command, stdout=output, stderr=subprocess.STDOUT, timeout=_WITHIN_S, check=True
        )
    return dict(json.loads(index.read_text())["Tchat"])


def _report(results: Results, page: Path) -> int:
    bad = [
        f"{case}: {result['behavior']}, its close {result['behaviorClose']}"
        for case, result in results.items()
        if not {result["behavior"], result["behaviorClose"]} <= _PASSED
    ]
    for section in SECTIONS:
        counts = Counter(
            result["behavior"] for case, result in results.items() if case.startswith(f"{section}.")
        )
        print(f"section {section}:", *(f"{count} {kind}" for kind, count in counts.items()))
    for line in bad:
        print(line)
    print(f"{len(results) - len(bad)} of {CASES} passed, {len(bad)} failed (see {page})")
    return 1 if bad or len(results) != CASES else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
