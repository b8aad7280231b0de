"""The log of a process: all lines in one form, to one place, and nobody waits for them.

A write to a pipe that nobody reads (a log collector that has stopped) does not return. So lines
wait in a bounded queue, one thread writes them, and lines that find no room are counted. The
standard library's QueueListener does half of it: it does not count, it does not survive a fork, and
a process that ends would wait for it for ever.
"""

from __future__ import annotations

import atexit
import io
import json
import logging
import os
import re
import select
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from queue import SimpleQueue
from threading import Event, RLock, Thread
from time import monotonic
from typing import Any, TextIO

from msgspec import MsgspecError

from chat.names.rooms import without_private_rooms

_LINES_LIMIT = 1000  # events that may wait
_EVENT_LIMIT = 8192  # characters of one
_DRAIN_S = 0.5  # how long the end of a process waits for a reader; of the worker, then the master

_STYLE = re.compile(r"\x1b\[[0-9;]*m")  # a terminal's colours: Werkzeug's lines have them
# What an event contains may come from a stranger: it moves no cursor.
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if code != ord("\t")}

# Exceptions that quote what they do not like, which may be what somebody wrote.
_QUOTING = (ValueError, LookupError, MsgspecError)

# What tells whose an event is; a line is given them by `extra=`.
_IDS = ("connection", "member")


class Form(logging.Formatter):
    """The form of all lines for people: time, process, level, text, and whose event it is.

    An event is one line. What else it has, a traceback, follows it and is indented, so that
    nothing in an event can look like another event.
    """

    def __init__(self) -> None:
        super().__init__(
            "%(asctime)s [%(process)d] [%(levelname)s] %(message)s", "[%Y-%m-%d %H:%M:%S %z]"
        )

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 -- as below
        """Give the line of an event."""
        ids = "".join(f" {name}={value}" for name, value in _ids(record).items())
        return super().formatMessage(record) + ids

    def format(self, record: logging.LogRecord) -> str:
        """Give an event as it is written, without the end of its last line."""
        text = _without_secrets(super().format(record))
        return "\n    ".join(line.translate(_CONTROLS) for line in text.splitlines())

    def formatException(self, ei: Any) -> str:  # noqa: N802 -- the standard library's name
        """Give a traceback: where it happened and what, but nothing of what people write."""
        text = super().formatException(ei)
        for error in _chain(ei[1]):
            if isinstance(error, _QUOTING) and (said := str(error)):
                text = text.replace(f": {said}", ": …")
        return text


class JsonForm(Form):
    """The form of all lines for programs: an event is one line, and that is one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Give an event as it is written, without the end of its line."""
        event: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created)
            .astimezone()
            .isoformat("T", "milliseconds"),
            "level": record.levelname.lower(),
            "process": record.process,
            "logger": record.name,
            "message": _without_secrets(record.getMessage()),
            **_ids(record),
        }
        if record.exc_info:
            event["traceback"] = _without_secrets(self.formatException(record.exc_info))
        return json.dumps(event)  # in ASCII: nothing in it moves a cursor


def form_named(name: str) -> Form:
    """Give the form that CHAT_LOG_FORMAT names."""
    return JsonForm() if name == "json" else Form()


def _ids(record: logging.LogRecord) -> dict[str, str]:
    return {name: value for name in _IDS if (value := getattr(record, name, ""))}


def _without_secrets(text: str) -> str:
    """Give a text as the log may have it: not too long, and without the names of private rooms."""
    return without_private_rooms(_STYLE.sub("", text)[:_EVENT_LIMIT])


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Give an exception and those that it came of, as a traceback has them."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        yield error
        error = error.__cause__ or error.__context__


