"""Make plain `gunicorn wsgi:app` right: see chat/serving/settings.py for what and why."""

import sys
from pathlib import Path

# gunicorn may have been started elsewhere, with --chdir, which it obeys later.
if (here := str(Path(__file__).resolve().parent)) not in sys.path:
    sys.path.insert(0, here)

from chat.serving.versions import newest_settings

# gunicorn reads this file again on SIGHUP.
globals().update(newest_settings())
