"""The answers to what goes wrong: a page for a reader, a sentence for a program."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from http import HTTPStatus

from flask import Flask, Response, make_response, render_template, request
from flask_babel import force_locale, get_locale
from markupsafe import Markup
from werkzeug.exceptions import HTTPException

from chat.web.application import WS_PATH
from chat.web.headers import DOCUMENT
from chat.web.problems import answer, is_of_api, of_status
from chat.web.shell import LANGUAGES, PAPER, Shell

_PAGE = "text/html"


class Refusal(HTTPException):
    """An answer that refuses a request, with a sentence of our own for programs."""

    def __init__(
        self, code: int, sentence: str, headers: Mapping[str, str], hosts: str | None = None
    ) -> None:
        """Refuse; `hosts`, where Host is the reason: what CHAT_HOSTS would have to be, or ""."""
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.headers = headers
        self.hosts = hosts


class ErrorPages:
    """The pages that say what is wrong and what to do.

    They are HTML and the page's style sheet: without that, or without any script, all can be read
    and pressed.
    """

    def __init__(self, app: Flask, shell: Shell, root: str) -> None:
        """Answer for the application's errors; `root` is the path where it is usually shown."""
        self._app = app
        self._shell = shell
        self._root = root
        # gunicorn knows a handful of errors, and writes none of them often.
        self.unread = lru_cache(len(HTTPStatus))(self._unread)
        app.register_error_handler(HTTPException, self.answer)

    def answer(
        self, error: HTTPException, room: str | None = None, near: str | None = None
    ) -> Response:
        """Answer for an error.

        `room` is what stands where a room's name should be, `near` a room that may be meant.
        """
        status = error.code or 500
        if is_of_api(request.path):
            return _for_program(error, status)
        if _is_reader():
            hosts = error.hosts if isinstance(error, Refusal) else None
            page = self._page(status, [str(get_locale())], request.root_path, room, near, hosts)
            response = make_response(page, status)
        else:
            sentence = error.sentence if isinstance(error, Refusal) else f"{error.name}."
            response = make_response(f"{sentence}\n", status)
            response.mimetype = "text/plain"
        for name, value in _headers(error):
            response.headers[name] = value
        response.vary.update(("Accept", "Accept-Language", "Cookie"))
        response.cache_control.no_cache = True
        return response

    def _unread(self, status: int) -> bytes:
        """Give the whole answer to a request that could not be read: in all languages."""
        with self._app.test_request_context():
            page = self._page(status, LANGUAGES, self._root).encode()
        headers = {
            **DOCUMENT,
            "Connection": "close",
            "Cache-Control": "no-cache",
            "Content-Type": f"{_PAGE}; charset=utf-8",
            "Content-Length": str(len(page)),
        }
        lines = (f"{name}: {value}" for name, value in headers.items())
        head = "\r\n".join((f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *lines, "", ""))
        return head.encode("ascii") + page

    def _page(
        self,
        status: int,
        languages: Iterable[str],
        root: str,
        room: str | None = None,
        near: str | None = None,
        hosts: str | None = None,
    ) -> str:
        words = {}
        for language in languages:
            with force_locale(language):
                words[language] = Markup(  # noqa: S704 -- Jinja has escaped it
                    render_template(
                        "error-words.html",
                        status=status,
                        room=room,
                        near=near,
                        hosts=hosts,
                        is_socket=request.path == WS_PATH,
                        root=root,
                    )
                )
        return render_template(
            "error.html", status=status, words=words, paper=PAPER, shell=self._shell, root=root
        )


def _for_program(error: HTTPException, status: int) -> Response:
    """Tell a program of the API what is wrong."""
    detail = error.sentence if isinstance(error, Refusal) else f"{error.name}."
    response = answer(of_status(status, detail))
    response.headers.update(_headers(error))
    return response


def _is_reader() -> bool:
    """Tell whether a browser shows the answer to somebody: programs do not name HTML."""
    return any(kind == _PAGE and quality > 0 for kind, quality in request.accept_mimetypes)


def _headers(error: HTTPException) -> list[tuple[str, str]]:
    """Give what an error tells besides its page, like Allow."""
    if isinstance(error, Refusal):
        return list(error.headers.items())
    return [(name, value) for name, value in error.get_headers() if name != "Content-Type"]
