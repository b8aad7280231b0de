"""Every error that a server answers with: a page in the reader's language, or a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.raw import RawPeer
from tests.support.servers import ChatServer

FRENCH = "Accept: text/html,*/*;q=0.8\r\nAccept-Language: fr-CA, en;q=0.5\r\n"
ENGLISH = "Accept: text/html,*/*;q=0.8\r\nAccept-Language: fr\r\nCookie: language=en\r\n"

# Request line, status, and what is said in French and in English.
READ = [
    ("GET /a/b", 404, "Il n’y a rien à cette adresse.", "There is nothing at this address."),
    ("GET /static/none.js", 404, "Il n’y a rien", "There is nothing"),
    ("GET /shell/0/fr", 404, "Il n’y a rien", "There is nothing"),
    ("GET /r/a.b", 404, "Aucun salon ne peut porter ce nom.", "No room can have this name."),
    ("GET /r/%FF", 404, "Aucun salon ne peut", "No room can"),
    ("POST /r/salon", 405, "n’accepte pas ce qui lui", "does not take what was sent"),
    ("PUT /status", 405, "n’accepte pas", "does not take"),
    ("FOO /", 405, "n’accepte pas", "does not take"),
    ("OPTIONS /a/b", 404, "Il n’y a rien", "There is nothing"),
    ("GET /ws", 400, "n’est pas celle d’une page.", "is not a page."),
    ("GET /metrics", 403, "n’est pas ouverte à tout le monde.", "is not open to everybody."),
    ("POST /ws", 405, "n’est pas celle d’une page.", "is not a page."),
]

# What gunicorn, or the worker before it, cannot read: the reader's language is not known then.
UNREAD = [
    (f"GET /{'a' * 5000} HTTP/1.1\r\nHost: x\r\n", 414, "adresse est trop longue", "is too long"),
    (f"GET / HTTP/1.1\r\nHost: x\r\nCookie: {'a' * 9000}\r\n", 431, "les cookies", "the cookies"),
    (f"GET / HTTP/1.1\r\nHost: x\r\nCookie: {'a' * 20000}\r\n", 431, "les cookies", "the cookies"),
    ("GET / HTTP/1.1\r\n" + "X: y\r\n" * 101, 431, "les cookies", "the cookies"),
    ("GARBAGE\r\n", 400, "n’a pas compris", "did not understand"),
    ("GET / HTTP/9\r\nHost: x\r\n", 400, "n’a pas compris", "did not understand"),
    ("GET / HTTP/1.1\r\nA B: y\r\n", 400, "n’a pas compris", "did not understand"),
    ("GET / HTTP/1.1\r\nExpect: x\r\n", 417, "n’a pas compris", "did not understand"),
    ("POST / HTTP/1.1\r\nTransfer-Encoding: x\r\n", 501, "Une erreur", "Something went wrong"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    server = ChatServer(tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.end()
    assert "Traceback" not in server.log()


def ask(server: ChatServer, request: str) -> tuple[int, dict[str, str], str]:
    """Send a request, and give the answer's status, headers and text."""
    with RawPeer(server) as peer:
        peer.sock.sendall(f"{request}\r\n".encode())
        answer = b""
        while data := peer.sock.recv(65536):
            answer += data
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    assert int(headers.get("content-length", 0)) == len(body) or request.startswith("HEAD")
    return int(first.split()[1]), headers, body.decode()


def is_page(headers: dict[str, str], text: str, *languages: str) -> None:
    """Look whether an answer is a page of Tchat, as strict as the page itself."""
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers.get("server", "gunicorn") == "gunicorn", "no version"
    assert headers["cache-control"] == "no-cache"
    assert f'<html lang="{languages[0]}">' in text
    assert text.count("<section") == len(languages)
    assert '<meta name="robots" content="noindex">' in text
    assert '<a href="/">' in text
    assert not any(each in text for each in ("<script", "<style", " style=", "Traceback"))
    assert len(text) < 5_000


@pytest.mark.parametrize(("line", "status", "french", "english"), READ)
def test_reader_gets_a_page_and_a_program_a_sentence(
    server: ChatServer, line: str, status: int, french: str, english: str
) -> None:
    asked = f"{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    for reader, language, words in ((FRENCH, "fr", french), (ENGLISH, "en", english)):
        found, headers, text = ask(server, asked + reader)
        assert found == status
        is_page(headers, text, language)
        assert words in text
        assert {"accept", "accept-language", "cookie"} <= set(headers["vary"].split(", "))
    found, headers, text = ask(server, f"{asked}Accept: */*\r\n")
    assert found == status
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert len(text) < 60
    assert ("allow" in headers) == (status == 405)


@pytest.mark.parametrize(("asked", "status", "french", "english"), UNREAD)
def test_request_that_cannot_be_read_gets_a_page_in_both_languages(
    server: ChatServer, asked: str, status: int, french: str, english: str
) -> None:
    found, headers, text = ask(server, asked)
    assert found == status
    is_page(headers, text, "fr", "en")
    assert french in text
    assert english in text
    assert headers["connection"] == "close"


def test_head_has_the_headers_of_get_alone(server: ChatServer) -> None:
    rest = f" /a/b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{FRENCH}"
    get, head = ask(server, f"GET{rest}"), ask(server, f"HEAD{rest}")
    for each in (get, head):
        each[1].pop("date")
    assert head == (404, get[1], "")


def test_errors_under_a_path_lead_to_that_path(make_server: Callable[..., ChatServer]) -> None:
    server = make_server(settings={"SCRIPT_NAME": "/chat"})
    server.start()
    for asked in (f"GET /chat/a HTTP/1.1\r\nConnection: close\r\n{FRENCH}", UNREAD[0][0]):
        _, _, text = ask(server, asked)
        assert '<a href="/chat/">' in text
        assert 'href="/chat/static/main-' in text
