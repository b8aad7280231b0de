"""One request to the API: who asks, what for, and how it is answered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec
from flask import Request, Response
from msgspec import Struct

from chat.names.keys import new_key
from chat.protocol import ErrorCode, Refused
from chat.rooms.ledger import Budget
from chat.rooms.visits import Guest
from chat.web.api.shapes import BODY_LIMIT
from chat.web.problems import Problem, ProblemCode, problem

OPERATOR = "tchat.operator"  # in the environ of a request that only the operator can send

# Of a body that comes on the control socket: a hundred of the longest messages.
OPERATOR_BODY_LIMIT = 2 << 20

_KEY = re.compile(r"[A-Za-z0-9_-]{22,128}")
_OWNER_LIMIT = 256  # characters
_LEAST_BYTES = 8192  # what a request is charged at least: it takes the processor some milliseconds

_Shape = TypeVar("_Shape", bound=Struct)


class Told(Exception):
    """A request that is answered with a problem."""

    def __init__(self, told: Problem) -> None:
        super().__init__(told.detail)
        self.problem = told


def told(status: int, code: ProblemCode, detail: str, *, retry_after: float | None = None) -> Told:
    """Make the exception that answers a request with a problem."""
    return Told(problem(status, code, detail, retry_after=retry_after))


class Call(NamedTuple):
    """A request that was read: its query and body are of its operation's types."""

    guest: Guest
    path: Mapping[str, str]
    query: Any
    body: Any
    idempotency_key: str | None  # a repetition of the request is known by it
    trusted_proxies: int  # as the settings say

    def charge(self, size: int) -> None:
        """Charge the caller's address for an answer of so many bytes."""
        if self.guest.account is not None:
            self.guest.account.charge(Budget.SENT_BYTES, max(size, _LEAST_BYTES))


def read_guest(request: Request, *, in_query: bool, **known: Any) -> tuple[Guest, bool]:
    """Read who asks, and whether a key of its own says so. Raises Told.

    An owner who sends no key is the member that the owner key stands for. With `in_query` the key
    is in the address, as a webhook has it; no line of the log has that.
    """
    is_operator = request.environ.get(OPERATOR) is True
    owner = request.headers.get("Tchat-Owner")
    if owner is not None and len(owner) > _OWNER_LIMIT:
        raise told(401, ProblemCode.KEY_INVALID, "Tchat-Owner is too long.")
    key = request.args.get("key") if in_query else _bearer(request.headers.get("Authorization"))
    if key is not None and not _KEY.fullmatch(key):
        detail = "A key has 22 to 128 letters, digits, hyphens or underscores."
        raise told(401, ProblemCode.KEY_INVALID, detail)
    return (
        Guest(key or owner or new_key(), owner, is_operator=is_operator, **known),
        bool(key or owner or is_operator),
    )


def _bearer(header: str | None) -> str | None:
    """Give the key in an Authorization header. Raises Told for another scheme."""
    if header is None:
        return None
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer":
        raise told(
            401, ProblemCode.KEY_INVALID, "Send the key like this: Authorization: Bearer <key>."
        )
    return key.strip()


def read_query(request: Request, shape: type[_Shape]) -> _Shape:
    """Read a query. Raises Refused (`bad_command`)."""
    if len(request.args) < len(list(request.args.items(multi=True))):
        raise Refused(ErrorCode.BAD_COMMAND, "Ask for each thing once.")
    try:
        return msgspec.convert(request.args.to_dict(), shape, strict=False)
    except msgspec.ValidationError as error:
        raise Refused(ErrorCode.BAD_COMMAND, f"{error}.") from None


def read_body(request: Request, shape: type[_Shape]) -> _Shape:
    """Read a body, whatever its media type is called. Raises Refused, and Told.

    The acceptor has it whole already; without a length it does not wait for it.
    """
    data = _bytes_of(request)
    try:
        return msgspec.json.decode(data, type=shape)
    except (msgspec.ValidationError, RecursionError) as error:
        raise Refused(ErrorCode.BAD_COMMAND, f"{error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refused(ErrorCode.BAD_JSON, "The body is not JSON.") from None


def _bytes_of(request: Request) -> bytes:
    if "Transfer-Encoding" in request.headers:
        raise told(411, ProblemCode.LENGTH_REQUIRED, "Send the body with a Content-Length.")
    limit = OPERATOR_BODY_LIMIT if request.environ.get(OPERATOR) else BODY_LIMIT
    if (request.content_length or 0) > limit:
        raise told(413, ProblemCode.TOO_LARGE, f"A body has at most {limit} bytes.")
    return request.get_data(cache=False) or b"{}"


def json_answer(
    status: int, body: Struct, headers: Mapping[str, str] | None = None
) -> tuple[Response, int]:
    """Give an answer with a body, and the body's size in bytes."""
    data = msgspec.json.encode(body)
    response = Response(data, status, mimetype="application/json")
    response.headers.update(headers or {})
    response.headers["Cache-Control"] = "no-store"
    return response, len(data)
