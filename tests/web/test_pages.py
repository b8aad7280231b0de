"""The pages, through Flask's own test client."""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from flask import Flask, template_rendered
from flask.testing import FlaskClient
from jinja2 import Template

from chat import Chat, create_app
from tests.whole.test_costs import calls

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


# The page's own test of room-name.js has the same cases.
CASES = json.loads((Path(__file__).parent.parent / "corpus/rooms.json").read_text("utf-8"))
# What browsers send when somebody opens an address.
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Language": "en-GB"}

GZIP = {"Accept-Encoding": "gzip, deflate, br"}


@pytest.fixture
def make_app(tmp_path: Path) -> Iterator[Callable[..., Flask]]:
    """Make whole applications, and close their logs at the end."""
    with ExitStack() as stack:

        def make(**config: object) -> Flask:
            app = create_app({"CHAT_DATABASE": str(tmp_path / "tchat.db"), **config})
            stack.callback(chat_of(app).hub.stop)
            return app

        yield make


@pytest.fixture
def client(make_app: Callable[..., Flask]) -> FlaskClient:
    return make_app().test_client()


def chat_of(app: Flask) -> Chat:
    """Give the parts of an application."""
    chat = app.extensions["chat"]
    assert isinstance(chat, Chat)
    return chat


# --- pages ------------------------------------------------------------------------


def test_page_is_the_same_for_all_rooms_and_names_none(client: FlaskClient) -> None:
    home = client.get("/")
    assert (home.status_code, home.mimetype) == (200, "text/html")
    assert "<title>Tchat</title>" in home.text
    for path in ("/r/6-b_2", "/r/été"):
        assert client.get(path).data == home.data


@contextmanager
def renderings(app: Flask) -> Iterator[list[str]]:
    """Note the templates that are rendered meanwhile."""
    names: list[str] = []

    def note(_app: Flask, template: Template, **_more: object) -> None:
        names.append(str(template.name))

    with template_rendered.connected_to(note, app):
        yield names


@pytest.mark.parametrize("path", ["/", "/sw.js", "/manifest.webmanifest"])
def test_page_is_rendered_once_a_language_whatever_room_is_asked_for(
    make_app: Callable[..., Flask], path: str
) -> None:
    app = make_app()
    client = app.test_client()
    with renderings(app) as names:
        for number in range(20):
            for language in ("fr", "en"):
                for encoding in ("gzip", "identity"):
                    headers = {"Accept-Language": language, "Accept-Encoding": encoding}
                    room = f"/r/room-{number}" if path == "/" else path
                    assert client.get(room, headers=headers).status_code == 200
    assert len(names) == 2


