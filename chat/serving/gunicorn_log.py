"""gunicorn's log, through ours: it has the same form, and nobody waits for it."""

from __future__ import annotations

import logging
import os
import re
import sys
from pathlib import Path
from stat import S_ISREG
from typing import Any

from gunicorn.glogging import Logger as GunicornLogger

from chat.config import read_settings
from chat.names.addresses import peer_in_log
from chat.names.rooms import without_private_rooms
from chat.serving.logs import LineHandler, Lines, form_named, log_everything

# What it says of a request that it cannot read: whose, why, and often the request.
_INVALID = re.compile(r"(Invalid request from ip=)(\S*)(: [^:]*)")
# Parts of the names of what `--access-logformat` may ask for, and what is an address.
_ADDRESSES = ("forwarded", "real-ip", "real_ip", "remote_addr")
# The same for what has a query, in which anybody may write anything.
_WITH_QUERY = ("r", "f", "{raw_uri}e", "{referer}i", "{http_referer}e")
_QUERY = re.compile(r"\?\S*")


class Logger(GunicornLogger):  # type: ignore[misc]
    """gunicorn's error and access log, and the log of all else in its processes.

    `--error-logfile`, `--access-logfile`, `--log-syslog` and `--log-config` do what they do in
    gunicorn. A regular file keeps nobody waiting.
    """

    def __init__(self, cfg: Any) -> None:
        self._stderr, self._stdout = Lines(sys.__stderr__), Lines(sys.__stdout__)
        super().__init__(cfg)

    def setup(self, cfg: Any) -> None:
        """Set the handlers, at the start and at each reload."""
        settings = read_settings()
        self._told = settings.chat_log_addresses
        self._is_json = settings.chat_log_format == "json"
        self._stderr.file = settings.log_file
        for lines in (self._stderr, self._stdout):
            lines.form = form_named(settings.chat_log_format)
        super().setup(cfg)
        if not (cfg.logconfig or cfg.logconfig_dict or cfg.logconfig_json):
            log_everything(self._stderr, self.error_log.handlers, settings.chat_log_level)

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Warn; of a request that cannot be read, without what a stranger put into it."""
        if found := _INVALID.match(msg):
            peer = peer_in_log({"REMOTE_ADDR": found[2]}, self._told)
            msg = f"{found[1]}{peer}{found[3]}"
        super().warning(msg, *args, **kwargs)

    def atoms(self, resp: Any, req: Any, environ: Any, request_time: Any) -> dict[str, Any]:
        """Give what the access log may say: no query, no private room, no address but as set."""
        atoms: dict[str, Any] = super().atoms(resp, req, environ, request_time)
        peer = peer_in_log(environ, self._told)
        for name in atoms:
            if name == "h" or any(part in name for part in _ADDRESSES):
                atoms[name] = peer
        for name in _WITH_QUERY:
            if isinstance(atoms.get(name), str):
                atoms[name] = _QUERY.sub("", atoms[name])
        atoms.update(dict.fromkeys(("q", "{query_string}e"), ""))
        return {
            name: without_private_rooms(each) if isinstance(each, str) else each
            for name, each in atoms.items()
        }

    def _set_handler(
        self, log: logging.Logger, output: str | None, fmt: logging.Formatter, stream: Any = None
    ) -> None:
        lines = None if output is None else self._standard(output, stream)
        if lines is None:
            super()._set_handler(log, output, fmt, stream)
        else:
            super()._set_handler(log, None, fmt)  # which takes the one before away
            handler = LineHandler(lines)
            handler._gunicorn = True  # type: ignore[attr-defined]
            log.addHandler(handler)
        if handler := self._get_gunicorn_handler(log):
            # The access log has a format of its own, which --access-logformat changes.
            is_own = log is self.access_log and not self._is_json
            handler.setFormatter(fmt if is_own else self._stderr.form)

    def _standard(self, output: str, stream: Any) -> Lines | None:
        """Give the standard stream that an output is; /dev/stderr is one, by another name."""
        if output == "-":
            return self._stdout if stream is sys.stdout else self._stderr
        try:
            found = Path(output).stat()
            if not S_ISREG(found.st_mode):
                for descriptor, lines in ((2, self._stderr), (1, self._stdout)):
                    if os.path.samestat(found, os.fstat(descriptor)):
                        return lines
        except OSError:  # there is no such file yet, or no such stream
            return None
        return None
