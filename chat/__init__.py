"""Tchat: open the page, pick a nickname, talk."""

from __future__ import annotations

import atexit
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from babel import negotiate_locale
from flask import Flask, request
from flask_babel import Babel
from werkzeug.middleware.proxy_fix import ProxyFix

from chat.config import Settings, read_settings
from chat.log.sqlite import SQLiteLog
from chat.rooms.commands import Hub
from chat.rooms.registry import Registry
from chat.web.admission import Admission
from chat.web.compression import compress
from chat.web.pages import create_views
from chat.web.shell import LANGUAGES, read_shell
from chat.web.socket import create_ws

_FOREVER_S = 365 * 24 * 3600  # for files whose address changes with them


@dataclass(frozen=True)
class Chat:
    """An application's parts, as `app.extensions["chat"]`."""

    settings: Settings
    hub: Hub
    admission: Admission


def create_app(config: Mapping[str, object] | None = None) -> Flask:
    """Make the application; `config` overrides the environment's settings.

    Raises SettingError or LogError, one line each, for what would not work.
    """
    settings = read_settings(config)
    shell = read_shell(Path(__file__).parent)
    # The version is a folder in every file's address: a page has its modules from its own
    # version or not at all, whatever browsers and proxies keep.
    app = Flask("chat", static_url_path=f"/static/{shell.version}")
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = _FOREVER_S
    app.config["BABEL_DEFAULT_LOCALE"] = LANGUAGES[0]
    app.logger.setLevel(logging.INFO)  # the parent of every logger here

    log = SQLiteLog(
        Path(settings.chat_database or Path(app.instance_path) / "tchat.db"),
        retention_messages=settings.chat_retention_messages,
    )
    registry = Registry()
    hub = Hub(settings, log, registry, page=shell.version)
    admission = Admission(settings.chat_max_connections)

    Babel(app, locale_selector=_language)
    app.register_blueprint(create_views(hub, log, registry, admission, shell))
    app.register_blueprint(create_ws(settings, hub, admission))
    app.after_request(lambda response: compress(response, request.accept_encodings))
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]
    app.extensions["chat"] = Chat(settings, hub, admission)
    # For `flask run`; under gunicorn this would be too late (chat/serving/worker.py).
    atexit.register(hub.stop)
    return app


def _language() -> str | None:
    """Choose the page's language: `en-GB` before `fr` is English, which best_match misses."""
    return negotiate_locale(request.accept_languages.values(), LANGUAGES, sep="-")
