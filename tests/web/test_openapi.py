"""The description of the API against the API: whatever it allows to ask has an answer it names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import assume, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from chat.protocol import ErrorCode
from chat.web.api.operations import Operation
from chat.web.api.operator import ALL_OPERATIONS
from chat.web.api.shapes import BODY_LIMIT, WAIT_LIMIT_S
from chat.web.problems import STATUS
from tests.support.servers import ChatServer

KEY = {"Authorization": "Bearer abcdefghijklmnopqrstuvwx"}
# Not `ignored_auth`: a key is of its caller's making, so each one is somebody's.
CHECKS = [
    content_type_conformance,
    negative_data_rejection,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]


@pytest.fixture
def described(shared_server: ChatServer) -> schemathesis.openapi.OpenApiSchema:
    return schemathesis.openapi.from_url(f"{shared_server.url}/api/openapi.json")


def cases() -> Iterator[Any]:
    """Give each operation with what it allows, and with what it forbids, if that is anything."""
    for operation in ALL_OPERATIONS:
        asks = "{" in operation.path or operation.needs or operation.body
        for mode in GenerationMode if asks else (GenerationMode.POSITIVE,):
            name = f"{operation.method} {operation.path} {mode.value}"
            yield pytest.param(operation, mode, id=name)


EACH = pytest.mark.parametrize(("operation", "mode"), list(cases()))


def ask(described: Any, operation: Operation, mode: GenerationMode, how: settings) -> None:
    """Ask what the description allows, or forbids, and look at the answers."""
    asked = described[operation.path][operation.method]

    @how
    @given(case=asked.as_strategy(generation_mode=mode))
    def answers(case: schemathesis.Case) -> None:
        assume(len(str(case.query)) < 1000)  # gunicorn reads 4,094 bytes of an address
        assume(len(ascii(case.body)) < BODY_LIMIT // 2)  # what is longer is refused for that
        query = case.query or {}
        if isinstance(wait := query.get("wait"), int | float) and 0 <= wait <= WAIT_LIMIT_S:
            query["wait"] = 0  # seconds
        case.call_and_validate(headers=KEY, checks=CHECKS)

    answers()


@EACH
def test_answers_are_those_that_are_described(
    described: Any, operation: Operation, mode: GenerationMode
) -> None:
    ask(described, operation, mode, settings(max_examples=5, derandomize=True))


@pytest.mark.long
@pytest.mark.timeout(600)
@EACH
def test_answers_to_many_requests_are_those_that_are_described(
    described: Any, operation: Operation, mode: GenerationMode
) -> None:
    ask(described, operation, mode, settings(max_examples=300))


def test_every_refusal_of_the_socket_has_a_status() -> None:
    assert STATUS.keys() == set(ErrorCode)


def test_description_is_openapi_3_1(shared_server: ChatServer) -> None:
    described = json.loads(shared_server.get("/api/openapi.json"))
    assert described["openapi"].startswith("3.1.")
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            assert "default" in operation["responses"]