def test_paths_that_strangers_invent_do_not_push_out_the_page(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(TRUSTED_PROXIES=1, SCRIPT_NAME="/chat")
    client = app.test_client()
    client.get("/chat/")
    for number in range(100):  # a proxy that passes the header on
        page = client.get(f"/x{number}/", headers={"X-Forwarded-Prefix": f"/x{number}"})
        assert f'data-root="/x{number}"' in page.text
    with renderings(app) as names:
        assert 'data-root="/chat"' in client.get("/chat/").text
    assert not names


@pytest.mark.parametrize("path", ["/", "/r/salon", "/sw.js", "/manifest.webmanifest"])
def test_reload_of_what_has_not_changed_costs_no_body(client: FlaskClient, path: str) -> None:
    tags = set()
    for encoding in ("gzip", "identity"):
        headers = {"Accept-Encoding": encoding, "Accept-Language": "fr"}
        tag = client.get(path, headers=headers).headers["ETag"]
        again = client.get(path, headers={**headers, "If-None-Match": tag})
        assert (again.status_code, again.data) == (304, b"")
        assert "Accept-Encoding" in again.vary
        tags.add(tag)
    assert len(tags) == 2
    if path != "/sw.js":
        other = {"Accept-Language": "en", "If-None-Match": ", ".join(tags)}
        assert client.get(path, headers=other).status_code == 200


@pytest.mark.parametrize(
    ("languages", "language"),
    [("fr", "fr"), ("en-GB, fr;q=0.5", "en"), ("de, fr;q=0.8, en;q=0.2", "fr"), ("de", "fr")],
)
def test_page_speaks_the_browsers_language_or_french(
    client: FlaskClient, languages: str, language: str
) -> None:
    response = client.get("/", headers={"Accept-Language": languages})

    assert f'<html lang="{language}"' in response.text
    assert "Accept-Language" in response.vary  # or a cache would mix languages
    assert response.cache_control.no_cache


def test_page_names_only_files_that_there_are(client: FlaskClient) -> None:
    files = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', client.get("/").text))

    assert any(re.search(r"/main-\w+\.js$", file) for file in files)
    for file in files:
        with client.get(file) as response:
            assert response.status_code == 200, file


def version_of(client: FlaskClient) -> str:
    """Tell which version of the page this server gives."""
    found = re.search(r'data-version="(\w+)"', client.get("/").text)
    assert found is not None
    return found[1]


# --- installed and offline --------------------------------------------------------


def test_service_worker_is_asked_for_each_time_and_knows_the_page(client: FlaskClient) -> None:
    response = client.get("/sw.js")

    assert response.mimetype == "text/javascript"
    assert response.cache_control.no_cache
    assert "connect-src 'self'" in response.headers["Content-Security-Policy"]
    found = re.search(r"^const KEPT = (\{.*?\});", response.text, re.MULTILINE)
    assert found is not None
    kept = json.loads(found[1])
    assert kept["version"] == version_of(client)
    assert kept["otherwise"] == "fr"
    page = client.get("/").text
    asked = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page))
    beside = {file for file in asked if re.search("apple-touch|licences", file)}
    assert asked - beside <= set(kept["files"])
    assert not set(kept["later"]) & set(kept["files"])
    for file in [*kept["files"], *kept["later"], *kept["pages"].values()]:
        with client.get(file) as response:
            assert response.status_code == 200, file


@pytest.mark.parametrize(("language", "word"), [("fr", "Entrer"), ("en", "Enter")])
def test_page_of_no_room_has_a_language_of_its_own(
    client: FlaskClient, language: str, word: str
) -> None:
    path = f"/shell/{version_of(client)}/{language}"
    response = client.get(path, headers={"Accept-Language": "en" if language == "fr" else "fr"})

    assert f'<html lang="{language}"' in response.text
    assert f">{word}</button>" in response.text
    assert " data-kept>" in response.text
    assert " data-kept>" not in client.get("/").text


@pytest.mark.parametrize(("language", "word"), [("fr", "Réglages"), ("en", "Settings")])
def test_later_page_has_the_boxes_and_sentences_and_the_sheet_of_the_version(
    client: FlaskClient, language: str, word: str
) -> None:
    asked = re.search(
        r' data-later="([^"]+)"', client.get("/", headers={"Accept-Language": language}).text
    )
    assert asked is not None
    assert asked[1] == f"/later/{version_of(client)}/{language}"
    response = client.get(asked[1], headers={"Accept-Language": "en" if language == "fr" else "fr"})
    assert (response.status_code, response.mimetype) == (200, "text/html")
    assert f'<html lang="{language}"' in response.text
    assert f">{word}</h2>" in response.text
    sentences = re.search(r'id="later-strings">(.*?)</script>', response.text)
    assert sentences is not None
    assert "settings" not in json.loads(sentences[1])
    assert all(json.loads(sentences[1]).values())
    (sheet,) = re.findall(r'<link rel="stylesheet" href="([^"]+)">', response.text)
    with client.get(sheet) as style:
        assert style.mimetype == "text/css"
    assert response.cache_control.no_cache
    again = client.get(asked[1], headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    packed = client.get(asked[1], headers=GZIP)
    assert gzip.decompress(packed.data) == response.data
    assert asked[1] in client.get("/sw.js").text


def test_page_of_the_sources_has_a_later_page_too(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASK_DEBUG", "1")
    client = make_app().test_client()
    assert 'data-later="/later/sources/fr"' in client.get("/").text
    assert 'href="/static/css/later.css"' in client.get("/later/sources/fr").text
    assert client.get("/later/sources/en", headers=GZIP).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/shell/0123456789abcdef/fr",
        "/shell/{version}/de",
        "/later/0123456789abcdef/fr",
        "/later/{version}/de",
        "/later/sources/fr",
    ],
)
def test_no_other_version_or_language_of_it_is_given(client: FlaskClient, path: str) -> None:
    assert client.get(path.format(version=version_of(client))).status_code == 404


