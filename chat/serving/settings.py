"""gunicorn's settings: what `gunicorn.conf.py` gives it, and what the command line may change."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chat import Chat, create_app
from chat.config import (
    SettingError,
    Settings,
    read_settings,
    refuse_several_workers,
    unknown_settings,
)
from chat.log import LogError
from chat.serving.addresses import in_url, refuse_addresses
from chat.serving.holder import predecessor, refuse_stranger
from chat.serving.limits import RESERVE, affordable
from chat.serving.spread import Spread
from chat.serving.systemd import hand_over_service, hand_over_sockets
from chat.serving.terminal import ends_with_its_terminal, has_terminal, ignore_further_stops

_WORKER = "chat.serving.worker.Worker"
_GRACEFUL_S = 10  # for a process that hangs: a stop takes well under a second
_OUR_URIS = (None, "wsgi", "wsgi:app")  # None: python -m chat


def gunicorn_settings() -> dict[str, Any]:
    """Give gunicorn's settings, hooks included; end the process for a wrong one of ours."""
    try:
        settings = read_settings()
        _ = settings.log_file  # or SettingError
        # In the master, so that its workers are of one version, page and all, and start at once.
        app = create_app()
    except SettingError as error:
        raise SystemExit(f"Tchat: {error}") from None
    chat: Chat = app.extensions["chat"]
    # Without Redis several would split every room. A file's value beats WEB_CONCURRENCY, which
    # platforms set by themselves; the command line beats the file (_check).
    workers = settings.web_concurrency if settings.redis_url else 1
    allowed = affordable(settings.chat_max_connections, workers=workers)
    started_in = Path.cwd()  # gunicorn has not obeyed --chdir yet
    spread = Spread()

    def serve_with_this_version(server: Any) -> None:
        from chat.serving.worker import Worker  # gunicorn is not everywhere

        server.worker_class = Worker  # also where `-k gthread` names gunicorn's
        if getattr(server.app, "app_uri", None) in _OUR_URIS:
            server.app.callable = app
        if server.cfg.workers > workers:  # the command line asks for more, which share the limits
            fewer = affordable(
                settings.chat_max_connections, workers=server.cfg.workers
            ).connections
            server.cfg.set("threads", min(server.cfg.threads, fewer + RESERVE))

    def on_starting(server: Any) -> None:
        # What USR2 executes. gunicorn would do without `-m` and without the first directory.
        server.START_CTX.update(cwd=str(started_in), args=[sys.executable, *sys.orig_argv[1:]])
        server.handle_usr2 = lambda: _replace(server)
        serve_with_this_version(server)
        _or_exit(_check, server, settings)
        _or_exit(_check_machine, server, chat)
        # A terminal's shell has seen the end of the server that USR2 replaces by this one.
        server.ends_with_its_terminal = not predecessor() and ends_with_its_terminal()

    def on_reload(server: Any) -> None:
        if server.ends_with_its_terminal and not has_terminal():
            from gunicorn.errors import HaltServer

            raise HaltServer("the terminal was closed", 0)
        serve_with_this_version(server)

    def pre_fork(server: Any, worker: Any) -> None:
        worker.place = spread.give()

    def child_exit(server: Any, worker: Any) -> None:
        if worker.place is not None:
            chat.metrics.worker_ended(worker.place.index)
            worker.place.give_back()

    def pre_exec(server: Any) -> None:
        if server.systemd:
            hand_over_sockets(server.LISTENERS)

    def on_exit(server: Any) -> None:
        if server.reexec_pid:
            hand_over_service(server.reexec_pid, server.log)
        ignore_further_stops()

    return {
        "bind": f"{in_url(settings.host)}:{settings.port}",
        "worker_class": _WORKER,
        "logger_class": "chat.serving.gunicorn_log.Logger",
        "loglevel": settings.chat_log_level,
        "workers": workers,
        "threads": allowed.connections + RESERVE,
        # What gunicorn accepts must exceed its threads, or /status waits for a WebSocket; and
        # it must not run out of descriptors: accept() would fail, and end the worker.
        "worker_connections": allowed.accepted,
        # Peers that wait to be accepted, as many as the system allows (net.core.somaxconn). One
        # more is not heard, and tries again after a second.
        "backlog": 65_535,
        "max_requests": 0,  # it would count WebSockets, and end them all
        "graceful_timeout": _GRACEFUL_S,
        "sendfile": False,  # it would wait for a slow peer without end
        "control_socket_disable": True,
        # Nothing depends on http or https. Two proxies that say it differently would get 400.
        "secure_scheme_headers": {},
        # For the same peers only (forwarded_allow_ips), and only behind a proxy.
        "forwarder_headers": "SCRIPT_NAME" if settings.trusted_proxies else "",
        "on_starting": on_starting,
        "on_reload": on_reload,
        "pre_fork": pre_fork,
        "child_exit": child_exit,
        "pre_exec": pre_exec,
        "on_exit": on_exit,
    }


def _replace(server: Any) -> None:
    """Start the server that replaces this one, also right after this one replaced another.

    gunicorn notices within a second that the other one has ended, and does nothing until then.
    """
    server.maybe_promote_master()
    server.reexec()


def _or_exit(check: Callable[..., None], *arguments: Any) -> None:
    """End the process with one line where a check refuses."""
    try:
        check(*arguments)
    except (SettingError, LogError) as error:
        # To whoever starts it, as it is: standard error is the log's by now. In one write, because
        # the log's thread writes to the same place.
        print(f"Tchat: {error}\n", end="", file=sys.__stderr__)
        raise SystemExit(1) from None


def _check(server: Any, settings: Settings) -> None:
    """Refuse what the command line changed for the worse, and warn of what is not done."""
    cfg = server.cfg
    refuse_several_workers(settings, cfg.workers)
    if cfg.worker_class_str not in (_WORKER, "gthread"):
        raise SettingError(f"worker class {cfg.worker_class_str!r}: only gthread is allowed")
    if cfg.threads <= RESERVE:
        raise SettingError(f"--threads {cfg.threads}: more than {RESERVE} are needed")
    if cfg.is_ssl:
        raise SettingError("TLS is for a reverse proxy in front: leave --certfile out")
    for sentence in unknown_settings():
        server.log.warning("%s", sentence)
    if settings.web_concurrency > 1 and not settings.redis_url:
        server.log.warning(
            "WEB_CONCURRENCY=%d is overruled: one worker, because without REDIS_URL several would "
            "split every room",
            settings.web_concurrency,
        )
    allowed = affordable(settings.chat_max_connections, workers=cfg.workers)
    places = cfg.threads - RESERVE
    if places < settings.chat_max_connections:
        server.log.warning(
            "CHAT_MAX_CONNECTIONS=%d is lowered to %d: %s",
            settings.chat_max_connections,
            places,
            allowed.limit if places == allowed.connections else f"--threads is {cfg.threads}",
        )


def _check_machine(server: Any, chat: Chat) -> None:
    """Refuse a log that another server has, and addresses that cannot be listened on.

    Both would be found out later, but with many lines of gunicorn's.
    """
    if chat.claim():
        chat.release()  # it is the worker's, which claims it again
        # With Redis nobody knows whose a port is: perhaps a worker's whose master has died.
        is_ending = bool(chat.settings.redis_url)
    else:
        refuse_stranger(chat, (predecessor(),))
        is_ending = True
    has_sockets = predecessor() or "LISTEN_FDS" in os.environ  # from it, or from systemd
    if not (has_sockets or server.cfg.reuse_port):
        refuse_addresses(server.cfg.address, is_ending=is_ending)
