"""The description of the API (OpenAPI 3.1), made of the types that it reads and gives."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec

from chat.names import NAME_LIMIT
from chat.protocol import VERSION
from chat.web.api.operations import Operation
from chat.web.api.operator import ALL_OPERATIONS
from chat.web.api.shapes import HookKey, Nothing, Reading
from chat.web.problems import API_PATH, MEDIA_TYPE, Problem

_REF = "#/components/schemas/{name}"
_ABOUT = {
    "room": "The name of a room.",
    "id": "The id of a message, which its sender has made.",
    "member": "The public id of a member.",
}
_IN_PATHS: dict[str, dict[str, Any]] = {
    "room": {"type": "string", "minLength": 1, "maxLength": NAME_LIMIT},
    "id": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
    "member": {"type": "string", "pattern": "^[A-Za-z0-9_-]{22}$"},
}
_KEYS = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "A secret of the caller's making, 22 to 128 characters: it is the member.",
    },
    "owner": {
        "type": "apiKey",
        "in": "header",
        "name": "Tchat-Owner",
        "description": "The owner key of the room, or the operator's CHAT_ADMIN_TOKEN.",
    },
    "hook": {
        "type": "apiKey",
        "in": "query",
        "name": "key",
        "description": "The key of the member that a webhook is: it is in its address.",
    },
}
# Which of them an operation wants. An owner who sends no other key is the member of that key.
_SECURITY: dict[str, list[tuple[str, ...]]] = {
    "": [(), ("key",), ("owner",), ("key", "owner")],
    "key": [("key",), ("owner",), ("key", "owner")],
    "owner": [("owner",), ("key", "owner")],
    "hook": [("hook",)],
}


@cache
def describe() -> bytes:
    """Give the description as JSON."""
    types = {each for operation in ALL_OPERATIONS for each in _types(operation)} | {Problem}
    _, components = msgspec.json.schema_components(
        sorted(types, key=lambda each: each.__name__), ref_template=_REF
    )
    queries = {operation.query.__name__ for operation in ALL_OPERATIONS}
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Tchat",
                "version": str(VERSION),
                "description": "Exactly-once chat over HTTP.",
                "license": {"name": "MIT", "identifier": "MIT"},
            },
            "servers": [{"url": f"..{API_PATH}"}],
            "paths": _paths(components),
            "components": {
                "schemas": {
                    name: each for name, each in sorted(components.items()) if name not in queries
                },
                "securitySchemes": _KEYS,
            },
        }
    )


def _types(operation: Operation) -> Iterator[type[Any]]:
    yield operation.query
    if operation.body is not None:
        yield operation.body
    for shapes in operation.answers.values():
        yield from (each for each in shapes if each is not Nothing)


def _paths(components: dict[str, Any]) -> dict[str, dict[str, Any]]:
    paths: dict[str, dict[str, Any]] = {}
    for operation in ALL_OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(
            operation, components
        )
    return paths


def _described(operation: Operation, components: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": operation.do.__name__.strip("_"),
        "parameters": [*_path_parameters(operation), *_query_parameters(operation, components)],
        "responses": {
            **{str(status): _answer(operation, status) for status in operation.answers},
            "default": {
                "description": "Why it is refused.",
                "content": {MEDIA_TYPE: {"schema": _ref(Problem)}},
            },
        },
        "security": [{name: [] for name in keys} for keys in _SECURITY[operation.needs]],
    }
    if operation.body is not None:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _ref(operation.body)}},
        }
    return described


def _path_parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    for part in operation.path.split("/"):
        if part.startswith("{"):
            name = part.strip("{}")
            yield {
                "name": name,
                "in": "path",
                "required": True,
                "description": _ABOUT[name],
                "schema": _IN_PATHS[name],
            }


def _query_parameters(operation: Operation, components: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if operation.query is HookKey:  # a secret, so that it is described with the others
        return
    shape = components[operation.query.__name__]
    for name, schema in shape["properties"].items():
        yield {
            "name": name,
            "in": "query",
            "required": name in shape.get("required", ()),
            "schema": schema,
        }


def _answer(operation: Operation, status: int) -> dict[str, Any]:
    shapes = [each for each in operation.answers[status] if each is not Nothing]
    if not shapes:
        return {"description": "It is done."}
    schema = _ref(shapes[0]) if len(shapes) == 1 else {"anyOf": list(map(_ref, shapes))}
    content: dict[str, Any] = {"application/json": {"schema": schema}}
    if operation.query is Reading:
        content["text/event-stream"] = {"schema": {"type": "string"}}
    return {"description": str(shapes[0].__doc__), "content": content}


def _ref(shape: type[Any]) -> dict[str, str]:
    return {"$ref": _REF.format(name=shape.__name__)}