@pytest.mark.parametrize(
    ("language", "words"), [("fr", "Ouvrez la page"), ("en", "Open the page, pick a nick")]
)
def test_manifest_speaks_the_readers_language_and_has_the_pages_colour(
    client: FlaskClient, language: str, words: str
) -> None:
    response = client.get("/manifest.webmanifest", headers={"Accept-Language": language})

    assert response.mimetype == "application/manifest+json"
    assert "Accept-Language" in response.vary
    manifest = json.loads(response.text)
    assert manifest["lang"] == language
    assert manifest["description"].startswith(words)
    assert f'content="{manifest["theme_color"]}"' in client.get("/").text
    assert {icon.get("purpose", "any") for icon in manifest["icons"]} == {"any", "maskable"}


def test_address_that_can_be_repaired_leads_to_the_one_address_of_its_room(
    client: FlaskClient,
) -> None:
    # Flask's client takes what follows `//` for a host; test_hosts.py asks for that over a socket.
    for path, room in [case for case in CASES["rooms"] if not case[0].startswith("//")]:
        response = client.get(path)
        place = "/" if room == "general" else f"/r/{quote(room)}"
        if quote(unquote(path)) != place:
            assert (response.status_code, response.location) == (308, place), path
            response = client.get(place)
        assert response.status_code == 200, path


def test_address_of_no_room_is_not_found(client: FlaskClient) -> None:
    for path in [*CASES["none"], "/nowhere", "/r/?room=%F0%9F%91%8D", "/r/?room="]:
        response = client.get(path, headers=BROWSER)
        assert response.status_code == 404, path
        names_a_room = path.lower().startswith("/r/")
        assert ("No room can have this name." in response.text) == names_a_room, path


def test_address_that_looks_like_a_rooms_offers_that_room(client: FlaskClient) -> None:
    for name, near in CASES["traps"]:
        response = client.get(f"/r/{quote(name)}", headers=BROWSER)
        assert response.status_code == 404, name
        assert near is None or f'href="/r/{near}"' in response.text, name


def test_room_that_is_typed_on_the_page_of_an_error_is_opened(client: FlaskClient) -> None:
    response = client.get("/r/?room=Salle+3+B%21&more=1")
    assert (response.status_code, response.location) == (308, "/r/salle-3-b")


def test_only_reading_leads_anywhere(client: FlaskClient) -> None:
    assert client.head("/r/Salon").status_code == 308
    assert client.head("/r/salon").status_code == 200
    assert client.post("/r/Salon").status_code == 405
    assert client.post("/r/a/b").status_code == 404
    assert client.options("/r/salon").status_code == 200


# --- errors -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "near"),
    [("/r/l'%C3%A9t%C3%A9", "l-été"), ("/r/a/b", "a-b"), ("/Salon", "salon"), ("/a/b", None)],
)
def test_page_of_an_error_offers_the_room_that_may_be_meant(
    client: FlaskClient, path: str, near: str | None
) -> None:
    links = re.findall(r'<a href="([^"]+)"', client.get(path, headers=BROWSER).text)
    assert links == [*([f"/r/{quote(near)}"] if near else []), "/"]
    for link in links:
        assert client.get(link).status_code == 200


def test_page_of_an_error_shows_what_was_asked_as_text_alone(client: FlaskClient) -> None:
    path = "/r/" + quote('"><script>alert(1)</script>.x')
    page = client.get(path, headers=BROWSER).text
    assert "<script" not in page
    assert "&#34;&gt;&lt;script&gt;" in page
    assert len(client.get(f"/r/{'👍' * 50_000}", headers=BROWSER).data) < 5_000


