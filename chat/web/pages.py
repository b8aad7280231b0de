"""The pages, and what browsers keep of them.

`/`, `/r/<room>`, and the addresses that lead there; `/later/…`; `/privacy`; `/sw.js`, `/shell/…`,
`/manifest.webmanifest`.
"""

from __future__ import annotations

from functools import lru_cache

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import force_locale, get_domain, get_locale
from werkzeug.exceptions import NotFound

from chat.config import Settings
from chat.log import DEEDS_LIMIT
from chat.names.rooms import HOME, is_private, is_room_path, nearest_room, room_at, room_meant
from chat.web.compression import Prepared
from chat.web.errors import ErrorPages
from chat.web.headers import DOCUMENT, WORKER_POLICY
from chat.web.shell import LANGUAGES, PAPER, Shell

LANGUAGE_COOKIE = "language"
_A_YEAR_S = 365 * 24 * 3600
_OTHERS = 64  # texts for paths that are not the setting's, 25 KB each

_KINDS = {
    "index.html": "text/html",
    "later.html": "text/html",
    "privacy.html": "text/html",
    "sw.js": "text/javascript",
    "manifest.jinja": "application/manifest+json",
}


def keep_pages(app: Flask) -> None:
    """Read what pages are made of now: later, another version may be on the disk."""
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)
    with app.test_request_context():
        for language in LANGUAGES:
            with force_locale(language):
                get_domain().get_translations()


def create_pages(settings: Settings, shell: Shell, errors: ErrorPages) -> Blueprint:
    """Make the blueprint of the pages; the headers of all answers are set here too."""
    blueprint = Blueprint("chat", __name__)

    def prepare(
        name: str, language: str, root: str, *, is_kept: bool = False, is_private: bool = False
    ) -> Prepared:
        """Render a text once for all: the language and the path of the chat are all that varies."""
        with force_locale(language):
            text = render_template(
                name,
                settings=settings,
                shell=shell,
                paper=PAPER,
                root=root,
                is_kept=is_kept,
                is_private=is_private,
                kept=_kept(shell, root),
                deeds=DEEDS_LIMIT,
            )
        return Prepared(text, _KINDS[name])

    # Some proxies pass on a path that a stranger wrote: such ones do not push out the usual.
    usual = lru_cache(maxsize=None)(prepare) if shell.is_built else prepare
    other = lru_cache(_OTHERS)(prepare) if shell.is_built else prepare

    def answer(name: str, **kinds: bool) -> Response:
        """Give a text in the reader's language."""
        path = request.root_path
        prepared = usual if path == settings.script_name else other
        response = Response()
        prepared(name, str(get_locale()), path, **kinds).fill(response, request)
        return response

    def localised(name: str) -> Response:
        response = answer(name)
        response.vary.update(("Accept-Language", "Cookie"))
        return response

    def page(**kinds: bool) -> Response:
        """Give the page; which room it shows, it reads from its address."""
        response = answer("index.html", **kinds)
        _tell_language(response)
        return response

    @blueprint.get("/")
    def home() -> ResponseReturnValue:
        if not request.environ["PATH_INFO"]:  # /chat, which is outside /chat/
            return redirect(url_for("chat.home"), 308)
        return page()

    @blueprint.get("/r/<room>")
    def room(room: str) -> Response:
        if room == HOME or room_meant(room) != room:
            abort(404)
        if not is_private(room):
            return page()
        response = page(is_private=True)
        response.headers["X-Robots-Tag"] = "noindex"
        return response

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

    # The page that is kept, which stands in for a room's when there is no server. Its version is in
    # its address: a worker that keeps the page keeps the one that goes with its files.
    @blueprint.get("/shell/<version>/<language>")
    def empty_page(version: str, language: str) -> Response:
        if version != shell.version or language not in LANGUAGES:
            abort(404)
        with force_locale(language):
            return page(is_kept=True)

    # The boxes and sentences for which the first view has no room. They may depend on settings too,
    # of which the version says nothing: browsers ask each time.
    @blueprint.get("/later/<version>/<language>")
    def later(version: str, language: str) -> Response:
        if f"/later/{version}/{language}" not in shell.later_pages:
            abort(404)
        with force_locale(language):
            return answer("later.html")

    @blueprint.get("/sw.js")
    def worker() -> Response:
        if not shell.is_built:
            abort(404)
        response = answer("sw.js")
        response.headers["Content-Security-Policy"] = WORKER_POLICY
        return response

    @blueprint.get("/manifest.webmanifest")
    def manifest() -> Response:
        return localised("manifest.jinja")

    @blueprint.get("/privacy")
    def privacy() -> Response:
        """Say what is kept, where, and for how long."""
        return localised("privacy.html")

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


def _kept(shell: Shell, root: str) -> dict[str, object]:
    """Say what the service worker keeps."""
    return {
        "version": shell.version,
        "root": root,
        "files": [
            *(f"{root}/static/{name}" for name in shell.kept),
            *(root + address for address in shell.later_pages),
        ],
        "later": [f"{root}/static/{name}" for name in shell.later],
        "pages": {each: f"{root}/shell/{shell.version}/{each}" for each in LANGUAGES},
        "otherwise": LANGUAGES[0],
    }


def _tell_language(response: Response) -> None:
    """Say what a page's language depends on, and let the browser keep a choice for a further year.

    The page sets the cookie when somebody chooses. Some browsers keep what a script has set for a
    week only.
    """
    response.vary.update(("Accept-Language", "Cookie"))
    if chosen := chosen_language():
        path = f"{request.root_path}/"
        response.set_cookie(LANGUAGE_COOKIE, chosen, _A_YEAR_S, path=path, samesite="Lax")
