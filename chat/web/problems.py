"""What a program is told that asks for something over HTTP and does not get it (RFC 9457)."""

from __future__ import annotations

from enum import StrEnum
from http import HTTPStatus
from math import ceil
from typing import Annotated

import msgspec
from flask import Response
from msgspec import Meta, Struct

from chat.protocol import Error, ErrorCode, Refused

MEDIA_TYPE = "application/problem+json"
API_PATH = "/api"

#: The status with which each refusal of the socket is told here.
STATUS = {
    ErrorCode.BAD_JSON: 400,
    ErrorCode.BAD_COMMAND: 400,
    ErrorCode.JOIN_FIRST: 400,
    ErrorCode.ALREADY_JOINED: 400,
    ErrorCode.NICK_INVALID: 422,
    ErrorCode.NICK_TAKEN: 409,
    ErrorCode.ROOM_INVALID: 422,
    ErrorCode.TEXT_EMPTY: 422,
    ErrorCode.TEXT_TOO_LONG: 422,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.STORAGE_UNAVAILABLE: 503,
    ErrorCode.BANNED: 403,
    ErrorCode.MUTED: 403,
    ErrorCode.TARGET_UNKNOWN: 404,
    ErrorCode.NOT_YOURS: 403,
    ErrorCode.TOO_LATE: 403,
    ErrorCode.NOT_OWNER: 403,
    ErrorCode.READ_ONLY: 403,
    ErrorCode.ROOM_LOCKED: 403,
    ErrorCode.TOO_SOON: 429,
    ErrorCode.ROOM_EXISTS: 409,
    ErrorCode.ROOM_ENDED: 410,
}


class ProblemCode(StrEnum):
    """What can be wrong with a request besides; the socket has its own ways to say so."""

    KEY_MISSING = "key_missing"
    KEY_INVALID = "key_invalid"
    LENGTH_REQUIRED = "length_required"
    TOO_LARGE = "too_large"
    GONE = "gone"
    TOO_MANY = "too_many"
    FULL = "full"
    STOPPING = "stopping"
    BAD_REQUEST = "bad_request"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    MISDIRECTED_REQUEST = "misdirected_request"
    INTERNAL_SERVER_ERROR = "internal_server_error"


class Problem(Struct, frozen=True, omit_defaults=True):
    """Why a request is refused: `code` is for programs, `detail` for people."""

    title: str
    status: int
    code: Annotated[str, Meta(extra_json_schema={"enum": [*ErrorCode, *ProblemCode]})]
    detail: str
    retry_after: float | None = None  # seconds
    suggest: str | None = None  # a nick that is free


def of_error(error: Error) -> Problem:
    """Give the problem that an error of the socket is."""
    refusal = Refused(
        error.code, error.detail, retry_after=error.retry_after, suggest=error.suggest
    )
    return of_refusal(refusal)


def of_refusal(refusal: Refused) -> Problem:
    """Give the problem that a refusal is."""
    return problem(
        STATUS[refusal.code],
        refusal.code,
        refusal.detail,
        retry_after=refusal.retry_after,
        suggest=refusal.suggest,
    )


def problem(
    status: int,
    code: ErrorCode | ProblemCode,
    detail: str,
    *,
    retry_after: float | None = None,
    suggest: str | None = None,
) -> Problem:
    """Make a problem; its title is the status's phrase."""
    return Problem(HTTPStatus(status).phrase, status, code, detail, retry_after, suggest)


def of_status(status: int, detail: str) -> Problem:
    """Make the problem of an answer that knows its status alone."""
    name = HTTPStatus(status).name.lower()
    if name not in set(ProblemCode):
        name = "bad_request" if status < 500 else "internal_server_error"
    return problem(status, ProblemCode(name), detail)


def answer(told: Problem) -> Response:
    """Give the answer that tells a problem."""
    response = Response(msgspec.json.encode(told), told.status, mimetype=MEDIA_TYPE)
    if told.retry_after is not None:
        response.headers["Retry-After"] = str(ceil(told.retry_after))
    response.headers["Cache-Control"] = "no-store"
    return response


def is_of_api(path: str) -> bool:
    """Tell whether an address belongs to the API, whose answers are for programs."""
    return path == API_PATH or path.startswith(f"{API_PATH}/")
