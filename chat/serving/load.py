"""What `wsgi.py` gives: the application, ready for whoever loads it; or a refusal in one line."""

from __future__ import annotations

import atexit
import logging
import os
import sys
from pathlib import Path

import click
from flask import Flask
from flask.cli import FlaskGroup
from flask.helpers import get_debug_flag

from chat import Chat, create_app
from chat.config import SettingError, read_settings, unknown_settings
from chat.log import LogError
from chat.serving.holder import take_log
from chat.serving.logs import Lines, form_named, log_everything
from chat.serving.werkzeug_server import tell_less

_BOOT_ERROR = 3  # in gunicorn's terms: it does not try again and again


def load() -> Flask:
    """Make the application, and start it if this process will serve it."""
    try:
        settings = read_settings()
        if not _is_gunicorn():
            form = form_named(settings.chat_log_format)
            lines = Lines(sys.__stderr__, form, settings.log_file)
            log_everything(lines, level=settings.chat_log_level)
            logging.getLogger("werkzeug").setLevel(settings.chat_log_level.upper())
        _refuse_gunicorn_without_our_settings()
        app = create_app()
        if not _is_gunicorn():
            tell_less(settings.chat_log_addresses)
        if _serves_here():
            for sentence in unknown_settings():
                app.logger.warning("%s", sentence)
            chat: Chat = app.extensions["chat"]
            if (workers := chat.settings.web_concurrency) > 1:
                app.logger.warning(
                    "WEB_CONCURRENCY=%d is overruled: only gunicorn has several workers", workers
                )
            take_log(chat)
            atexit.register(chat.stop)
            chat.start()
    except (SettingError, LogError) as error:
        # To whoever starts it, as it is; in gunicorn's worker it is a line of the log. In one
        # write, because the log's thread writes to the same place.
        print(f"Tchat: {error}\n", end="", file=sys.stderr if _is_gunicorn() else sys.__stderr__)
        sys.exit(_BOOT_ERROR)
    return app


def _refuse_gunicorn_without_our_settings() -> None:
    """Refuse workers that would each serve a part of the people, and hang with a few of them."""
    if _is_gunicorn() and not _has_our_settings():
        file = Path(__file__).parents[2] / "gunicorn.conf.py"
        raise SettingError(f"gunicorn has not read its settings: start it with -c {file}")


def _is_gunicorn() -> bool:
    return "gunicorn.arbiter" in sys.modules


def _has_our_settings() -> bool:
    return "chat.serving.settings" in sys.modules  # only they import it: see gunicorn.conf.py


def _serves_here() -> bool:
    """Tell whether this process serves the application, and not another or none at all."""
    if _is_gunicorn():
        return False  # its workers do: chat/serving/worker.py
    command = click.get_current_context(silent=True)
    if command is None or not isinstance(command.find_root().command, FlaskGroup):
        return True
    if command.info_name != "run":  # flask shell, flask routes …
        return False
    reloads = command.params.get("reload")
    if reloads is None:
        reloads = get_debug_flag()
    # With the reloader it is the child that serves.
    return not reloads or os.environ.get("WERKZEUG_RUN_MAIN") == "true"
