"""The process around the application: gunicorn's settings, its limits, start and stop."""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path
from threading import Thread
from typing import Any

from babel.support import Translations

from chat.config import SettingError, Settings, read_settings, refuse_several_workers
from chat.serving.threads import ConnectionThreads

_RESERVE = 24  # threads that WebSockets may not take: pages and /status always answer
_IDLE = 1000  # sockets without a thread: kept alive, or with half a request
_SPARE_FILES = 128  # descriptors for everything that is no accepted socket
_GRACEFUL_S = 10  # a stop takes well under a second: this is for a process that hangs

# Seconds. A thread that waits for the GIL wakes after each interval to ask for it again:
# when thousands wait at once, nothing is left for the one that has it. Seen with 6,000
# connections that each sent a frame at the same moment: at 50 ms the server froze for half a
# minute now and then, at 500 ms never. No thread of ours computes for so long without I/O.
_SWITCH_INTERVAL_S = 0.5

# Allocations between two garbage collections, and collections between two of an older
# generation. Connecting makes few cycles and many objects that last: with Python's own
# numbers (700, 10, 10) a fifth of the time to connect went into looking through them. The old
# are looked through after some thousand connections: what a long one leaves behind is there.
_GC_THRESHOLDS = (10_000, 5, 2)


def gunicorn_settings() -> dict[str, Any]:
    """Give gunicorn's settings, hooks included; end the process for a wrong one of ours."""
    from chat.serving.worker import end_after_a_body  # gunicorn is not everywhere

    try:
        settings = read_settings()
    except SettingError as error:
        raise SystemExit(f"Tchat: {error}") from None
    connections, accepted = _affordable(settings.chat_max_connections)
    threads = connections + _RESERVE
    return {
        "bind": f"{_in_url(settings.host)}:{settings.port}",
        "worker_class": "gthread",
        # A file's value beats WEB_CONCURRENCY, which platforms set by themselves.
        "workers": 1,
        "threads": threads,
        # What gunicorn accepts must exceed its threads, or /status waits for a WebSocket; and
        # it must not run out of descriptors: accept() would fail, and end the worker.
        "worker_connections": accepted,
        "max_requests": 0,  # it would count WebSockets, and end them all
        "graceful_timeout": _GRACEFUL_S,
        "sendfile": False,  # it would wait for its peer without end
        "control_socket_disable": True,
        "on_starting": lambda server: _check(server, settings),
        "when_ready": lambda server: server.log.info(start_sentence(server.address[0])),
        "post_worker_init": prepare_worker,
        "pre_request": end_after_a_body,
    }


def _affordable(connections: int) -> tuple[int, int]:
    """Raise the limit of open files, and give what the limits allow.

    That is how many WebSockets, and how many sockets that are accepted at a time.
    """
    accepted = connections + _RESERVE + _IDLE
    if sys.platform == "win32":
        return connections, accepted
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = accepted + _SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        accepted = max(soft - _SPARE_FILES, 3 * _RESERVE)
        connections = min(connections, accepted - 2 * _RESERVE)
    # A small platform allows a few hundred processes and threads altogether.
    tasks, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if tasks != resource.RLIM_INFINITY:
        connections = min(connections, tasks - 2 * _RESERVE)
    return max(1, connections), accepted


def _check(server: Any, settings: Settings) -> None:
    """Refuse what the command line made wrong; on_starting of gunicorn."""
    cfg = server.cfg
    try:
        refuse_several_workers(cfg.workers)
        if cfg.worker_class_str != "gthread":
            raise SettingError(f"worker class {cfg.worker_class_str!r}: only gthread is allowed")
        if cfg.threads <= _RESERVE:
            raise SettingError(f"--threads {cfg.threads}: more than {_RESERVE} are needed")
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
    if cfg.threads - _RESERVE < settings.chat_max_connections:
        server.log.warning(
            "CHAT_MAX_CONNECTIONS=%d is lowered to %d: the limits of this machine or --threads "
            "allow no more",
            settings.chat_max_connections,
            cfg.threads - _RESERVE,
        )


def _tune_interpreter() -> None:
    """Prepare for thousands of threads; once everything is imported."""
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    gc.freeze()  # what is here stays: no collection needs to look at it
    gc.set_threshold(*_GC_THRESHOLDS)


def prepare_worker(worker: Any) -> None:
    """Make a worker's threads cheap and its end quick; post_worker_init of gunicorn."""
    from chat.serving.worker import Acceptor

    _tune_interpreter()
    worker.tpool = ConnectionThreads(worker.cfg.threads)
    chat = worker.wsgi.extensions["chat"]
    chat.admission.limit = min(chat.admission.limit, worker.cfg.threads - _RESERVE)
    # Only when nobody gets in any more: who is told to come back finds the next worker, if
    # there is one, and not this. The accepting thread has others to see off meanwhile.
    Acceptor(worker, closed=Thread(target=chat.hub.stop, name="stop").start)
    # SIGINT and SIGQUIT would end it at once, its WebSockets untold.
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, worker.handle_exit)


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


def serve() -> None:
    """Serve until stopped: under gunicorn where there is fork, else under Werkzeug."""
    if hasattr(os, "fork"):
        _serve_with_gunicorn()
    else:
        _serve_with_werkzeug()


def _serve_with_gunicorn() -> None:
    from gunicorn.app.base import BaseApplication

    class Server(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            for name, value in gunicorn_settings().items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            from wsgi import app

            return app

    Server().run()


def _serve_with_werkzeug() -> None:
    from datetime import datetime

    from werkzeug.serving import make_server

    from wsgi import app

    settings: Settings = app.extensions["chat"].settings
    _tune_interpreter()
    server = make_server(settings.host, settings.port, app, threaded=True)
    now = datetime.now().astimezone().strftime("[%Y-%m-%d %H:%M:%S %z]")
    print(now, start_sentence((settings.host, settings.port)), flush=True)
    server.serve_forever()
