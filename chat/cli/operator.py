"""The operator at the API: that of the server which runs, or of its log while none does.

A server that has its log in a file is asked through its control socket, so that its pages hear of
what is done. While it is stopped, and with Redis, this process does it itself, like a server that
lets nobody in.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import click

from chat import Chat, create_app
from chat.config import Settings
from chat.log import LogError
from chat.serving.control import address_of, control_path
from chat.serving.holder import take_log
from chat.web.api.calls import OPERATOR

_WITHIN_S = 120.0  # for an answer: a long one is made in steps


class _Way(Protocol):
    """A way to the API."""

    def send(self, method: str, url: str, data: bytes | None) -> tuple[int, bytes]:
        """Send a request; give the status and the body of its answer."""


class Operator:
    """Whoever runs the server, asking its API."""

    def __init__(self, way: _Way, how: str) -> None:
        """Ask this way; `how` says it in words."""
        self._way = way
        self.how = how

    def ask(self, method: str, *path: str, body: Any = None, **query: Any) -> Any:
        """Ask, and give what the answer says; None for nothing.

        The parts of the path are quoted here. Raises ClickException with what a problem says.
        """
        url = "/api/" + "/".join(quote(part, safe="") for part in path)
        given = {name: each for name, each in query.items() if each is not None}
        if given:
            url += f"?{urlencode(given)}"
        data = None if body is None else json.dumps(body).encode()
        status, answer = self._way.send(method, url, data)
        found: Any = json.loads(answer) if answer else None
        if status >= 400:
            raise click.ClickException(str(found["detail"]))
        return found


@contextmanager
def operator(settings: Settings) -> Iterator[Operator]:
    """Give the operator of the server that has this log, or of the log. Raises LogError."""
    with ExitStack() as stack:
        way = None if settings.redis_url else _running(settings.database)
        if way is not None:
            yield Operator(way, "and a server has it")
        else:
            yield Operator(stack.enter_context(_alone()), "by this command itself")


def _running(database: Path) -> _Way | None:
    """Give the way to the server that has a database; None if none runs."""
    way = _Socket(control_path(database))
    try:
        way.connect().close()
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    except OSError as error:
        raise LogError(f"the server cannot be asked: {way.path}: {error}") from None
    return way


class _Socket:
    """A control socket."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def connect(self) -> socket.socket:
        """Connect. Raises OSError."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(_WITHIN_S)
            with address_of(self.path) as address:
                sock.connect(address)
        except OSError:
            sock.close()
            raise
        return sock

    def send(self, method: str, url: str, data: bytes | None) -> tuple[int, bytes]:
        """Send a request over a connection of its own."""
        connection = HTTPConnection("localhost")
        try:
            connection.sock = self.connect()
            connection.request(method, url, data)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, HTTPException) as error:
            raise LogError(f"the server does not answer: {error or type(error).__name__}") from None
        finally:
            connection.close()


class _Here:
    """The API of this very process."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def send(self, method: str, url: str, data: bytes | None) -> tuple[int, bytes]:
        """Do a request."""
        answer = self._client.open(
            url, method=method, data=data, environ_overrides={OPERATOR: True}
        )
        return answer.status_code, answer.data


@contextmanager
def _alone() -> Iterator[_Way]:
    """Be the process that has the log, or one more that has it. Raises LogError."""
    app = create_app()
    chat: Chat = app.extensions["chat"]
    if not chat.settings.redis_url and not chat.settings.database.exists():
        raise LogError(f"there is no database {chat.settings.database}")
    take_log(chat)
    chat.start()
    try:
        yield _Here(app.test_client())
    finally:
        chat.stop()
