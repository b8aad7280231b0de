"""Write docs/asyncapi.json, the description of `/ws` for programs (AsyncAPI 3.0).

    python tools/asyncapi/describe.py            write the file
    python tools/asyncapi/describe.py --check    fail if the file is not what chat/protocol.py makes

The schemas are made from the structs with which the server reads commands and writes events.
"""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path
from typing import Any, get_args

import msgspec

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from chat import protocol  # noqa: E402 - the path comes first

FILE = ROOT / "docs" / "asyncapi.json"

COMMANDS: tuple[type[protocol.Command], ...] = get_args(protocol.AnyCommand)
EVENTS: list[type[protocol.Event]] = protocol.Event.__subclasses__()

#: What answers each command that is not refused; a refused one is answered by an Error.
ANSWERS: dict[type[protocol.Command], tuple[type[protocol.Event], ...]] = {
    protocol.Join: (protocol.Welcome,),
    protocol.Make: (protocol.Made,),
    protocol.Post: (protocol.Message,),
    protocol.Edit: (protocol.Edited,),
    protocol.Remove: (protocol.Removed,),
    protocol.Pin: (protocol.Pinned,),
    protocol.SetRules: (protocol.RulesSet,),
    protocol.Mute: (protocol.Done,),
    protocol.PutOut: (protocol.Done,),
    protocol.Report: (protocol.Done,),
    protocol.Erase: (protocol.Removed, protocol.Done),
    protocol.Rekey: (protocol.Done,),
    protocol.End: (protocol.Ended,),
    protocol.Audit: (protocol.AuditList,),
    protocol.Find: (protocol.Found,),
    protocol.Rename: (protocol.Renamed,),
    protocol.Typing: (),
    protocol.History: (protocol.Older,),
    protocol.Ping: (protocol.Pong,),
}

Json = dict[str, Any]


def main(*arguments: str) -> int:
    """Write or check the file; give the exit code."""
    made = json.dumps(document(), indent=2, ensure_ascii=False) + "\n"
    if arguments != ("--check",):
        FILE.write_text(made)
    elif not FILE.exists() or FILE.read_text() != made:
        print("docs/asyncapi.json is not what chat/protocol.py makes: run make reference")
        return 1
    return 0


def document() -> Json:
    """Give the description."""
    structs = [*COMMANDS, *EVENTS]
    _, schemas = msgspec.json.schema_components(structs, ref_template="#/components/schemas/{name}")
    channel = {"$ref": "#/channels/ws"}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tchat",
            "version": str(protocol.VERSION),
            "description": "The socket of Tchat, as docs/protocol.md explains it. Each text frame "
            "is one JSON object; `type` names it. Fields and types that are unknown are ignored.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "here": {
                "host": "localhost:8080",
                "protocol": "ws",
                "description": "What `make run` serves; behind TLS the protocol is wss.",
            }
        },
        "channels": {
            "ws": {
                "address": "/ws",
                "messages": {
                    each.__name__: {"$ref": f"#/components/messages/{each.__name__}"}
                    for each in structs
                },
                "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
                "x-close-codes": {str(int(code)): code.name for code in protocol.CloseCode},
            }
        },
        "operations": {
            **{each.__name__: _operation(each, channel) for each in COMMANDS},
            "Tell": {
                "action": "send",
                "channel": channel,
                "summary": "What the server tells, asked or not.",
                "messages": [_in_channel(each) for each in EVENTS],
            },
        },
        "components": {
            "messages": {each.__name__: _message(each) for each in structs},
            "schemas": {name: _for_all_languages(schema) for name, schema in schemas.items()},
        },
    }


def _operation(command: type[protocol.Command], channel: Json) -> Json:
    """Describe what the server does with a command."""
    answers = (*ANSWERS[command], protocol.Error)
    return {
        "action": "receive",
        "channel": channel,
        "summary": _first_line(command),
        "messages": [_in_channel(command)],
        "reply": {"channel": channel, "messages": [_in_channel(each) for each in answers]},
    }


def _message(struct: type[msgspec.Struct]) -> Json:
    return {
        "name": struct.__struct_config__.tag,
        "summary": _first_line(struct),
        "payload": {"$ref": f"#/components/schemas/{struct.__name__}"},
    }


def _in_channel(struct: type[msgspec.Struct]) -> Json:
    return {"$ref": f"#/channels/ws/messages/{struct.__name__}"}


def _first_line(struct: type[msgspec.Struct]) -> str:
    return inspect.getdoc(struct).partition("\n")[0]  # type: ignore[union-attr]


def _for_all_languages(schema: Any) -> Any:
    r"""Give a schema as AsyncAPI has it: patterns with `^` and `$` instead of `\A` and `\Z`.

    OpenAPI's discriminator, which AsyncAPI does not have, is left out: `type` tells structs apart.
    """
    if isinstance(schema, list):
        return [_for_all_languages(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    rest = {
        name: _for_all_languages(each)
        for name, each in schema.items()
        if not (name == "discriminator" and "anyOf" in schema)
    }
    if isinstance(pattern := rest.get("pattern"), str):
        rest["pattern"] = pattern.replace(r"\A", "^").replace(r"\Z", "$")
    if isinstance(text := rest.get("description"), str):
        rest["description"] = inspect.cleandoc(text)
    return rest


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