@pytest.mark.parametrize("accepted", [None, "*/*", "application/json", "image/*,*/*;q=0.8"])
def test_programs_get_a_sentence(client: FlaskClient, accepted: str | None) -> None:
    response = client.get("/nowhere", headers={"Accept": accepted} if accepted else {})
    assert (response.status_code, response.text) == (404, "Not Found.\n")
    assert response.mimetype == "text/plain"
    assert "Accept" in response.vary


def test_exception_is_a_page_and_logged_once_with_its_traceback(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app()

    def fail() -> str:
        raise RuntimeError("a secret of the server")

    app.add_url_rule("/fail", view_func=fail)
    response = app.test_client().get("/fail", headers={**BROWSER, "Accept-Language": "fr"})
    assert response.status_code == 500
    assert "Une erreur s’est produite sur le serveur." in response.text
    assert "secret" not in response.text
    (record,) = caplog.records
    assert record.exc_info is not None
    assert app.test_client().get("/fail").text == "Internal Server Error.\n"


# --- the reader's language --------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/r/salon", "/nowhere", "/manifest.webmanifest"])
def test_language_that_the_reader_chose_comes_before_the_browsers(
    make_app: Callable[..., Flask], path: str
) -> None:
    client = make_app().test_client(use_cookies=False)
    for chosen, browsers in (("fr", "en"), ("en", "fr")):
        headers = {**BROWSER, "Accept-Language": browsers, "Cookie": f"a=b; language={chosen}"}
        response = client.get(path, headers=headers)
        assert re.search(f'lang("?[:=] ?)"{chosen}"', response.text)
        assert {"Cookie", "Accept-Language"} <= set(response.vary)
    for wrong in ("de", "", "FR", "fr%0d%0aX: y", '"><script>', "en2; language=fr"):
        headers = {**BROWSER, "Accept-Language": "en", "Cookie": f"language={wrong}"}
        assert re.search('lang("?[:=] ?)"en"', client.get(path, headers=headers).text)


def test_choice_of_a_language_is_kept_for_a_further_year_and_none_is_made(
    make_app: Callable[..., Flask],
) -> None:
    for root in ("", "/chat"):
        client = make_app(SCRIPT_NAME=root).test_client(use_cookies=False)
        response = client.get("/", headers={"Cookie": "language=en"})
        cookie = response.headers["Set-Cookie"]
        assert cookie.startswith("language=en; ")
        assert f"; Path={root}/;" in cookie
        assert "Max-Age=31536000" in cookie
        assert "SameSite=Lax" in cookie
        for none in ("", "language=de"):
            assert "Set-Cookie" not in client.get("/", headers={"Cookie": none}).headers


# --- headers ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/r/salon",
        "/r/Salon",
        "/r/a%20b",
        "/nowhere",
        "/status",
        "/healthz",
        "/metrics",
        "/manifest.webmanifest",
        "/later/sources/fr",
        "/ws",
        "/static/js/none.js",
    ],
)
def test_every_response_is_hardened(client: FlaskClient, path: str) -> None:
    with client.get(path) as response:
        headers = response.headers

    parts = headers["Content-Security-Policy"].split(";")
    policy = dict(part.strip().split(" ", 1) for part in parts)
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert policy["trusted-types"] == "dompurify tchat-worker"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert {"camera=()", "microphone=()"} <= set(headers["Permissions-Policy"].split(", "))
    assert "Strict-Transport-Security" not in headers, "nobody said that there is TLS"
    assert "Set-Cookie" not in headers


# --- compression ------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/sw.js", "/manifest.webmanifest"])
def test_pages_leave_compressed_for_whoever_accepts_it(client: FlaskClient, path: str) -> None:
    plain, packed = client.get(path), client.get(path, headers=GZIP)
    assert gzip.decompress(packed.data) == plain.data
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert len(packed.data) == packed.content_length
    for response in (plain, packed):
        assert "Accept-Encoding" in response.vary  # otherwise a cache would give one for the other


@pytest.mark.parametrize("accepted", ["gzip;q=0", "br", "identity", ""])
def test_nobody_gets_what_they_cannot_unpack(client: FlaskClient, accepted: str) -> None:
    response = client.get("/", headers={"Accept-Encoding": accepted})
    assert "Content-Encoding" not in response.headers