class Lines:
    """The way of lines to a standard stream or a file; from any thread, without waiting."""

    def __init__(self, stream: TextIO | None, form: Form | None = None, file: str = "") -> None:
        """Prepare for a stream; None, of a process that was started without it, takes nothing.

        With a `file`, lines go there. Its name is looked up for each line: who renames it, like
        logrotate, finds a new one in its place.
        """
        self.form = form or Form()
        self.file = file
        #: Is told of each line that is not written; for any thread.
        self.count: Callable[[], object] = int
        self._stream = None if stream is None else stream.fileno()
        self._opened: int | None = None  # the descriptor of the file
        # Guards what `_begin` makes, but the queue. A signal handler may log while it is held.
        self._lock = RLock()
        self._begin()
        atexit.register(self.drain)
        if hasattr(os, "register_at_fork"):
            # No fork while a time is formatted: the C library's lock would stay taken in the child.
            os.register_at_fork(
                before=self._lock.acquire,
                after_in_parent=self._lock.release,
                after_in_child=self._begin_in_child,
            )

    def _begin(self) -> None:
        self._queue: SimpleQueue[str | Event] = SimpleQueue()
        self._running = False
        self._writing_since: float | None = None  # monotonic seconds
        self.dropped = 0  # lines, since the process began
        self._told = 0  # how many of them a line in the log has told
        self._why = ""  # the last was dropped

    def _begin_in_child(self) -> None:
        """Begin anew: threads do not survive a fork, and the parent writes what waits."""
        self._begin()
        self._lock.release()

    def put(self, line: str) -> None:
        """Write a line, or several that belong together, or count it."""
        if self._queue.qsize() < _LINES_LIMIT and (self._running or self._start()):
            self._queue.put(line)
        else:
            self._drop("nobody read the log")

    def drain(self) -> None:
        """Wait until all is written, as long as somebody reads: the process ends."""
        if not self._running:
            return
        done, now = Event(), monotonic()
        self._queue.put(done)
        # A write that has not returned for so long will not return at all.
        done.wait(max(0.0, (self._writing_since or now) + _DRAIN_S - now))

    def _start(self) -> bool:
        with self._lock:
            try:
                if not self._running:
                    Thread(target=self._write, args=(self._queue,), name="log", daemon=True).start()
                self._running = True
            except RuntimeError:  # the machine has no thread for it; the next line tries again
                return False
        return True

    def _drop(self, why: str) -> None:
        with self._lock:
            self.dropped += 1
            self._why = why
            self.count()

    # --- on the writing thread ---------------------------------------------------------

    def _write(self, queue: SimpleQueue[str | Event]) -> None:
        while True:
            item = queue.get()
            if isinstance(item, str):
                self._send(item)
            if queue.empty() and self.dropped > self._told:
                self._tell()
            if isinstance(item, Event):
                item.set()

    def _tell(self) -> None:
        """Say how many lines are missing here."""
        with self._lock:
            count = self.dropped - self._told
            line = _event(self.form, f"{count} lines were not logged: {self._why}", logging.WARNING)
        if self._send(line):
            self._told += count

    def _send(self, line: str) -> bool:
        """Write a line; False if it could not be written. Waits for a reader."""
        data = f"{line}\n".encode(errors="backslashreplace")
        self._writing_since = monotonic()
        try:
            descriptor = self._open() if self.file else self._stream
            if descriptor is None:
                return True
            while data:
                try:
                    data = data[os.write(descriptor, data) :]
                except BlockingIOError:  # another process has made the stream non-blocking
                    select.select([], [descriptor], [])
        except OSError as error:  # the reader is gone, or the disk is full
            self._drop(str(error))
            return False
        finally:
            self._writing_since = None
        return True

    def _open(self) -> int:
        """Give the descriptor of the file that has the name now. Raises OSError."""
        if self._opened is not None:
            try:
                if os.path.samestat(os.stat(self.file), os.fstat(self._opened)):  # noqa: PTH116
                    return self._opened
            except FileNotFoundError:
                pass  # it was renamed or removed: a new one is made
            # A fork in between must not know a descriptor that is another file's by then.
            outdated, self._opened = self._opened, None
            os.close(outdated)
        self._opened = open_file(self.file)
        return self._opened


def open_file(path: str) -> int:
    """Open a file to add lines to it; a new one is for the server's user and group alone.

    Never waits, not even for the reader of a named pipe. Raises OSError.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0)
    return os.open(path, flags, 0o640)


def _event(form: Form, text: str, level: int) -> str:
    """Give a text in the form of the log."""
    return form.format(logging.LogRecord("chat", level, "", 0, text, None, None))


class LineHandler(logging.Handler):
    """A handler of log records that never waits."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self.lines = lines
        self.setFormatter(lines.form)

    def emit(self, record: logging.LogRecord) -> None:
        """Have a record written."""
        try:
            self.lines.put(self.format(record))
        except Exception:  # noqa: BLE001 -- handleError prints the traceback
            self.handleError(record)


class _Printed(io.TextIOBase):
    """Standard error for who prints instead of logging: Python itself, and gunicorn at times."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        # Guards _part.
        self._lock = RLock()
        self._part = ""  # a line that has not ended yet

    def write(self, text: str, /) -> int:
        """Log each line that ends."""
        with self._lock:
            *lines, self._part = f"{self._part}{text}".split("\n")
            for line in lines:
                self._log(line)
        return len(text)

    def flush(self) -> None:
        """Log what has been written of a line."""
        with self._lock:
            part, self._part = self._part, ""
            self._log(part)

    def fileno(self) -> int:
        """Give the descriptor of standard error."""
        return sys.__stderr__.fileno() if sys.__stderr__ else -1

    def writable(self) -> bool:
        """Say yes."""
        return True

    def _log(self, line: str) -> None:
        if line.strip():
            self._lines.put(_event(self._lines.form, line, logging.ERROR))


def log_everything(
    stderr: Lines, handlers: Sequence[logging.Handler] = (), level: str = "info"
) -> None:
    """Log all that this process logs, warns of or prints as an error; on standard error.

    `handlers`, if there are any, log the records in its place. Libraries log warnings at least;
    with the `level` error, nothing less than errors.
    """
    root = logging.getLogger()
    root.handlers[:] = handlers or [LineHandler(stderr)]
    root.setLevel("ERROR" if level == "error" else "WARNING")
    logging.captureWarnings(True)
    sys.stderr = _Printed(stderr)


def count_dropped(count: Callable[[], object]) -> None:
    """Have the lines of this process's log counted that are not written, from now on.

    They are counted where the handlers are: those of a gunicorn that has loaded a newer version of
    this program (SIGHUP) are of the older one.
    """
    handlers = (
        handler for name in ("", "gunicorn.access") for handler in logging.getLogger(name).handlers
    )
    for lines in {handler.lines for handler in handlers if hasattr(handler, "lines")}:
        lines.count = count
