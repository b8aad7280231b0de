"""The log of a busy server has nothing that people write, no key, no token, no whole address."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import count

import pytest

from tests.support.client import Client
from tests.support.raw import BINARY, RawPeer
from tests.support.servers import FLASK_RUN, GUNICORN, ChatServer

PROBE = (*GUNICORN[:-1], "tests.support.probe:app", "--access-logfile", "-", "--log-level", "debug")
TOKEN = "metrics-token-of-the-operator"
MINE, FORGED = "203.0.113.77", "198.51.100.88"  # addresses that a proxy tells, and that I invent
BUGS = ("a bug of int", "a bug of dict", "a bug of msgspec")


class Secrets:
    """Words that no log may have."""

    def __init__(self) -> None:
        self.words = [TOKEN, MINE, FORGED, "127.0.0.1 "]
        self._numbers = count()

    def new(self, kind: str) -> str:
        """Make one more."""
        self.words.append(f"{kind}-{next(self._numbers)}-oKapi")
        return self.words[-1]


def talk(server: ChatServer, secrets: Secrets, forwarded: str) -> None:
    """Do in a room what people do, and what they should not."""
    headers = {"X-Forwarded-For": f"{FORGED}, {forwarded}"}
    key = secrets.new("key") + "x" * 20
    with Client(server.ws_url, additional_headers=headers) as ann:
        ann.join(secrets.new("nick"), key=key)
        ann.post(secrets.new("text"))
        ann.send(type="rename", nick=secrets.new("nick"))
        ann.expect("renamed")
        wrong = secrets.new("wrong")
        refused = [
            {"type": "post", "id": wrong, "text": [wrong]},
            {"type": "post", "id": [wrong], "text": wrong},
            {"type": "post", "id": wrong, "text": wrong * 1000},
            {"type": "post", "id": wrong, "text": f"{wrong} \udc80"},
            {"type": "post", "id": f"{wrong} ", "text": wrong},
            {"type": "rename", "nick": f"{wrong}\u202e\n"},
            {"type": "rename", "nick": wrong * 10},
            {"type": "history", "before": wrong},
            {"type": "join", "room": wrong, "key": wrong},
            {"type": wrong, wrong: wrong},
            [wrong],
            wrong,
        ]
        for command in refused:
            ann.ws.send(json.dumps(command))
            ann.expect("error")
        for text in (f"{{{wrong}", f'{{"type": "post", "text": "{wrong}', f'{wrong}"', "[" * 5000):
            ann.ws.send(text)
            ann.expect("error")
    with RawPeer(server) as late, Client(server.ws_url, additional_headers=headers) as bob:
        late.open().command(type="post", id="x", text=secrets.new("early"))
        late.event("error")
        late.frame(secrets.new("binary").encode(), BINARY)
        assert late.close_code() == 1003
        bob.join(key=key)
        bob.post(secrets.new("text"))
    for payload in (secrets.new("cut").encode() + b"\xff", secrets.new("long").encode() * 2000):
        with RawPeer(server) as peer:
            peer.open().frame(payload)
            assert peer.close_code() in (1007, 1009)


def ask(server: ChatServer, secrets: Secrets) -> None:
    """Ask over HTTP for what is there, for what is not, and in ways that cannot be read."""
    secret = secrets.new("header")
    lines = f"Host: localhost\r\nConnection: close\r\nX-Forwarded-For: {FORGED} {secret}, {MINE}"
    cookie = f"Cookie: {secret}\r\nReferer: http://localhost/r/x"
    body = json.dumps({"type": "post", "text": secret})
    for request in (
        f"GET / HTTP/1.1\r\n{lines}\r\n{cookie}\r\n\r\n",
        f"GET /r/x?key={secret}&text={secret} HTTP/1.1\r\n{lines}\r\n\r\n",
        f"GET /r/x?%C3%A9={secret}?{secret} HTTP/1.1\r\n{lines}\r\n\r\n",
        f"GET / HTTP/1.1\r\n{lines}\r\nReferer: http://x/?{secret}\r\n\r\n",
        f"GET /metrics HTTP/1.1\r\n{lines}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n",
        f"GET /metrics HTTP/1.1\r\n{lines}\r\nAuthorization: Bearer {secret}\r\n\r\n",
        f"GET /metrics HTTP/1.1\r\n{lines}\r\nAuthorization: Basic {secret}\r\n\r\n",
        f"GET / HTTP/1.1\r\n{lines}\r\nAuthorization : Bearer {TOKEN}\r\n\r\n",
        f"GET / HTTP/1.1\r\n{lines}\r\nAuthorization Bearer {TOKEN}\r\n\r\n",
        f"GET / HTTP/1.1\r\n{lines}\r\nX:\r\n {secret}\r\n\r\n",
        f"GET / HTTP/1.1\r\n{lines}\r\nTransfer-Encoding: {secret}\r\n\r\n",
        f"GET / HTTP/1.1\r\n{lines}\r\nExpect: {secret}\r\n\r\n",
        f"GET / HTTP/{secret}\r\n{lines}\r\n\r\n",
        f"POST / HTTP/1.1\r\n{lines}\r\nContent-Length: {len(body)}\r\n\r\n{body}",
        f"POST / HTTP/1.1\r\n{lines}\r\nTransfer-Encoding: chunked\r\n\r\n{secret}\r\n",
        f"{body}\r\n{lines}\r\n\r\n",
        f"{secret}\r\n\r\n",
    ):
        with RawPeer(server) as peer:
            peer.sock.sendall(request.encode())
            assert peer.sock.recv(1)
    with RawPeer(server) as peer:
        assert peer.handshake(Origin="null", X_Forwarded_For=f"{secret}, {secret}")[0] == 403


def readable(log: str) -> str:
    """Give a log as people read it, also one that is JSON."""
    if not log.startswith("{"):
        return log
    events = map(json.loads, log.splitlines())
    return "".join(f"{each['message']}\n    {each.get('traceback', '')}\n" for each in events)


def fail(server: ChatServer, secrets: Secrets) -> None:
    """Let commands fail that have a text, in ways that quote it."""
    for bug in BUGS:
        with Client(server.ws_url) as ann:
            ann.join(secrets.new("nick"))
            ann.send(type="post", id=secrets.new("id"), text=f"{secrets.new('text')} {bug}")
            assert ann.close_code() == 1012
    log = readable(server.logged("msgspec.ValidationError"))
    assert "ValueError: …\n" in log
    assert "KeyError: …\n" in log
    assert len(re.findall(r": a bug( \w+=[\w-]+)*\n    Traceback", log)) == len(BUGS)


@pytest.mark.parametrize(
    ("command", "form"),
    [(PROBE, "console"), (PROBE, "json"), (FLASK_RUN, "console")],
    ids=["gunicorn", "gunicorn json", "flask run"],
)
def test_log_of_a_busy_server_has_no_secret(
    make_server: Callable[..., ChatServer], command: tuple[str, ...], form: str
) -> None:
    settings = {"CHAT_LOG_FORMAT": form, "CHAT_LOG_LEVEL": "debug"}
    server = make_server(
        command, settings={"TRUSTED_PROXIES": "1", "CHAT_METRICS_TOKEN": TOKEN, **settings}
    )
    server.start()
    secrets = Secrets()
    talk(server, secrets, MINE)
    talk(server, secrets, secrets.new("unknown"))
    ask(server, secrets)
    if command is PROBE:
        fail(server, secrets)
    server.stop()
    log = readable(server.log())
    assert len(secrets.words) > 15
    for word in secrets.words:
        assert word not in log, next(line for line in log.splitlines() if word in line)
    assert "203.0.113.x" in log
    assert "127.0.0.x" in log


def test_log_has_no_addresses_if_told_so(make_server: Callable[..., ChatServer]) -> None:
    server = make_server(
        (*GUNICORN, "--access-logfile", "-"),
        settings={"TRUSTED_PROXIES": "1", "CHAT_LOG_ADDRESSES": "none"},
    )
    server.start()
    headers = {"X-Forwarded-For": MINE}
    server.get("/status", headers)
    with Client(server.ws_url, additional_headers=headers) as ann:
        ann.join()
    with RawPeer(server) as stranger:
        stranger.sock.sendall(b"GARBAGE\r\n\r\n")
        assert stranger.sock.recv(1)
    server.stop()
    log = server.log()
    assert " disconnect somebody room general" in log
    assert "somebody - - [" in log
    assert "from ip=somebody: Invalid" in log
    assert "203.0.113." not in log
