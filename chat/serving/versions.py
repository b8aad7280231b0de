"""One version at a time: what the server's process has loaded, and what a SIGHUP loads anew.

gunicorn's master loads the whole program, the page included, and its workers are forks of it. So
settings, worker, application and page are always of one version, whatever lies on the disk
meanwhile: also for a worker that takes the place of one that died. SIGHUP loads the version that
is on the disk then. The libraries stay as they were loaded: USR2 and `make upgrade` renew those.
"""

from __future__ import annotations

import gc
import logging
import sys
from functools import cache
from importlib import import_module, invalidate_caches
from types import ModuleType
from typing import Any

from chat.serving.settings import gunicorn_settings

_logger = logging.getLogger(__name__)


@cache
def _loaded_settings() -> dict[str, Any]:
    """Give the settings, and in them the application, of this very module's version."""
    return gunicorn_settings()


def newest_settings() -> dict[str, Any]:
    """Give gunicorn's settings; from the second call on, those of the version on the disk.

    If that version does not load, the one before goes on.
    """
    if not _loaded_settings.cache_info().currsize:
        return _loaded_settings()
    before = _forget()
    try:
        newest: dict[str, Any] = import_module(__name__).newest_settings()
    except (Exception, SystemExit) as error:  # noqa: BLE001 -- whatever a broken version does
        _forget()
        sys.modules.update(before)
        _logger.error(  # its traceback would say less: the newcomer is broken, not this
            "The version on the disk does not load, so the one before goes on: %s: %s",
            type(error).__name__,
            error,
        )
        return _loaded_settings()
    # Modules know each other, so that without this each version would stay, 2.5 MB of it.
    before.clear()
    gc.collect()
    return newest


def _forget() -> dict[str, ModuleType]:
    """Take this program's modules out of Python's list, so that an import reads them again.

    The log's stays: it has the thread that writes the lines, and what forks must do about it.
    """
    invalidate_caches()
    return {
        name: sys.modules.pop(name)
        for name in tuple(sys.modules)
        if name.partition(".")[0] in ("chat", "wsgi")
        and name not in ("chat.__main__", "chat.serving.logs")
    }
