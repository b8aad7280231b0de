"""Tchat: open the page, pick a nickname, talk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from babel import negotiate_locale
from flask import Flask, request
from flask.helpers import get_debug_flag
from flask.logging import default_handler
from flask_babel import Babel

from chat.config import Settings, read_settings
from chat.engines import Engines, make_engines
from chat.log import Holder, MessageLog
from chat.metrics import Metrics
from chat.rooms.commands import Hub
from chat.rooms.ledger import Ledger, read_allowance
from chat.rooms.registry import Registry
from chat.serving.control import Control
from chat.serving.logs import count_dropped
from chat.sockets.flusher import Flusher
from chat.web.admission import Admission
from chat.web.api.routes import create_api
from chat.web.application import Application
from chat.web.errors import ErrorPages
from chat.web.files import Files
from chat.web.hosts import Hosts
from chat.web.machines import create_machines
from chat.web.pages import chosen_language, create_pages, keep_pages
from chat.web.prefix import Prefixed, TrustedProxies
from chat.web.refusals import Refusals
from chat.web.shell import DIST, LANGUAGES, Shell, read_shell
from chat.web.socket import create_ws

__version__ = "0.1.0"


@dataclass(frozen=True)
class Chat:
    """An application's parts, as `app.extensions["chat"]`."""

    settings: Settings
    hub: Hub
    admission: Admission
    ledger: Ledger | None  # None: nothing is limited
    flusher: Flusher
    engines: Engines
    errors: ErrorPages
    metrics: Metrics
    control: Control | None  # None: the log is on Redis

    @property
    def log(self) -> MessageLog:
        """Give the log."""
        return self.engines.log

    def claim(self, server: int | None = None) -> bool:
        """Take the log for this process; False while another one has it that cannot share it.

        `server` is the pid that others are told, if it is not this process's. Raises LogError.
        """
        return self.log.claim(server)

    def release(self) -> None:
        """Let another process claim the log, before `start`."""
        self.log.release()

    @property
    def place(self) -> str:
        """Give where the log is, for people: its file, without links, or Redis's address."""
        return self.settings.redis_place or str(self.settings.database.resolve())

    def holder(self) -> Holder | None:
        """Give who has the log, when another process has it alone; None if unknown."""
        return self.log.holder()

    def start(self) -> None:
        """Start the threads that serve all connections, in the process that has claimed the log.

        Once, after the last fork and before the first connection: a machine that has no thread
        left later on can then take nothing away from the connections that are there. Raises
        LogError.
        """
        count_dropped(self.metrics.dropped_log_lines.add)
        self.flusher.start()
        self.engines.start()
        self.hub.start()
        if self.control is not None:
            self.control.start()

    def stop(self) -> None:
        """Tell every connection to come back, commit what is queued, and give the log back."""
        if self.control is not None:
            self.control.close()
        self.engines.leave()
        self.hub.stop()
        self.engines.close()


def create_app(config: Mapping[str, object] | None = None) -> Flask:
    """Make the application; `config` overrides the environment's settings.

    Nothing is opened or started before `Chat.claim` and `Chat.start`. Raises SettingError, one
    line, for what would not work.
    """
    settings = read_settings(config)
    package = Path(__file__).parent
    # Who changes the page's sources (`flask run --debug`) reloads it and sees them.
    shell = Shell() if get_debug_flag() else read_shell(package)
    app = Application("chat", static_folder=None if shell.is_built else "static")
    app.config["BABEL_DEFAULT_LOCALE"] = LANGUAGES[0]
    app.logger.setLevel(settings.chat_log_level.upper())  # the parent of every logger here
    app.logger.removeHandler(default_handler)  # all lines go one way: chat/serving/logs.py

    metrics = Metrics()
    registry = Registry(metrics)
    admission = Admission(settings.chat_max_connections)
    flusher = Flusher(metrics)
    ledger = None
    if settings.limited:
        ledger = Ledger(read_allowance(settings), Refusals(app.logger).note)
        # The worker knows what the machine allows, and may lower both.
        ledger.fit(settings.chat_max_connections, settings.chat_max_connections)
    engines = make_engines(settings, registry, ledger, lambda: admission.limit, metrics)
    log, counts = engines.log, engines.counts
    hub = Hub(settings, log, registry, engines.presence, page=shell.version, metrics=metrics)

    Babel(app, locale_selector=_language)
    errors = ErrorPages(app, shell, settings.script_name)
    hosts = Hosts(settings, Refusals(app.logger))
    app.before_request(lambda: hosts.check(request.environ))
    app.register_blueprint(create_pages(settings, shell, errors))
    build = {
        "version": __version__,
        "page": shell.version,
        "engine": "redis" if settings.redis_url else "sqlite",
    }
    app.register_blueprint(create_machines(settings, hub, log, counts, admission, metrics, build))
    app.register_blueprint(create_ws(settings, hub, admission, ledger, flusher, metrics))
    app.register_blueprint(create_api(settings, hub, admission, ledger, metrics))
    if shell.is_built:
        keep_pages(app)
        are_many = bool(settings.redis_url)
        files = Files(
            app.wsgi_app,
            package / DIST,
            shell.names,
            made=shell.later_pages,
            are_many=are_many,
        )
        # A method costs each connection less of its stack than an object that is called.
        app.wsgi_app = files.__call__  # type: ignore[method-assign]
    if settings.script_name or settings.trusted_proxies:
        prefixed = Prefixed(
            app.wsgi_app,
            settings.script_name,
            Refusals(app.logger),
            is_proxied=settings.trusted_proxies > 0,
        )
        app.wsgi_app = prefixed.__call__  # type: ignore[method-assign]
    if settings.trusted_proxies:
        # Each proxy adds an address. The prefix is the nearest one's, or one that it passed on.
        fixed = TrustedProxies(app.wsgi_app, settings.trusted_proxies, x_proto=0, x_prefix=1)
        app.wsgi_app = fixed.__call__  # type: ignore[method-assign]
    control = None if settings.redis_url else Control(app.wsgi_app, settings.database)
    app.extensions["chat"] = Chat(
        settings, hub, admission, ledger, flusher, engines, errors, metrics, control
    )
    return app


def _language() -> str | None:
    """Choose the page's language: the reader's choice, or else the browser's.

    `en-GB` before `fr` is English, which best_match misses.
    """
    return chosen_language() or negotiate_locale(
        request.accept_languages.values(), LANGUAGES, sep="-"
    )
