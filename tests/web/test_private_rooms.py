"""A private room's link is a key: no index, no other site and no line of the log is told of it."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable

import pytest

from chat.names.keys import new_owner_key, private_room
from chat.names.rooms import room_in_log
from tests.support.client import Client
from tests.support.raw import RawPeer
from tests.support.servers import FLASK_RUN, GUNICORN, ChatServer


def headers(server: ChatServer, path: str) -> tuple[str, dict[str, str]]:
    with urllib.request.urlopen(server.url + path, timeout=10) as answer:
        return answer.read().decode(), dict(answer.headers)


@pytest.mark.shared
def test_page_of_a_private_room_asks_not_to_be_indexed(chat_server: ChatServer) -> None:
    private = private_room(new_owner_key())
    page, told = headers(chat_server, f"/r/{private}")
    assert '<meta name="robots" content="noindex">' in page
    assert told["X-Robots-Tag"] == "noindex"
    assert told["Referrer-Policy"] == "no-referrer"
    for path in ("/", "/r/salon", f"/r/{private[:25]}", f"/r/{private[:25]}1"):
        page, told = headers(chat_server, path)
        assert "noindex" not in page
        assert "X-Robots-Tag" not in told


@pytest.mark.shared
def test_page_is_the_same_whether_the_room_is_there_or_not(chat_server: ChatServer) -> None:
    made, never = (private_room(new_owner_key()) for _ in range(2))
    key = new_owner_key()
    with Client(chat_server.ws_url) as ann:
        ann.send(type="make", private=True, owner=key)
        made = ann.expect("made")["room"]
        ann.join("Ann", made, owner=key)
        ann.send(type="end", id="e")
        ann.close_code()
    assert headers(chat_server, f"/r/{made}")[0] == headers(chat_server, f"/r/{never}")[0]


@pytest.mark.embedded
@pytest.mark.parametrize(
    ("command", "form"),
    [(GUNICORN, "console"), (GUNICORN, "json"), (FLASK_RUN, "console")],
    ids=["gunicorn", "gunicorn json", "flask run"],
)
def test_log_has_a_hash_in_the_place_of_a_private_rooms_name(
    make_server: Callable[..., ChatServer], command: tuple[str, ...], form: str
) -> None:
    if command is GUNICORN:
        command = (*GUNICORN, "--access-logfile", "-")
    server = make_server(command, {"CHAT_LOG_FORMAT": form, "CHAT_LOG_LEVEL": "debug"})
    server.start()
    room = private_room(new_owner_key())
    with Client(server.ws_url) as ann:
        ann.join("Ann", room)
    for path in (f"/r/{room}", f"/r/{room.upper()}/", f"/r/x%20{room}%2Fx"):
        with_slash = urllib.request.Request(server.url + path, headers={"Referer": path})
        try:
            urllib.request.urlopen(with_slash, timeout=10).close()
        except urllib.error.HTTPError as error:
            error.close()
    with RawPeer(server) as peer:
        peer.sock.sendall(f"GET /r/{room} HTTP/9.9\r\n\r\n".encode())
    text = server.logged(f"room {room_in_log(room)} code")
    server.stop()
    text = server.log().lower()
    assert text.count(room_in_log(room)) > 1
    assert room not in text
