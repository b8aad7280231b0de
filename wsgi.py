"""The application, for `flask run` and `gunicorn wsgi:app`."""

import os
import sys

from chat import create_app
from chat.config import SettingError
from chat.log import LogError

try:
    app = create_app()
    if "gunicorn" not in os.environ.get("SERVER_SOFTWARE", ""):
        chat = app.extensions["chat"]
        if not chat.claim():
            raise LogError("another process serves this database")
        chat.start()
except (SettingError, LogError) as error:
    print(f"Tchat: {error}", file=sys.stderr)
    # "Worker failed to boot" in gunicorn's terms: it must not try again and again.
    sys.exit(3)
