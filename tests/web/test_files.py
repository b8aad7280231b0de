"""The page's files: compressed beforehand, kept for good, without Flask."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from chat.web.files import Files
from chat.web.shell import DIST, read_shell
from tests.support.servers import ROOT

SHELL = read_shell(ROOT / "chat")
DIST_HERE = ROOT / "chat" / DIST
MAIN = f"/static/{SHELL.addresses['js/main.js']}"
TEXTS = [SHELL.addresses[name] for name in ("js/main.js", "css/main.css", "vendor/emoji/fr.json")]


def _elsewhere(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("404 NOT FOUND", [])
    return [b"the application"]


@pytest.fixture(scope="module")
def client() -> Client:
    return Client(Files(_elsewhere, DIST_HERE, SHELL.names))


@pytest.fixture(scope="module")
def one_of_many() -> Client:
    files = Files(_elsewhere, DIST_HERE, SHELL.names, made=SHELL.later_pages, are_many=True)
    return Client(files)


def test_file_of_another_version_is_asked_for_again_where_other_servers_may_have_it(
    one_of_many: Client,
) -> None:
    client = one_of_many
    address = "/static/main-ABCD1234.js"
    for number in range(1, 11):
        response = client.get(address)
        assert response.status_code == 307
        assert response.headers["Location"] == f"?again={number}"
        assert response.headers["Cache-Control"] == "no-store"
        assert response.data == b""
        address = f"/static/main-ABCD1234.js?again={number}"
    assert client.get(address).data == b"the application"
    assert client.get(f"{MAIN}?again=3").status_code == 200


def test_later_page_of_another_version_is_asked_for_again_and_the_own_one_is_not(
    one_of_many: Client,
) -> None:
    assert one_of_many.get("/later/0123456789abcdef/fr").status_code == 307
    for address in SHELL.later_pages:
        assert one_of_many.get(address).data == b"the application"


@pytest.mark.parametrize(
    "path",
    [
        "/static/main.js",
        "/r/main-ABCD1234.js",
        "/later/sources/fr",
        "/static/main-ABCD1234.js?again=99",
        "/static/main-ABCD1234.js?again=-1",
        "/static/main-ABCD1234.js?other=1",
    ],
)
def test_what_is_no_file_of_a_version_is_not_asked_for_again(
    one_of_many: Client, path: str
) -> None:
    assert one_of_many.get(path).data == b"the application"


def test_only_server_does_not_send_anybody_to_another(client: Client) -> None:
    assert client.get("/static/main-ABCD1234.js").data == b"the application"


@pytest.mark.parametrize("name", TEXTS)
def test_texts_leave_as_they_were_compressed(client: Client, name: str) -> None:
    plain = client.get(f"/static/{name}")
    assert plain.data == (DIST_HERE / name).read_bytes()
    assert "Content-Encoding" not in plain.headers
    zipped = client.get(f"/static/{name}", headers={"Accept-Encoding": "gzip, deflate"})
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped.data) == plain.data
    small = client.get(f"/static/{name}", headers={"Accept-Encoding": "gzip, deflate, br, zstd"})
    assert small.headers["Content-Encoding"] == "br"
    assert small.data == (DIST_HERE / f"{name}.br").read_bytes()
    assert len(small.data) == small.content_length < len(zipped.data) < len(plain.data)
    for response in (plain, zipped, small):
        assert "Accept-Encoding" in response.vary  # otherwise a cache would give one for the other


@pytest.mark.parametrize("name", sorted(SHELL.names))
def test_files_are_kept_for_good(client: Client, name: str) -> None:
    response = client.get(f"/static/{name}")
    assert response.status_code == 200
    assert response.cache_control.max_age is not None
    assert response.cache_control.max_age >= 365 * 24 * 3600
    assert response.cache_control.immutable
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert not {"Access-Control-Allow-Origin", "Set-Cookie"} & set(response.headers.keys())
    # Only an SVG can be a document. For the other files these headers would be a third of the cost.
    assert ("Content-Security-Policy" in response.headers) == name.endswith(".svg")


@pytest.mark.parametrize(
    "path",
    [
        "/static/manifest.json",
        f"{MAIN}.br",
        "/static/js/main.js",
        "/static/",
        "/static/../__init__.py",
    ],
)
def test_nothing_else_is_given(client: Client, path: str) -> None:
    assert client.get(path).data == b"the application"


def test_file_that_has_not_changed_is_not_sent_again(client: Client) -> None:
    etag = client.get(MAIN).headers["ETag"]
    again = client.get(MAIN, headers={"If-None-Match": etag})
    assert again.status_code == 304
    assert again.data == b""


def test_head_tells_the_size_alone_and_post_is_refused(client: Client) -> None:
    head = client.head(MAIN)
    assert head.content_length == (DIST_HERE / MAIN.removeprefix("/static/")).stat().st_size
    assert head.data == b""
    assert client.post(MAIN).status_code == 405


def test_files_that_leave_the_disk_under_a_running_server_are_given_as_before(
    tmp_path: Path,
) -> None:
    folder = shutil.copytree(DIST_HERE, tmp_path / "dist")
    client = Client(Files(_elsewhere, folder, SHELL.names))
    before = client.get(MAIN).data
    shutil.rmtree(folder)
    assert client.get(MAIN).data == before
