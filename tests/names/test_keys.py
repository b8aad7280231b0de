"""A key proves a member and is never shown."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from chat.names.keys import member_id, new_key


def test_key_is_long_and_never_the_same() -> None:
    keys = {new_key() for _ in range(1000)}

    assert len(keys) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22,128}", key) for key in keys)


def test_member_id_is_stable_and_differs_with_the_key() -> None:
    keys = [new_key() for _ in range(1000)]

    ids = [member_id(key) for key in keys]

    assert ids == [member_id(key) for key in keys]
    assert len(set(ids)) == 1000
    assert all(len(one) == len(other) for one, other in pairwise(ids))


@given(st.text("abcXYZ019_-", min_size=22, max_size=128))
def test_member_id_does_not_show_the_key(key: str) -> None:
    public = member_id(key)

    shown = {key[start : start + 8] for start in range(len(key) - 7)}
    assert not any(part in public for part in shown)
    # One letter more or less makes another member, whose id has nothing in common with the first.
    neighbour = member_id(key[:-1] + ("a" if key[-1] != "a" else "b"))
    assert sum(a == b for a, b in zip(public, neighbour, strict=True)) < 12


# --- rooms ------------------------------------------------------------------------
