"""Ids as the page makes them (static/js/base/ids.js): they sort by their minute."""

from __future__ import annotations

import secrets
import time

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32


def new_id() -> str:
    """Make an id that nobody else makes: the minutes since 1970, then 80 random bits."""
    number = int(time.time() // 60) << 80 | secrets.randbits(80)
    return "".join(_DIGITS[number >> bit & 31] for bit in range(105, -1, -5))
