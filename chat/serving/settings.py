"""gunicorn's settings: what `gunicorn.conf.py` gives it, and what the command line may change."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from babel.support import Translations

from chat.config import SettingError, Settings, read_settings, refuse_several_workers
from chat.serving.limits import RESERVE, Affordable, affordable

_WORKER = "chat.serving.worker.Worker"
_GRACEFUL_S = 10  # for a process that hangs: a stop takes well under a second


def gunicorn_settings() -> dict[str, Any]:
    """Give gunicorn's settings, hooks included; end the process for a wrong one of ours."""
    try:
        settings = read_settings()
    except SettingError as error:
        raise SystemExit(f"Tchat: {error}") from None
    allowed = affordable(settings.chat_max_connections)
    return {
        "bind": f"{_in_url(settings.host)}:{settings.port}",
        "worker_class": _WORKER,
        # A file's value beats WEB_CONCURRENCY, which platforms set by themselves.
        "workers": 1,
        "threads": allowed.connections + RESERVE,
        # What gunicorn accepts must exceed its threads, or /status waits for a WebSocket; and
        # it must not run out of descriptors: accept() would fail, and end the worker.
        "worker_connections": allowed.accepted,
        "max_requests": 0,  # it would count WebSockets, and end them all
        "graceful_timeout": _GRACEFUL_S,
        "sendfile": False,  # it would wait for a slow peer without end
        "control_socket_disable": True,
        "on_starting": lambda server: _check(server, settings, allowed),
        # Nothing depends on http or https. Two proxies that say it differently would get 400.
        "secure_scheme_headers": {},
        # For the same peers only (forwarded_allow_ips), and only behind a proxy.
        "forwarder_headers": "SCRIPT_NAME" if settings.trusted_proxies else "",
        "on_reload": _choose_worker,
        "when_ready": lambda server: server.log.info(start_sentence(server.address[0])),
    }


def _check(server: Any, settings: Settings, allowed: Affordable) -> None:
    """Refuse what the command line changed for the worse; gunicorn's on_starting."""
    cfg = server.cfg
    try:
        refuse_several_workers(cfg.workers)
        if cfg.worker_class_str not in (_WORKER, "gthread"):
            raise SettingError(f"worker class {cfg.worker_class_str!r}: only gthread is allowed")
        if cfg.threads <= RESERVE:
            raise SettingError(f"--threads {cfg.threads}: more than {RESERVE} are needed")
        if cfg.is_ssl:
            raise SettingError("TLS is for a reverse proxy in front: leave --certfile out")
    except SettingError as error:
        raise SystemExit(f"Tchat: {error}") from None
    if settings.web_concurrency > 1:
        server.log.warning(
            "WEB_CONCURRENCY=%d is overruled: one worker, because without Redis several would "
            "split every room",
            settings.web_concurrency,
        )
    places = cfg.threads - RESERVE
    if places < settings.chat_max_connections:
        server.log.warning(
            "CHAT_MAX_CONNECTIONS=%d is lowered to %d: %s",
            settings.chat_max_connections,
            places,
            allowed.limit if places == allowed.connections else f"--threads is {cfg.threads}",
        )
    _choose_worker(server)


def _choose_worker(server: Any) -> None:
    """Use our worker also where `-k gthread` names gunicorn's; gunicorn's on_reload, too."""
    from chat.serving.worker import Worker  # gunicorn is not everywhere

    server.worker_class = Worker


def _in_url(host: str) -> str:
    """Give a host as a URL has it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def start_sentence(address: Any) -> str:
    """Say where the chat can be opened: in English where the locale is, else in French."""
    if isinstance(address, str):  # a Unix socket
        url = address
    else:
        host, port = address[:2]
        local = host in ("127.0.0.1", "0.0.0.0", "::1", "::", "")  # noqa: S104 - only compared
        url = f"http://{'localhost' if local else _in_url(host)}:{port}"
    locale = next(
        (os.environ[n] for n in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(n)), ""
    )
    language = "en" if locale.lower().startswith("en") else "fr"
    translations = Translations.load(Path(__file__).parent.parent / "translations", [language])
    return translations.gettext("Server started on {url}").format(url=url)
