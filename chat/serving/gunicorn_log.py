"""gunicorn's log, through ours: it has the same form, and nobody waits for it."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Any

from gunicorn.glogging import Logger as GunicornLogger

from chat.serving.logs import STDERR, STDOUT, Form, LineHandler, Lines, log_everything


class Logger(GunicornLogger):  # type: ignore[misc]
    """gunicorn's error and access log, and the log of all else in its processes.

    `--error-logfile`, `--access-logfile`, `--log-syslog` and `--log-config` do what they do in
    gunicorn. A regular file keeps nobody waiting.
    """

    def setup(self, cfg: Any) -> None:
        """Set the handlers, at the start and at each reload."""
        super().setup(cfg)
        if not (cfg.logconfig or cfg.logconfig_dict or cfg.logconfig_json):
            log_everything(self.error_log.handlers)

    def _set_handler(
        self, log: logging.Logger, output: str | None, fmt: logging.Formatter, stream: Any = None
    ) -> None:
        lines = None if output is None else _standard(output, stream)
        if lines is None:
            super()._set_handler(log, output, fmt, stream)
        else:
            super()._set_handler(log, None, fmt)  # which takes the one before away
            handler = LineHandler(lines)
            handler._gunicorn = True  # type: ignore[attr-defined]
            log.addHandler(handler)
        if handler := self._get_gunicorn_handler(log):
            # The access log has a format of its own, which --access-logformat changes.
            handler.setFormatter(Form() if log is self.error_log else fmt)


def _standard(output: str, stream: Any) -> Lines | None:
    """Give the standard stream that an output is; /dev/stderr is one, by another name."""
    if output == "-":
        return STDOUT if stream is sys.stdout else STDERR
    try:
        found = Path(output).stat()
    except OSError:
        return None
    for lines, descriptor in ((STDERR, 2), (STDOUT, 1)):
        if not Path(output).is_file() and os.path.samestat(found, os.fstat(descriptor)):
            return lines
    return None
