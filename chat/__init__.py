"""Tchat: open the page, pick a nickname, talk."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from babel import negotiate_locale
from flask import Flask, request
from flask.helpers import get_debug_flag
from flask.logging import default_handler
from flask_babel import Babel

from chat.config import Settings, read_settings
from chat.log import Holder, MessageLog
from chat.log.sqlite import SQLiteLog
from chat.rooms.announcer import Announcer
from chat.rooms.commands import Hub
from chat.rooms.counts import Counts, LocalCounts
from chat.rooms.ledger import Ledger, read_allowance
from chat.rooms.local_presence import LocalPresence
from chat.rooms.presence import Presence
from chat.rooms.registry import Registry
from chat.serving.logs import dropped_lines
from chat.sockets.flusher import Flusher
from chat.web.admission import Admission
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

if TYPE_CHECKING:  # who needs no Redis need not wait for its client
    from chat.redis.channels import Channels
    from chat.redis.servers import Servers
    from chat.rooms.leases import Leases


class Redis(NamedTuple):
    """The way to Redis, which the engines of several workers share."""

    servers: Servers
    channels: Channels
    leases: Leases


@dataclass(frozen=True)
class Chat:
    """An application's parts, as `app.extensions["chat"]`."""

    settings: Settings
    hub: Hub
    admission: Admission
    ledger: Ledger | None  # None: nothing is limited
    flusher: Flusher
    log: MessageLog
    counts: Counts
    errors: ErrorPages
    redis: Redis | None  # None: this worker is the only one

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
        self.flusher.start()
        if self.redis is not None:
            self.redis.servers.start()
            self.redis.channels.start()
            self.redis.leases.start()
        self.hub.start()
        self.counts.start()

    def stop(self) -> None:
        """Tell every connection to come back, commit what is queued, and give the log back."""
        self.hub.stop()
        self.counts.close()
        if self.redis is not None:
            self.redis.leases.close()
            self.redis.channels.close()
            self.redis.servers.close()


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
    app.logger.setLevel(logging.INFO)  # the parent of every logger here
    app.logger.removeHandler(default_handler)  # all lines go one way: chat/serving/logs.py

    redis = _redis(settings)
    log = _log(settings, redis)
    registry = Registry()
    presence = _presence(settings, redis, log, registry)
    hub = Hub(settings, log, registry, presence, page=shell.version)
    admission = Admission(settings.chat_max_connections)
    counts = _counts(redis, registry, admission)
    flusher = Flusher()
    ledger = None
    if settings.limited:
        ledger = Ledger(read_allowance(settings), Refusals(app.logger).note)
        # The worker knows what the machine allows, and may lower both.
        ledger.fit(settings.chat_max_connections, settings.chat_max_connections)

    Babel(app, locale_selector=_language)
    errors = ErrorPages(app, shell, settings.script_name)
    hosts = Hosts(settings, Refusals(app.logger))
    app.before_request(lambda: hosts.check(request.environ))
    app.register_blueprint(create_pages(settings, shell, errors))
    app.register_blueprint(create_machines(settings, hub, log, counts, admission, dropped_lines))
    app.register_blueprint(create_ws(settings, hub, admission, ledger, flusher))
    if shell.is_built:
        keep_pages(app)
        are_many = redis is not None
        files = Files(app.wsgi_app, package / DIST, shell.names, are_many=are_many)
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
    app.extensions["chat"] = Chat(
        settings, hub, admission, ledger, flusher, log, counts, errors, redis
    )
    return app


def _redis(settings: Settings) -> Redis | None:
    """Prepare the way to Redis, where REDIS_URL names one."""
    if not settings.redis_url:
        return None
    from chat.redis.channels import Channels
    from chat.redis.servers import Servers
    from chat.rooms.leases import Leases

    servers = Servers(settings.redis_url)
    return Redis(servers, Channels(servers), Leases(servers))


def _log(settings: Settings, redis: Redis | None) -> MessageLog:
    """Make the log: on Redis, or in a file."""
    if redis is None:
        return SQLiteLog(
            settings.database,
            retention_messages=settings.chat_retention_messages,
            retention_min_hours=settings.chat_retention_min_hours,
            retention_days=settings.chat_retention_days,
            room_idle_days=settings.chat_room_idle_days,
            database_bytes=settings.chat_database_bytes,
        )
    from chat.log.redis import RedisLog

    return RedisLog(
        redis.servers,
        redis.channels,
        place=settings.redis_place,
        retention_messages=settings.chat_retention_messages,
        retention_min_hours=settings.chat_retention_min_hours,
        replicas=settings.chat_redis_replicas,
    )


def _presence(
    settings: Settings, redis: Redis | None, log: MessageLog, registry: Registry
) -> Presence:
    """Make what knows the people: of all workers, on Redis, or of the only one."""
    announcer = Announcer(registry)
    leave_grace_s = settings.chat_leave_grace_s
    nick_reservation_s = settings.chat_nick_reservation_s
    rename_every_s = settings.chat_rename_every_s if settings.limited else 0.0
    if redis is None:
        return LocalPresence(
            announcer,
            log.recent_nicks,
            leave_grace_s=leave_grace_s,
            nick_reservation_s=nick_reservation_s,
            rename_every_s=rename_every_s,
        )
    from chat.rooms.shared_presence import SharedPresence

    return SharedPresence(
        *redis,
        announcer,
        log.recent_nicks,
        leave_grace_s=leave_grace_s,
        nick_reservation_s=nick_reservation_s,
        rename_every_s=rename_every_s,
    )


def _counts(redis: Redis | None, registry: Registry, admission: Admission) -> Counts:
    """Make the numbers: of all workers, or of the only one."""
    if redis is None:
        return LocalCounts(registry, lambda: admission.limit)
    from chat.rooms.shared_counts import SharedCounts

    return SharedCounts(redis.servers, redis.leases, registry, lambda: admission.limit)


def _language() -> str | None:
    """Choose the page's language: the reader's choice, or else the browser's.

    `en-GB` before `fr` is English, which best_match misses.
    """
    return chosen_language() or negotiate_locale(
        request.accept_languages.values(), LANGUAGES, sep="-"
    )
