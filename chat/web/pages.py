"""The pages, and what browsers keep of them.

`/`, `/r/<room>`; `/sw.js`, `/shell/…`, `/manifest.webmanifest`.
"""

from __future__ import annotations

from functools import lru_cache

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import force_locale, get_domain, get_locale

from chat.names.rooms import clean_room, room_form
from chat.protocol import Refused
from chat.web.headers import DOCUMENT, WORKER_POLICY
from chat.web.shell import LANGUAGES, PAPER, Shell

_HOME = "general"
_PAGES = 64  # kept as they were rendered, 20 KB each


def keep_pages(app: Flask) -> None:
    """Read what pages are made of now: later, another version may be on the disk."""
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)
    with app.test_request_context():
        for language in LANGUAGES:
            with force_locale(language):
                get_domain().get_translations()


def create_pages(shell: Shell) -> Blueprint:
    """Make the blueprint of the pages; the headers of all answers are set here too."""
    blueprint = Blueprint("chat", __name__)

    def render(room: str, language: str, root: str) -> str:
        with force_locale(language):
            return render_template("index.html", room=room, paper=PAPER, shell=shell, root=root)

    # Of the built page, nothing changes but the room's name, the language, and the path under
    # which a proxy shows it.
    html = lru_cache(_PAGES)(render) if shell.is_built else render

    def page(room: str) -> Response:
        """Give a room's page in the reader's language; fresh each time, so that an update shows."""
        response = make_response(html(room, str(get_locale()), request.root_path))
        response.vary.add("Accept-Language")
        response.cache_control.no_cache = True
        return response

    @blueprint.get("/")
    def home() -> ResponseReturnValue:
        if not request.environ["PATH_INFO"]:  # /chat, which is outside /chat/
            return redirect(url_for("chat.home"), 308)
        return page(_HOME)

    @blueprint.get("/r/<room>")
    def room(room: str) -> ResponseReturnValue:
        form = room_form(room)
        try:
            clean_room(form)
        except Refused:
            abort(404)
        if form == _HOME:
            return redirect(url_for("chat.home"), 308)
        if form != room:
            return redirect(url_for("chat.room", room=form), 308)
        return page(room)

    # The page of no room, which stands in for any when there is no server. Its version is in
    # its address: a worker that keeps the page keeps the one that goes with its files.
    @blueprint.get("/shell/<version>/<language>")
    def empty_page(version: str, language: str) -> Response:
        if version != shell.version or language not in LANGUAGES:
            abort(404)
        with force_locale(language):
            return page("")

    @blueprint.get("/sw.js")
    def worker() -> Response:
        if not shell.is_built:
            abort(404)
        root = request.root_path
        kept = {
            "version": shell.version,
            "root": root,
            "files": [f"{root}/static/{name}" for name in shell.kept],
            "later": [f"{root}/static/{name}" for name in shell.later],
            "pages": {each: f"{root}/shell/{shell.version}/{each}" for each in LANGUAGES},
            "otherwise": LANGUAGES[0],
        }
        response = make_response(render_template("sw.js", kept=kept))
        response.mimetype = "text/javascript"
        response.cache_control.no_cache = True
        response.headers["Content-Security-Policy"] = WORKER_POLICY
        return response

    @blueprint.get("/manifest.webmanifest")
    def manifest() -> Response:
        response = make_response(
            render_template(
                "manifest.jinja", paper=PAPER["light"], shell=shell, root=request.root_path
            )
        )
        response.mimetype = "application/manifest+json"
        response.vary.add("Accept-Language")
        response.cache_control.no_cache = True
        return response

    @blueprint.after_app_request
    def harden(response: Response) -> Response:
        for name, value in DOCUMENT.items():
            response.headers.setdefault(name, value)
        return response

    return blueprint
