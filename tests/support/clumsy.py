"""The application, with a bug on the accepting thread added for test_shortages.py."""

from __future__ import annotations

from chat import create_app
from chat.serving import worker

app = create_app()

_has_head = worker._has_head


def has_head_with_a_bug(received: bytearray) -> bool:
    if b"X-Bug" in received:
        raise ZeroDivisionError("a bug")
    return _has_head(received)


worker._has_head = has_head_with_a_bug
