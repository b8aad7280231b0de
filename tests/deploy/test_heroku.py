"""The Procfile, app.json and .python-version, as Heroku and similar platforms read them."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from chat.config import Settings
from tests.support.client import Client
from tests.support.redis import RedisServer
from tests.support.servers import ROOT, ChatServer, free_port
from tests.support.tls import certify
from tests.support.trees import copy_program

MakeServer = Callable[..., ChatServer]

#: The web process, as the platform's shell gets it.
WEB = (ROOT / "Procfile").read_text().partition("web: ")[2].strip()
APP = json.loads((ROOT / "app.json").read_text())
#: What devcenter.heroku.com/articles/app-json-schema has, of what app.json uses.
_STRINGS = {"name", "description", "success_url", "stack"}
_OTHERS = {"keywords": list, "buildpacks": list, "formation": dict, "addons": list, "env": dict}
_VARIABLE = {"description": str, "value": str, "generator": str, "required": bool}


@pytest.fixture
def start_dyno(make_server: MakeServer, tmp_path: Path) -> Callable[..., ChatServer]:
    """Start the web process in a copy of the program, with what a dyno has, and nothing else."""

    def start(**variables: str) -> ChatServer:
        line = WEB.replace("{", "{{").replace("}", "}}")
        environment = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(tmp_path),
            "DYNO": "web.1",
            "CHAT_LOG_ADDRESSES": "full",
            **variables,
        }
        server = make_server(
            ("env", "PORT={port}", "bash", "-c", line),
            environment=environment,
            cwd=copy_program(tmp_path / "app"),
        )
        server.start()
        return server

    return start


def test_web_process_serves_where_the_platform_says_and_believes_its_router(
    start_dyno: Callable[..., ChatServer],
) -> None:
    server = start_dyno()
    assert "Tchat" in server.get("/")
    router = {"X-Forwarded-For": "192.0.2.1, 203.0.113.7", "X-Forwarded-Proto": "https"}
    with Client(server.ws_url, additional_headers=router) as ann:
        ann.join("Ann")
        ann.post("hello")
        assert server.stop() < 10.0  # a dyno is killed 30 s after SIGTERM
        assert ann.close_code() == 1012
    server.logged("disconnect 203.0.113.7 ")


def test_web_processes_share_a_redis_whose_certificate_nobody_has_signed(
    start_dyno: Callable[..., ChatServer], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    port = free_port(request.node)
    certify(tmp_path, "127.0.0.1")
    files = {
        "cert_file": "fullchain.pem",
        "key_file": "privkey.pem",
        "ca_cert_file": "fullchain.pem",
    }
    tls = {f"tls_{name}": str(tmp_path / file) for name, file in files.items()}
    redis = RedisServer(tmp_path / "redis", tls_port=port, tls_auth_clients="no", **tls)
    redis.start()
    try:
        server = start_dyno(
            REDIS_URL=f"rediss://127.0.0.1:{port}",
            REDIS_URL_QUERY=APP["env"]["REDIS_URL_QUERY"]["value"],
            WEB_CONCURRENCY="2",
        )
        with Client(server.ws_url) as ann:
            ann.join("Ann")
            ann.post("hello")
        server.redis_url = redis.url
        assert [message.text for message in server.kept()["general"]] == ["hello"]
    finally:
        redis.end()


def test_app_json_has_what_heroku_documents_and_names_only_what_exists() -> None:
    assert set(APP) <= _STRINGS | set(_OTHERS)
    assert all(isinstance(APP[name], str) for name in _STRINGS)
    assert all(isinstance(APP[name], kind) for name, kind in _OTHERS.items())
    assert all(set(each) == {"url"} for each in APP["buildpacks"])
    assert all({"plan"} <= set(each) <= {"plan", "as", "options"} for each in APP["addons"])
    assert all(set(each) == {"quantity", "size"} for each in APP["formation"].values())
    assert set(APP["formation"]) == {"web"}
    settings = {field.encode_name for field in msgspec.structs.fields(Settings)}
    of_procfile = set(re.findall(r"\$\{?([A-Z_]+)", WEB))
    for name, about in APP["env"].items():
        assert name in settings | of_procfile
        assert about.get("description")
        assert all(isinstance(value, _VARIABLE[key]) for key, value in about.items())
        assert about.get("generator", "secret") == "secret"


def test_python_version_is_the_one_that_the_tests_and_the_image_have() -> None:
    version = (ROOT / ".python-version").read_text().strip()
    assert re.fullmatch(r"3\.\d+", version)  # the platform chooses the newest of that series
    requires = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert requires == f">={version}"
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert [base.partition("-")[0] for base in bases] == [f"python:{version}"] * len(bases)
