"""The address of a chat, or of one of its rooms, as people copy it from their browser."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from chat.names.keys import is_owner_key
from chat.names.rooms import HOME, room_at

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
_ROOM = re.compile(r"(.*?)/+(r(?:/.*)?)", re.IGNORECASE | re.DOTALL)


class AddressError(ValueError):
    """An address that cannot be that of a chat."""


class Address(NamedTuple):
    """Where a chat is, and which of its rooms is meant."""

    server: str  # like ws://localhost:8080/prefix, without a slash at the end
    room: str
    owner: str | None = None  # the key in an owner's link

    @property
    def ws_url(self) -> str:
        """Give the address of the WebSocket."""
        return f"{self.server}/ws"


def read_address(url: str) -> Address:
    """Read `http(s)://host[:port][/prefix][/r/<room>]`, or the same with `ws(s)://`.

    Raises AddressError.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise AddressError(f"{url!r} is no address: {error}") from None
    if parts.scheme not in _SCHEMES or not host or parts.username is not None:
        raise AddressError(f"{url!r} is no address of a chat, like http://localhost:8080/r/kitchen")
    path, room = parts.path.rstrip("/"), HOME
    if path.endswith("/ws") and parts.scheme.startswith("ws"):
        path = path.removesuffix("/ws")
    elif found := _ROOM.fullmatch(path):
        path, named = found[1], room_at("/" + unquote(found[2]))
        if named is None:
            raise AddressError(f"No room can have the name in {url!r}")
        room = named
    owner = parse_qs(parts.fragment).get("owner", [""])[0]
    at = f"[{host}]" if ":" in host else host
    if port is not None:
        at += f":{port}"
    server = f"{_SCHEMES[parts.scheme]}://{at}{path.rstrip('/')}"
    return Address(server, room, owner if is_owner_key(owner) else None)
