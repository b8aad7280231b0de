"""What docs/protocol.md shows is what a real server says, and what docs/asyncapi.json describes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from typing import Any

import pytest
from jsonschema import Draft7Validator, ValidationError
from referencing import Registry
from referencing.jsonschema import DRAFT7
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.support.client import WAIT_S
from tests.support.servers import ROOT, ChatServer
from tests.support.shown import Shown

PAGE = (ROOT / "docs/protocol.md").read_text()
EXAMPLES = re.findall(r"^#+ ([^\n]+)$|^```ws\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
ASYNCAPI = json.loads((ROOT / "docs/asyncapi.json").read_text())

#: A line of an example: who, in which direction, and what. An indented line goes on with the last.
LINE = re.compile(r"^(\w+) ([<>]) (.+(?:\n +.+)*)$", re.MULTILINE)
NEWS_OF_PEOPLE = ("joined", "left")


def examples() -> Iterator[Any]:
    """Give each example, named by its heading."""
    heading = ""
    for number, (title, lines) in enumerate(EXAMPLES):
        heading = title or heading
        if lines:
            yield pytest.param(lines, id=f"{heading} {number}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    """Run one server for all examples, each with rooms of its own; `left` comes soon there."""
    folder = tmp_path_factory.mktemp("protocol")
    server = ChatServer(folder, settings={"CHAT_LEAVE_GRACE_S": "0.2"})
    try:
        server.start()
        yield server
    finally:
        server.end()


class Play:
    """An example on its way, and the connections of its people."""

    def __init__(self, ws_url: str, stack: ExitStack) -> None:
        self._ws_url = ws_url
        self._stack = stack
        self._connections: dict[str, ClientConnection] = {}
        self._shown = Shown()

    def send(self, who: str, what: str) -> None:
        """Do what a line with `>` says."""
        if what == "closes":
            self._connections.pop(who).close()
            return
        if who not in self._connections:
            connection = connect(self._ws_url, compression=None, ping_interval=None)
            self._connections[who] = self._stack.enter_context(connection)
        if what == "a binary message":
            self._connections[who].send(b"5")
        else:
            command = self._shown.filled(json.loads(what))
            if command["type"] != "wave":  # the example of a command that there is not
                validate(command, "receive")
            self._connections[who].send(json.dumps(command))

    def expect(self, who: str, what: str) -> None:
        """Receive what a line with `<` says."""
        connection = self._connections[who]
        if what.startswith("closed "):
            with pytest.raises(ConnectionClosed) as ended:
                connection.recv(WAIT_S)
            assert ended.value.rcvd is not None
            assert f"closed {ended.value.rcvd.code}" == what
            del self._connections[who]
            return
        shown = json.loads(what)
        while True:
            event = json.loads(connection.recv(WAIT_S))
            validate(event, "send")
            # They come up to 50 ms late, and the example leaves out those that do not matter.
            if event["type"] == shown["type"] or event["type"] not in NEWS_OF_PEOPLE:
                break
        self._shown.compare(shown, event, what)


@pytest.mark.parametrize("lines", list(examples()))
def test_real_server_says_what_the_example_shows(server: ChatServer, lines: str) -> None:
    assert LINE.sub("", lines).strip() == ""  # each line is one of these
    with ExitStack() as stack:
        play = Play(server.ws_url, stack)
        for who, direction, what in LINE.findall(lines):
            (play.send if direction == ">" else play.expect)(who, what)


def test_each_command_and_each_event_is_in_an_example() -> None:
    shown = {
        (direction, json.loads(what)["type"])
        for _, lines in EXAMPLES
        for _, direction, what in LINE.findall(lines)
        if what.startswith("{")
    }
    for direction, action in ((">", "receive"), ("<", "send")):
        missing = {each["name"] for each in messages(action)}
        missing -= {name for way, name in shown if way == direction}
        assert not missing


HANDSHAKE = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
#: What a client sends otherwise, and the status that answers it.
ANSWERED = {
    "101": ("GET", {}),
    "400": ("GET", {"Upgrade": "h2c"}),
    "403": ("GET", {"Origin": "https://other.example"}),
    "405": ("POST", {}),
    "421": ("GET", {"Host": "other.example.org"}),
    "426": ("GET", {"Sec-WebSocket-Version": "12"}),
}
#: A full house; an address that asks too much: test_refusals.py and test_strangers.py have them.
OF_FULL_HOUSE = {"429", "503"}


@pytest.mark.parametrize("status", ANSWERED)
def test_handshake_is_answered_as_the_page_says(server: ChatServer, status: str) -> None:
    method, headers = ANSWERED[status]
    asked = HTTPConnection("127.0.0.1", server.port, timeout=WAIT_S)
    with closing(asked):
        asked.request(method, "/ws", headers={**HANDSHAKE, **headers})
        assert str(asked.getresponse().status) == status
    statuses = set(re.findall(r"^\| (\d{3}) \|", PAGE, re.MULTILINE))
    assert statuses == ANSWERED.keys() | OF_FULL_HOUSE


# --- docs/asyncapi.json -----------------------------------------------------------------


def messages(action: str) -> Iterator[dict[str, Any]]:
    """Give the messages that the server receives (commands) or sends (events)."""
    for operation in ASYNCAPI["operations"].values():
        if operation["action"] == action:
            for message in operation["messages"]:
                yield ASYNCAPI["components"]["messages"][message["$ref"].rpartition("/")[2]]


def validate(said: dict[str, Any], action: str) -> None:
    """Check a command or an event against the schema of its type."""
    (payload,) = (each["payload"] for each in messages(action) if each["name"] == said["type"])
    Draft7Validator({"components": ASYNCAPI["components"], **payload}).validate(said)


def test_description_is_what_the_types_make() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools/asyncapi/describe.py", "--check"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_description_is_valid_asyncapi() -> None:
    specs = ROOT / "tools/asyncapi/node_modules/@asyncapi/specs/schemas/3.0.0.json"
    assert specs.exists(), "run make tools/asyncapi/node_modules/.installed"
    schema = json.loads(specs.read_text())
    resources = (DRAFT7.create_resource(each) for each in schema["definitions"].values())
    registry: Registry[Any] = Registry().with_resources((each.id(), each) for each in resources)
    validator = Draft7Validator(schema, registry=registry)
    assert list(validator.iter_errors(ASYNCAPI)) == []
    assert list(validator.iter_errors({**ASYNCAPI, "channels": []})) != []


@pytest.mark.parametrize(
    "event", [{"type": "done"}, {"type": "done", "id": 1}, {"type": "pinned", "seq": 1}]
)
def test_description_refuses_what_no_server_says(event: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        validate(event, "send")


def test_each_link_of_the_description_leads_somewhere() -> None:
    text = json.dumps(ASYNCAPI)
    for link in set(re.findall(r'"\$ref": "#/([^"]+)"', text)):
        place = ASYNCAPI
        for name in link.split("/"):
            place = place[name]
    closes = ASYNCAPI["channels"]["ws"]["x-close-codes"]
    assert closes.keys() == set(re.findall(r"^\| (\d{4}) \|", PAGE, re.MULTILINE))
