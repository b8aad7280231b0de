"""`/privacy`: the page that says what is kept, where, and for how long."""

from __future__ import annotations

from functools import lru_cache

from flask import Blueprint, Response, render_template, request
from flask_babel import force_locale, get_locale

from chat.config import Settings
from chat.web.compression import Prepared
from chat.web.shell import PAPER, Shell

_PAGES = 16  # kept as they were rendered: for each language, and each path of a proxy


def create_privacy(settings: Settings, shell: Shell) -> Blueprint:
    """Make the blueprint of the page; all templates may say what `settings` say of keeping."""
    blueprint = Blueprint("privacy", __name__)

    def prepare(language: str, root: str) -> Prepared:
        with force_locale(language):
            text = render_template("privacy.html", paper=PAPER, shell=shell, root=root)
        return Prepared(text, "text/html")

    prepared = lru_cache(_PAGES)(prepare) if shell.is_built else prepare

    @blueprint.get("/privacy")
    def page() -> Response:
        response = Response()
        prepared(str(get_locale()), request.root_path).fill(response, request)
        response.vary.update(("Accept-Language", "Cookie"))
        return response

    @blueprint.app_context_processor
    def told() -> dict[str, Settings]:
        return {"settings": settings}

    return blueprint
