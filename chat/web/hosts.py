"""Under which names the chat may be asked for: no other site may make a name of its own lead here.

A site can let its name lead to an address in its reader's network (DNS rebinding). What answers
there is a part of that site to the browser, and the site reads it. It cannot do that with an
address, nor with a name that no DNS outside of that network gives to anybody.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from chat.config import Settings
from chat.names.addresses import parsed, peer_in_log
from chat.web.errors import Refusal
from chat.web.origins import as_in_header, host_and_port
from chat.web.refusals import Refusals, quoted

# Nobody can buy a name below these (RFC 6761, 6762, 8375; .internal and .lan are for networks).
_OF_NETWORKS = (".localhost", ".local", ".lan", ".internal", ".home.arpa")
_HOSTS_FILE = Path("/etc/hosts")
_WHOLE_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://([^/?#]*)", re.IGNORECASE)


class Hosts:
    """The names under which this server answers."""

    def __init__(self, settings: Settings, refusals: Refusals) -> None:
        """Answer to the machine's names, and to those that the settings name."""
        self._settings = settings
        self._refusals = refusals
        named = {_name(host) for host in settings.allowed_hosts}
        self._names = _own_names() | {host for host in named if not host.startswith("*")}
        self._endings = tuple(host[1:] for host in named if host.startswith("*"))

    def check(self, environ: Mapping[str, Any]) -> None:
        """Look at the names in a request; raises Refusal for one that is not this server's.

        Programs may leave Host out, browsers cannot.
        """
        for host in _asked(environ):
            found = host_and_port(host)
            if found is None:
                self._note(environ, 403, f"Host is {quoted(host)}, which is no host")
                raise Refusal(403, "Host is malformed.", {}, hosts="")
            name = found[0]
            if not (self._answers_to(name) or _is_public(environ)):
                value = ",".join((*sorted(self._settings.allowed_hosts), name))
                self._note(
                    environ,
                    421,
                    f"Host is {name}. If that is a name of this server, set CHAT_HOSTS={value}, or "
                    "TRUSTED_PROXIES=1 behind a reverse proxy",
                )
                sentence = f"If {name} is this server, set CHAT_HOSTS={value} there."
                raise Refusal(421, sentence, {}, hosts=value)

    def _answers_to(self, name: str) -> bool:
        return bool(
            self._settings.trusted_proxies  # the proxy looks at names
            or name in self._names
            or name.endswith(self._endings)
            or _is_of_networks(name)
        )

    def _note(self, environ: Mapping[str, Any], status: int, why: str) -> None:
        peer = peer_in_log(environ, self._settings.chat_log_addresses)
        self._refusals.note(str(status), f"A request of {peer} is refused with {status}: {why}")


def _asked(environ: Mapping[str, Any]) -> Iterator[str]:
    """Give the hosts that a request names: in its Host, and in an address that is whole."""
    if host := environ.get("HTTP_HOST"):
        yield host
    if found := _WHOLE_ADDRESS.match(environ.get("RAW_URI", "")):
        yield found[1]


def _is_of_networks(name: str) -> bool:
    """Tell whether a name is an address, or one that no site on the internet can have."""
    if name.startswith("[") or "." not in name or name.endswith(_OF_NETWORKS):
        return True
    try:
        IPv4Address(name)
    except ValueError:
        return False
    return True


def _is_public(environ: Mapping[str, Any]) -> bool:
    """Tell whether a request came in on a public address: then everybody can ask here anyway."""
    sock = environ.get("gunicorn.socket") or environ.get("werkzeug.socket")
    own = sock.getsockname() if sock else None
    if not isinstance(own, tuple):  # a Unix socket's is a path
        return False
    address = parsed(own[0])
    return address is not None and address.is_global


def _own_names() -> set[str]:
    """Give the names that this machine has by its own files.

    Nobody is asked (as by `socket.getfqdn`): a DNS that does not answer would keep the start
    waiting, and one of a strange network could say anything.
    """
    own = socket.gethostname().lower()
    names = {own}
    with suppress(OSError, UnicodeError):
        for line in _HOSTS_FILE.read_text("utf-8").lower().splitlines():
            of_one_address = line.partition("#")[0].split()[1:]
            if own in of_one_address:
                names.update(of_one_address)
    return {_name(name) for name in names}


def _name(host: str) -> str:
    """Give a host of a setting or a file in its one form, without its port."""
    star = "*." if host.startswith("*.") else ""
    found = host_and_port(as_in_header(host.removeprefix(star)))
    return star + (found[0] if found else host)
