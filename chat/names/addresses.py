"""The network's addresses of those who ask: whose a request is, and what the log says of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Literal

#: What the log says of an address: its network, all of it, or nothing.
Told = Literal["short", "full", "none"]

_LONGEST = 64  # characters; the longest address with brackets and a port has 53
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}")


def peer_address(environ: Mapping[str, Any]) -> str:
    """Give the address of who asks, in its one form; "" for a Unix socket's peer.

    Behind trusted proxies that is what they wrote in X-Forwarded-For (web/prefix.py). What is no
    address there is a stranger's invention: the socket's own peer counts then. So nobody becomes
    somebody else by writing that header.
    """
    claimed = str(environ.get("REMOTE_ADDR") or "")
    before = environ.get("werkzeug.proxy_fix.orig")
    own = claimed if before is None else str(before["REMOTE_ADDR"] or "")
    return _canonical(claimed) or _canonical(own)


def peer_in_log(environ: Mapping[str, Any], told: Told) -> str:
    """Give what the log says of whose a request is."""
    address = peer_address(environ) if told != "none" else ""
    return (address if told == "full" else shortened(address)) or "somebody"


def is_forwarded(environ: Mapping[str, Any]) -> bool:
    """Tell whether a proxy, or whoever plays one, passed a request on."""
    return "HTTP_X_FORWARDED_FOR" in environ or "HTTP_FORWARDED" in environ


def own_subscriber(environ: Mapping[str, Any], trusted_proxies: int) -> str:
    """Give what the subscriber who asks has of the network; "" where that may be many people's.

    Who comes through a proxy that is not trusted has its address, like everybody else.
    """
    is_own = trusted_proxies > 0 or not is_forwarded(environ)
    return subscriber(peer_address(environ)) if is_own else ""


def shortened(address: str) -> str:
    """Leave the part of an address that tells a network and no person, for the log."""
    ip = parsed(address)
    if ip is None:
        return ""
    if isinstance(ip, IPv4Address):
        return f"{str(ip).rpartition('.')[0]}.x"
    return f"{IPv6Address(int(ip) >> 80 << 80)}/48"


def subscriber(address: str) -> str:
    """Give what one subscriber has of the network: IPv4's address, of IPv6 the first 64 bits.

    "" for what is no address.
    """
    ip = parsed(address)
    if isinstance(ip, IPv6Address):
        return str(IPv6Address(int(ip) >> 64 << 64))
    return str(ip or "")


def parsed(address: str) -> IPv4Address | IPv6Address | None:
    """Read an address, without its zone; IPv4's in the form of IPv6 is IPv4's. None: it is none."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip


def _canonical(address: str) -> str:
    """Give an address in its one form, without port and zone; "" for what is none."""
    if len(address) > _LONGEST:
        return ""
    if found := _WITH_PORT.fullmatch(address.strip()):
        address = found[1] or found[2] or ""
    return str(parsed(address.strip()) or "")
