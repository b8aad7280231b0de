"""A caller of the HTTP API: one request a connection, as curl makes them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from http.client import HTTPConnection, HTTPResponse
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote, urlencode

WAIT_S = 60.0  # longer than any answer takes on a busy machine


class Answer(NamedTuple):
    """An answer of the API."""

    status: int
    headers: Message
    body: Any  # what the JSON says; None for nothing

    @property
    def code(self) -> str:
        """Give the code of a problem."""
        assert self.headers["Content-Type"] == "application/problem+json", self
        assert self.body["status"] == self.status
        return str(self.body["code"])


class Served(Protocol):
    """A server, or a proxy in front of one."""

    port: int


class Caller:
    """One member that uses the API, and the owner of some rooms perhaps."""

    def __init__(self, server: Served, *, key: str | None = None, owner: str = "") -> None:
        self.server = server
        self.key = secrets.token_urlsafe(24) if key is None else key
        self.owner = owner

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        **query: Any,
    ) -> Answer:
        """Send a request and give its answer; `body` is bytes, or what is sent as JSON."""
        with self.asked(method, path, body, headers, **query) as response:
            data = response.read()
            found = response.headers
            is_json = "json" in found.get("Content-Type", "")
            return Answer(response.status, found, json.loads(data) if is_json else None)

    @contextmanager
    def asked(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        **query: Any,
    ) -> Iterator[HTTPResponse]:
        """Send a request, and give the answer as far as it has come."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        given = dict(headers or {})
        if self.key:
            given.setdefault("Authorization", f"Bearer {self.key}")
        if self.owner:
            given["Tchat-Owner"] = self.owner
        address = f"/api{quote(path, safe='/?&=%~')}" + (f"?{urlencode(query)}" if query else "")
        connection = HTTPConnection("127.0.0.1", self.server.port, timeout=WAIT_S)
        try:
            connection.request(method, address, data, given)
            yield connection.getresponse()
        finally:
            connection.close()

    # --- messages ------------------------------------------------------------------------

    def post(self, room: str, message_id: str, text: str, **fields: Any) -> Answer:
        """Post a message."""
        body = {"text": text, **fields}
        return self.ask("PUT", f"/rooms/{room}/messages/{message_id}", body)

    def posted(self, room: str, message_id: str, text: str, **fields: Any) -> dict[str, Any]:
        """Post a message that is new, and give it."""
        answer = self.post(room, message_id, text, **fields)
        assert answer.status == 201, answer
        return dict(answer.body)

    def read(self, room: str, **query: Any) -> dict[str, Any]:
        """Read a room."""
        answer = self.ask("GET", f"/rooms/{room}/messages", **query)
        assert answer.status == 200, answer
        return dict(answer.body)

    def remove(self, room: str, message_id: str, **query: Any) -> Answer:
        """Remove a message."""
        return self.ask("DELETE", f"/rooms/{room}/messages/{message_id}", **query)


def events_of(response: HTTPResponse) -> Iterator[dict[str, Any]]:
    """Read server-sent events until the stream ends: `id`, `event`, and `data` as JSON."""
    event: dict[str, Any] = {}
    while line := response.readline().decode():
        name, _, value = line.rstrip("\n").partition(": ")
        if name:
            event[name] = value
        elif "data" in event:
            yield {**event, "data": json.loads(event["data"])}
            event = {}
