"""What others wrote, shown so that it cannot control the terminal."""

from __future__ import annotations

import re
from datetime import datetime

from chat.protocol import Refused, read_time

# Control characters (escape sequences begin with one), what turns a line's direction, other line
# breaks, and halves of characters.
_UNSAFE = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_UNSAFE_IN_LINE = re.compile(f"[\t\n]|{_UNSAFE.pattern}")
_NAMES = {"\n": "\\n", "\t": "\\t"}


def plain(text: str) -> str:
    r"""Show unsafe characters as `\x1b` or `\u202e`; tabs and line feeds stay."""
    return _UNSAFE.sub(_shown, text)


def plain_line(text: str) -> str:
    r"""Show a text in one line: line feeds as `\n`, tabs as `\t`, and the rest as `plain` does."""
    return _UNSAFE_IN_LINE.sub(_shown, text)


def local_time(at: str, form: str = "%Y-%m-%d %H:%M") -> str:
    """Give a time of the protocol as the clock here shows it."""
    try:
        return datetime.fromtimestamp(read_time(at) / 1000).astimezone().strftime(form)
    except (Refused, ValueError, OSError, OverflowError):
        return plain_line(at)


def _shown(found: re.Match[str]) -> str:
    code = ord(found[0])
    return _NAMES.get(found[0]) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")
