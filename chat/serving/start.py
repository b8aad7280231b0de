"""The start of `python -m chat`: under gunicorn where there is fork, else under Werkzeug."""

from __future__ import annotations

import os
import sys

from chat import Chat
from chat.config import SettingError
from chat.serving.addresses import refuse_addresses, start_lines
from chat.serving.limits import tune_interpreter


def serve() -> None:
    """Serve until stopped: under gunicorn where there is fork, else under Werkzeug."""
    # gunicorn listens on all addresses where a platform sets PORT; who starts this does not.
    os.environ["HOST"] = os.environ.get("HOST") or "127.0.0.1"
    if hasattr(os, "fork"):
        _serve_with_gunicorn()
    else:
        _serve_with_werkzeug()


def _serve_with_gunicorn() -> None:
    from gunicorn.app.base import BaseApplication

    class Server(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            # Of the version that is loaded now: SIGHUP comes here too.
            from chat.serving.versions import newest_settings

            for name, value in newest_settings().items():
                self.cfg.set(name, value)

    if getattr(sys, "frozen", False):
        # Executed again by USR2, the one-file program must not use what this one has unpacked.
        os.environ["PYINSTALLER_RESET_ENVIRONMENT"] = "1"
    Server().run()


def _serve_with_werkzeug() -> None:
    from werkzeug.serving import make_server

    from wsgi import app

    chat: Chat = app.extensions["chat"]
    address = (chat.settings.host, chat.settings.port)
    try:
        refuse_addresses([address])
    except SettingError as error:
        raise SystemExit(f"Tchat: {error}") from None
    tune_interpreter()
    server = make_server(*address, app, threaded=True)
    for line in start_lines([address], chat.place, "Ctrl-C"):
        app.logger.info("%s", line)
    server.serve_forever()
