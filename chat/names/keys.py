"""Keys, which prove a member, and the public id that a key has."""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64encode


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
