"""Write docs/settings.md, the page of all settings, from the table in chat/config.py.

python tools/settings.py            write the page
python tools/settings.py --check    fail if the page is not what the table makes
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from chat.config import Settings, allowed_values  # noqa: E402 - the path comes first

PAGE = ROOT / "docs" / "settings.md"

HEAD = """\
# Settings

<!-- Made by `make reference` from chat/config.py: change it there. -->

A setting is an environment variable. The server reads all of them once, when it starts. An empty
value means the default. With a value that is not allowed the server does not start, and one line
says why. A `CHAT_…` variable that does not exist is ignored, and one line says so.

    PORT=9000 CHAT_RETENTION_DAYS=30 make run

[Operations](operations.md) says which of them a task needs, and [limits](limits.md) explains what
one address may ask.
"""

COLUMNS = "| setting | default | allowed | meaning |\n|---|---|---|---|\n"

# A heading in the table; then, of each setting, its comment and its name.
_HEADING = re.compile(r"    # --- (.+)")
_COMMENT = re.compile(r"    #: (.+)")
_FIELD = re.compile(r"    ([a-z_]+): .+")


def main(*arguments: str) -> int:
    """Write or check the page; give the exit code."""
    made = "".join(page())
    if arguments != ("--check",):
        PAGE.write_text(made)
    elif not PAGE.exists() or PAGE.read_text() != made:
        print("docs/settings.md is not what chat/config.py says: run make reference")
        return 1
    return 0


def page() -> Iterator[str]:
    """Give the page in parts: its head, then a table for each heading."""
    yield HEAD
    fields = {field.name: field for field in msgspec.structs.fields(Settings)}
    comment: list[str] = []
    for line in (ROOT / "chat/config.py").read_text().splitlines():
        if heading := _HEADING.fullmatch(line):
            yield f"\n## {heading[1]}\n\n{COLUMNS}"
        elif part := _COMMENT.fullmatch(line):
            comment.append(part[1])
        elif (name := _FIELD.match(line)) and name[1] in fields and comment:
            yield _row(fields[name[1]], " ".join(comment))
            comment.clear()


def _row(field: msgspec.structs.FieldInfo, comment: str) -> str:
    default = str(field.default).removesuffix(".0")
    shown = f"`{default}`" if default else ""
    allowed = allowed_values(field.type)
    return f"| `{field.encode_name}` | {shown} | {allowed} | {comment} |\n"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