@pytest.mark.parametrize("path", ["/status", "/healthz", "/metrics", "/static/js/none.js"])
def test_short_answers_and_those_of_machines_stay_as_they_are(
    client: FlaskClient, path: str
) -> None:
    assert "Content-Encoding" not in client.get(path, headers=GZIP).headers


def test_plain_http_on_the_websocket_address_is_refused(client: FlaskClient) -> None:
    assert client.get("/ws").status_code in (400, 426)


def test_refused_method_is_hardened_too(client: FlaskClient) -> None:
    response = client.post("/status")

    assert response.status_code == 405
    assert "Content-Security-Policy" in response.headers


# --- /ws before the upgrade -------------------------------------------------------


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://localhost:9999",
        "http://localhost.evil.example",
        "http://evil.example/localhost",
        "null",
        "",
        "http://[",
        "localhost",
    ],
)
def test_page_from_elsewhere_may_not_connect(client: FlaskClient, origin: str) -> None:
    response = client.get("/ws", headers={**UPGRADE, "Origin": origin})

    assert response.status_code == 403
    assert response.mimetype == "text/plain"


@pytest.mark.parametrize(
    "origin", ["http://localhost", "https://LOCALHOST", "https://chat.example.org"]
)
def test_our_own_page_and_an_allowed_one_are_not_turned_away(
    make_app: Callable[..., Flask], origin: str
) -> None:
    client = make_app(CHAT_ALLOWED_ORIGINS="https://Chat.example.org/").test_client()

    response = client.get("/ws", headers={**UPGRADE, "Origin": origin, "Sec-WebSocket-Key": ""})

    assert response.status_code == 400  # because of the key, which is checked after the origin


@pytest.mark.parametrize("version", [None, "8", "13, 8", ""])
def test_other_websocket_version_is_told_which_one_is_spoken(
    client: FlaskClient, version: str | None
) -> None:
    headers = {name: value for name, value in UPGRADE.items() if name != "Sec-WebSocket-Version"}
    if version is not None:
        headers["Sec-WebSocket-Version"] = version

    response = client.get("/ws", headers=headers)

    assert response.status_code == 426
    assert response.headers["Sec-WebSocket-Version"] == "13"


@pytest.mark.parametrize("key", ["", "short", "dGhlIHNhbXBsZSBub25jZQ", "!" * 24, "A" * 100])
def test_malformed_websocket_key_is_refused(client: FlaskClient, key: str) -> None:
    response = client.get("/ws", headers={**UPGRADE, "Sec-WebSocket-Key": key})

    assert response.status_code == 400


def test_full_server_refuses_with_the_time_to_come_back(make_app: Callable[..., Flask]) -> None:
    app = make_app(CHAT_MAX_CONNECTIONS=1)
    assert chat_of(app).admission.enter()

    response = app.test_client().get("/ws", headers=UPGRADE)

    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert response.headers["Connection"] == "close"


def test_stopping_server_takes_nobody_in(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    chat_of(app).hub.stop()

    assert app.test_client().get("/ws", headers=UPGRADE).status_code == 503


def test_refused_ones_take_no_place(make_app: Callable[..., Flask]) -> None:
    app = make_app(CHAT_MAX_CONNECTIONS=1)
    client = app.test_client()
    for wrong in ({"Origin": "null"}, {"Sec-WebSocket-Version": "8"}, {"Sec-WebSocket-Key": "x"}):
        assert client.get("/ws", headers={**UPGRADE, **wrong}).status_code in (400, 403, 426)

    assert not chat_of(app).admission.full


def test_upgrade_that_fails_gives_its_place_back(make_app: Callable[..., Flask]) -> None:
    app = make_app(CHAT_MAX_CONNECTIONS=1)

    response = app.test_client().get("/ws", headers=UPGRADE)  # there is no socket behind it

    assert response.status_code >= 400
    assert not chat_of(app).admission.full


def test_templates_are_compiled_once_for_all_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    start = partial(create_app, {"CHAT_DATABASE": str(tmp_path / "tchat.db")})
    start()
    counted = calls(start)
    assert counted["keep_pages"] == 1
    assert counted["visit_Template"] == 0
