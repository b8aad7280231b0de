"""The start: under gunicorn where there is fork, else under Werkzeug."""

from __future__ import annotations

import os
from typing import Any

from chat.config import Settings
from chat.serving.limits import tune_interpreter
from chat.serving.settings import gunicorn_settings, start_sentence


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
    tune_interpreter()
    server = make_server(settings.host, settings.port, app, threaded=True)
    now = datetime.now().astimezone().strftime("[%Y-%m-%d %H:%M:%S %z]")
    print(now, start_sentence((settings.host, settings.port)), flush=True)
    server.serve_forever()
