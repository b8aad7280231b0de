"""The pages, and what browsers keep of them.

`/`, `/r/<room>`, and the addresses that lead there; `/sw.js`, `/shell/…`, `/manifest.webmanifest`.
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
from werkzeug.exceptions import NotFound

from chat.names.rooms import HOME, is_room_path, nearest_room, room_at, room_meant
from chat.web.errors import ErrorPages
from chat.web.headers import DOCUMENT, WORKER_POLICY
from chat.web.shell import LANGUAGES, PAPER, Shell

LANGUAGE_COOKIE = "language"
_A_YEAR_S = 365 * 24 * 3600
_PAGES = 64  # kept as they were rendered, 20 KB each


def keep_pages(app: Flask) -> None:
    """Read what pages are made of now: later, another version may be on the disk."""
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)
    with app.test_request_context():
        for language in LANGUAGES:
            with force_locale(language):
                get_domain().get_translations()


def create_pages(shell: Shell, errors: ErrorPages) -> Blueprint:
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
        _tell_language(response)
        response.cache_control.no_cache = True
        return response

    @blueprint.get("/")
    def home() -> ResponseReturnValue:
        if not request.environ["PATH_INFO"]:  # /chat, which is outside /chat/
            return redirect(url_for("chat.home"), 308)
        return page(HOME)

    @blueprint.get("/r/<room>")
    def room(room: str) -> Response:
        if room == HOME or room_meant(room) != room:
            abort(404)
        return page(room)

    @blueprint.app_errorhandler(404)
    def lead(error: NotFound) -> ResponseReturnValue:
        """Lead to the room that an address means, by its one address; or say what is wrong."""
        path = request.path
        # The form of the page that says so sends `/r/?room=…`.
        typed = request.args.get("room") if path == "/r/" else None
        found = room_at(path) if typed is None else room_meant(typed)
        if found and request.method in ("GET", "HEAD"):
            home = found == HOME
            place = url_for("chat.home") if home else url_for("chat.room", room=found)
            return redirect(place, 308)
        if typed is None and is_room_path(path):
            typed = path[len("/r/") :]
        near = room_meant(path.strip("/")) if typed is None else nearest_room(typed)
        return errors.answer(error, typed, near)

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
        response.vary.update(("Accept-Language", "Cookie"))
        response.cache_control.no_cache = True
        return response

    @blueprint.after_app_request
    def harden(response: Response) -> Response:
        for name, value in DOCUMENT.items():
            response.headers.setdefault(name, value)
        return response

    return blueprint


def chosen_language() -> str | None:
    """Give the language that the reader chose in this browser, if it is one of ours."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    return chosen if chosen in LANGUAGES else None


def _tell_language(response: Response) -> None:
    """Say what a page's language depends on, and let the browser keep a choice for a further year.

    The page sets the cookie when somebody chooses. Some browsers keep what a script has set for a
    week only.
    """
    response.vary.update(("Accept-Language", "Cookie"))
    if chosen := chosen_language():
        path = f"{request.root_path}/"
        response.set_cookie(LANGUAGE_COOKIE, chosen, _A_YEAR_S, path=path, samesite="Lax")
