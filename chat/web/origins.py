"""Which pages may connect: those that came from here, and those of the origins allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Any

_ORIGIN = re.compile(r"(https?)://([^/?#@]+)", re.IGNORECASE)
# What stands in a Host: a name of labels, as they are in a network if not in the DNS, or an
# address. Browsers send nothing else.
_LABEL = r"[a-z0-9_-]{1,63}"
_AUTHORITY = re.compile(rf"(\[[0-9a-z.:%]+\]|{_LABEL}(?:\.{_LABEL})*)\.?(?::([0-9]{{0,5}}))?")
_LONGEST = 300  # characters; a name has 253
# The schemes' own ports, which browsers leave out and some proxies add. Which of them is ours,
# nobody knows: a proxy in front may speak TLS where we do not.
_DEFAULT_PORTS = ("80", "443")


class Origins:
    """The origins whose pages may connect."""

    def __init__(self, allowed: Iterable[str], *, behind_proxy: bool) -> None:
        """Allow our own, and others; `behind_proxy`: X-Forwarded-Host may name our host too."""
        self._allowed = frozenset(_parts(as_in_header(origin)) for origin in allowed)
        self._behind_proxy = behind_proxy

    def allow(self, environ: Mapping[str, Any]) -> bool:
        """Tell whether a request's page may connect; programs send no Origin (RFC 6455, 10.2)."""
        origin = environ.get("HTTP_ORIGIN")
        if origin is None:
            return True
        parts = _parts(origin)
        if parts is None:
            return False
        hosts = [environ.get("HTTP_HOST", "")]
        if self._behind_proxy:
            # No page can send this header: what it says helps no other site.
            hosts += environ.get("HTTP_X_FORWARDED_HOST", "").split(",")
        return parts in self._allowed or any(_place(host.strip()) == parts[1] for host in hosts)


def _parts(origin: str) -> tuple[str, str] | None:
    """Take an origin apart: its scheme, and its place; None if it is no origin of a web page."""
    found = _ORIGIN.fullmatch(origin)
    place = _place(found[2]) if found else None
    return (found[1].lower(), place) if found and place else None


def _place(authority: str) -> str | None:
    """Give a host and its port in the one form that all ways to write them have in common."""
    found = host_and_port(authority)
    if found is None:
        return None
    host, port = found
    return host if port in ("", *_DEFAULT_PORTS) else f"{host}:{port}"


@lru_cache(256)
def host_and_port(authority: str) -> tuple[str, str] | None:
    """Take apart what a Host says, in its one form; None if it is no host."""
    if len(authority) > _LONGEST:
        return None
    found = _AUTHORITY.fullmatch((authority if authority.isascii() else _ascii(authority)).lower())
    if found is None:
        return None
    host, port = found[1], found[2]
    if host.startswith("["):
        try:
            host = f"[{IPv6Address(host[1:-1])}]"
        except ValueError:
            return None
    port = str(int(port)) if port else ""
    return (host, port) if len(port) < 5 or int(port) < 65536 else None


def as_in_header(setting: str) -> str:
    """Give a text as a header has it, where each byte is one character."""
    return setting.encode().decode("latin-1")


def _ascii(authority: str) -> str:
    """Give a name as browsers send it, if it is one."""
    try:
        return authority.encode("latin-1").decode("utf-8").encode("idna").decode("ascii")
    except UnicodeError:
        return authority
