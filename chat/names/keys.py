"""Keys, which prove a member, and the public id that a key has."""

from __future__ import annotations

import hashlib
import re
import secrets
from base64 import b32encode, urlsafe_b64encode

_SHORT = re.compile(r"[A-Za-z0-9_-]{22}")  # 128 bits


def new_key() -> str:
    """Make the secret that proves a member: 192 random bits."""
    return secrets.token_urlsafe(24)


def member_id(key: str) -> str:
    """Derive a member's public id from its key: a 128-bit hash, the same in every room.

    The key itself is stored nowhere; a hash without stretching is enough for a secret
    that has 128 random bits.
    """
    digest = hashlib.blake2b(key.encode(), digest_size=16, person=b"tchat member").digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def is_member_id(given: str) -> bool:
    """Tell whether a text could be the public id of a member."""
    return _SHORT.fullmatch(given) is not None


def is_owner_key(given: str) -> bool:
    """Tell whether a text could be the owner key of a room."""
    return _SHORT.fullmatch(given) is not None


def new_owner_key() -> str:
    """Make the secret that proves an owner of a room: 128 random bits."""
    return secrets.token_urlsafe(16)


def owner_hash(key: str) -> bytes:
    """Derive what a room's record keeps of its owner key."""
    return hashlib.blake2b(key.encode(), digest_size=16, person=b"tchat owner").digest()


def private_room(key: str) -> str:
    """Derive the name of the private room that is made with an owner key.

    26 characters of a-z and 2-7. They do not tell the key. With the same key, a repetition makes
    the same room.
    """
    digest = hashlib.blake2b(key.encode(), digest_size=17, person=b"tchat room").digest()
    return b32encode(digest).decode().lower()[:26]
