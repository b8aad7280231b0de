"""The chat under a path: every address in every answer has it, and strangers cannot set it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from chat import create_app
from tests.support.client import Client
from tests.support.raw import RawPeer
from tests.support.servers import FLASK_RUN, GUNICORN, MODULE, ChatServer

MakeServer = Callable[..., ChatServer]
FORWARDED = {"X-Forwarded-Prefix": "/chat"}
PLACES = re.compile(r'(?:href|src|data-emoji)="([^"#]+)"')

DEBUG = (*FLASK_RUN, "--debug", "--no-reload")
COMMANDS = {"gunicorn": GUNICORN, "python -m chat": MODULE, "flask run": FLASK_RUN, "debug": DEBUG}


# `python -m chat` starts gunicorn, and with --debug it is Flask's server all the same.
LONG = ("python -m chat", "debug")


@pytest.fixture(
    params=[pytest.param(name, marks=pytest.mark.long if name in LONG else ()) for name in COMMANDS]
)
def command(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return COMMANDS[request.param]


def answer(
    server: ChatServer, path: str, headers: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Ask for a path, and give the status and the whole answer."""
    lines = [f"{name}: {value}" for name, value in (headers or {}).items()]
    with RawPeer(server) as peer:
        ask = "\r\n".join((f"GET {path} HTTP/1.1", "Host: x", *lines, "Connection: close", "", ""))
        peer.sock.sendall(ask.encode())
        parts = []
        while data := peer.sock.recv(65536):
            parts.append(data)
    text = b"".join(parts).decode("utf-8", "replace")
    return int(text.split()[1]), text


def is_whole_under(server: ChatServer, prefix: str, asked: str, headers: dict[str, str]) -> None:
    """Follow every address of the page; `asked` stands before those that reach the server."""

    def get(path: str) -> str:
        assert path.startswith(f"{prefix}/"), path
        status, text = answer(server, asked + path.removeprefix(prefix), headers)
        assert status == 200, path
        return text.partition("\r\n\r\n")[2]

    for path in (f"{prefix}/", f"{prefix}/r/salon"):
        page = get(path)
        assert f'data-root="{prefix}"' in page
        places = PLACES.findall(page)
        assert any("/static/" in place for place in places)
        assert f"{prefix}/manifest.webmanifest" in places
        for place in places:
            get(place)
    manifest = json.loads(get(f"{prefix}/manifest.webmanifest"))
    assert {manifest["id"], manifest["start_url"], manifest["scope"]} == {f"{prefix}/"}
    for icon in manifest["icons"]:
        get(icon["src"])
    if 'data-version=""' not in page:
        kept = json.loads(re.findall(r"KEPT = (\{.*?\});", get(f"{prefix}/sw.js"))[0])
        for place in [*kept["files"], *kept["later"], *kept["pages"].values()]:
            found = get(place)
            if "/later/" in place:
                assert set(PLACES.findall(found)) & set(kept["files"]), place  # its sheet
            else:
                assert f'data-root="{prefix}"' in found or "/static/" in place
    for typed, place in (("Salon", "r/salon"), ("general", "")):
        status, text = answer(server, f"{asked}/r/{typed}", headers)
        assert status == 308
        assert f"\r\nlocation: {prefix}/{place}\r\n".lower() in text.lower()
    url = f"ws://127.0.0.1:{server.port}{asked}/ws"
    with Client(url, additional_headers=headers) as ann:
        ann.join()
        ann.post("hello")


def test_prefix_of_the_proxy_is_in_every_address(
    make_server: MakeServer, command: tuple[str, ...]
) -> None:
    server = make_server(command, settings={"TRUSTED_PROXIES": "1"})
    server.start()
    is_whole_under(server, "/chat", "", FORWARDED)  # as nginx with a slash behind proxy_pass
    is_whole_under(server, "/chat", "/chat", FORWARDED)  # and without it
    is_whole_under(server, "/chat", "/", FORWARDED)  # `location /chat`, without its slash
    is_whole_under(server, "/a/b.c", "", {"X-Forwarded-Prefix": "/a/b.c/"})
    is_whole_under(server, "", "", {})  # beside it, without a proxy


def test_script_name_is_in_every_address(make_server: MakeServer, command: tuple[str, ...]) -> None:
    server = make_server(command, settings={"SCRIPT_NAME": "/chat"})
    server.start()  # asks for /healthz, as a platform may
    is_whole_under(server, "/chat", "/chat", {})
    is_whole_under(server, "/chat", "", {})


def test_script_name_in_a_header_is_gunicorns_way(make_server: MakeServer) -> None:
    server = make_server(settings={"TRUSTED_PROXIES": "1"})
    server.start()
    is_whole_under(server, "/chat", "/chat", {"SCRIPT_NAME": "/chat"})


def test_prefix_of_a_stranger_changes_nothing(
    make_server: MakeServer, command: tuple[str, ...]
) -> None:
    server = make_server(command)
    server.start()
    for header in ("X-Forwarded-Prefix", "SCRIPT_NAME", "X-Script-Name"):
        is_whole_under(server, "", "", {header: "/chat"})
        assert server.get("/", {header: "/chat"}) == server.get("/")


NONE = ["//evil.example", "https://evil.example", "chat", "/a b", "/<script>", "/../x", "/\\evil",
        "/é", "/%2e", "/" + "x" * 200, "/a//b", "/a?b", "/a#b"]  # fmt: skip


def test_prefix_that_is_none_is_not_used(make_server: MakeServer) -> None:
    server = make_server(settings={"TRUSTED_PROXIES": "1"})
    server.start()
    for prefix in NONE:
        status, text = answer(server, "/r/Salon", {"X-Forwarded-Prefix": prefix})
        assert status == 308
        assert "\r\nlocation: /r/salon\r\n" in text.lower(), prefix
        assert 'data-root=""' in answer(server, "/", {"X-Forwarded-Prefix": prefix})[1], prefix
    is_whole_under(server, "", "", {"X-Forwarded-Prefix": NONE[0]})
    said = server.logged("is not used")
    lines = [line for line in said.splitlines() if "is not used" in line]
    assert 1 <= len(lines) <= server.workers  # one a worker
    assert all("X-Forwarded-Prefix" in line for line in lines)


@pytest.mark.parametrize("prefix", NONE)
def test_prefix_that_is_none_is_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, prefix: str
) -> None:
    app = create_app({"CHAT_DATABASE": str(tmp_path / "tchat.db"), "TRUSTED_PROXIES": 1})
    try:
        for _ in range(3):
            app.test_client().get("/r/Salon", headers={"X-Forwarded-Prefix": prefix})
    finally:
        app.extensions["chat"].hub.stop()
    (line,) = [line for line in caplog.messages if "is not used" in line]
    assert "X-Forwarded-Prefix" in line


def test_nearest_of_two_proxies_says_the_prefix(make_server: MakeServer) -> None:
    server = make_server(settings={"TRUSTED_PROXIES": "2"})
    server.start()
    is_whole_under(server, "/chat", "", FORWARDED)
    is_whole_under(server, "/chat", "", {"X-Forwarded-Prefix": "/stranger, /chat"})


def test_prefix_without_its_slash_leads_to_the_page(make_server: MakeServer) -> None:
    server = make_server(settings={"SCRIPT_NAME": "/chat/"})
    server.start()
    status, text = answer(server, "/chat")
    assert status == 308
    assert "\r\nlocation: /chat/\r\n" in text.lower()
    assert answer(server, "/chatter")[0] == 404
    assert answer(server, "/chat/chatter")[0] == 404
