"""The addresses of a server: whether they can be listened on, and what people type to get there."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic, sleep
from typing import Any

from chat.config import SettingError
from chat.serving.language import spoken_here

#: As gunicorn has it: host and port (and two more for IPv6), the path of a Unix socket, or the
#: number of an open one.
Address = tuple[Any, ...] | str | int

_TRY_EVERY_S = 0.05
_FREE_WITHIN_S = 5.0  # a worker whose master has died closes its sockets within a second

# Addresses that nobody has (RFC 5737, RFC 3849). Nothing is sent to them: to connect a datagram
# socket is to ask the kernel which of our own addresses it would use.
_FAR_AWAY = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}


# --- before the start --------------------------------------------------------------------


def refuse_addresses(addresses: Sequence[Address], *, is_ending: bool = False) -> None:
    """Refuse what this process cannot listen on; wait a little where a server is ending.

    Raises SettingError.
    """
    gives_up_at = monotonic() + (_FREE_WITHIN_S if is_ending else 0.0)
    for address in addresses:
        if isinstance(address, tuple):
            while problem := _problem(*address[:2]):
                if problem.errno != errno.EADDRINUSE or monotonic() > gives_up_at:
                    raise SettingError(_sentence(problem, *address[:2]))
                sleep(_TRY_EVERY_S)


def _problem(host: str, port: int) -> OSError | None:
    """Give what is in the way of listening there; None if nothing is."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if os.name == "posix":  # elsewhere it would take another's port away
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return error
    except UnicodeError:  # no name of a host at all
        return socket.gaierror(socket.EAI_NONAME, "no such name")
    return None


def _sentence(problem: OSError, host: str, port: int) -> str:
    if problem.errno == errno.EADDRINUSE:
        return f"another program listens on port {port} of {host}: end it, or set another PORT"
    if problem.errno == errno.EACCES:
        return f"PORT={port} is not allowed to this user: set one from 1024 on"
    if isinstance(problem, socket.gaierror) or problem.errno == errno.EADDRNOTAVAIL:
        return f"HOST={host!r} is not allowed: this machine has no such address"
    return f"nobody can listen on port {port} of {host!r}: {problem.strerror}"


# --- after the start ---------------------------------------------------------------------


def start_lines(addresses: Sequence[Any], place: str, stop: str) -> list[str]:
    """Say where the chat is, where its log is, and what stops it.

    In English where the locale is, else in French.
    """
    translations = spoken_here()
    here, network = _urls(addresses)
    lines = [translations.gettext("Server started on {url}").format(url=", ".join(here))]
    if network:
        line = translations.gettext("Open to the network: {urls}")
        lines.append(line.format(urls=", ".join(network)))
    lines.append(translations.gettext("The conversations are in {file}").format(file=place))
    lines.append(translations.gettext("To stop it: {stop}").format(stop=stop))
    return lines


def _urls(addresses: Sequence[Any]) -> tuple[list[str], list[str]]:
    """Give the addresses to open on this machine, and those on others where it listens on all."""
    here: list[str] = []
    network: list[str] = []
    for address in addresses:
        if not isinstance(address, tuple):  # a Unix socket
            here.append(os.fsdecode(address))
            continue
        host, port = address[:2]
        if host in ("0.0.0.0", "::", ""):  # noqa: S104 - only compared
            families = (socket.AF_INET,) if host == "0.0.0.0" else tuple(_FAR_AWAY)  # noqa: S104
            own = [found for family in families if (found := _own_address(family))]
            network += [f"http://{in_url(one)}:{port}" for one in own or [host or "::"]]
        is_local = host in ("127.0.0.1", "0.0.0.0", "::1", "::", "")  # noqa: S104 - only compared
        here.append(f"http://{'localhost' if is_local else in_url(host)}:{port}")
    return list(dict.fromkeys(here)), list(dict.fromkeys(network))


def _own_address(family: socket.AddressFamily) -> str | None:
    """Give the address that others in the network see; None without a network."""
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((_FAR_AWAY[family], 9))
        return str(probe.getsockname()[0])
    return None


def in_url(host: str) -> str:
    """Give a host as a URL has it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host
