"""The worker: an acceptor that serves when the log lets it, and stops so that nobody is lost."""

from __future__ import annotations

import os
import signal
import sys
from threading import Thread
from time import monotonic, sleep
from types import FrameType

from chat import Chat
from chat.log import LogError
from chat.metrics import ROWS
from chat.serving.acceptor import Acceptor
from chat.serving.addresses import start_lines
from chat.serving.holder import predecessor, refuse_stranger
from chat.serving.limits import RESERVE, tune_interpreter
from chat.serving.terminal import ignore_further_stops

_CLAIM_EVERY_S = 0.02  # while parked: everybody waits meanwhile
_OVERDUE_S = 5  # after gunicorn's graceful timeout; then the kernel ends a worker that hangs
_BOOT_ERROR = 3  # in gunicorn's terms: it must not try again and again


class Worker(Acceptor):
    """A process that serves, from its start to its stop; all here runs on its accepting thread."""

    _has_asked = False  # the server that USR2 replaces by this one, to stop

    def load_wsgi(self) -> None:
        """Load the application, and make its thousands of threads cheap."""
        super().load_wsgi()
        # gunicorn answers 500 for what is asked without this prefix: chat/web/prefix.py does not.
        os.environ.pop("SCRIPT_NAME", None)
        tune_interpreter()
        chat: Chat = self.wsgi.extensions["chat"]
        chat.metrics.take_row(ROWS if self.place is None else self.place.index)
        chat.admission.limit = min(chat.admission.limit, self.cfg.threads - RESERVE)
        if chat.ledger is not None:
            chat.ledger.fit(self.worker_connections, chat.admission.limit)

    def init_signals(self) -> None:
        """Leave SIGHUP and USR2 to the master: a terminal that closes sends one to both."""
        super().init_signals()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)

    def run(self) -> None:
        """Serve, once no other process has the log for itself."""
        chat: Chat = self.wsgi.extensions["chat"]
        try:
            if not self._claim(chat):
                return
            chat.start()
        except LogError as error:
            self.log.critical("Tchat: %s", error)
            sys.exit(_BOOT_ERROR)
        if self.place is not None:
            self.place.tell(0)
        self._say_started(chat)
        # With Redis the old server serves until all workers of this one do: the last one asks.
        if self.place is None or self.place.count_workers() >= self.cfg.workers:
            self._ask_to_stop(predecessor())
        super().run()
        ignore_further_stops()

    def _claim(self, chat: Chat) -> bool:
        """Park until the log is this process's; False if the worker is to stop before.

        Raises LogError when another server has it, which will not give it over to this one.
        """
        is_parked = False
        while self.alive and self.is_parent_alive():
            if chat.claim(self.ppid):
                return True
            if not is_parked:
                is_parked = True
                refuse_stranger(chat, (self.ppid, predecessor()))
                holder = chat.holder()
                self.log.info(
                    "Process %s serves %s: this worker waits until it ends",
                    holder.process if holder else "?",
                    chat.place,
                )
                if holder and holder.server == predecessor():
                    self._ask_to_stop(holder.server)
            self.notify()
            sleep(_CLAIM_EVERY_S)  # the lock tells nobody when it is free
        return False

    def _ask_to_stop(self, server: int) -> None:
        """Let the server that USR2 replaces by this one stop, if it runs: all is ready here."""
        if not server or self._has_asked:
            return
        self._has_asked = True
        try:
            os.kill(server, signal.SIGTERM)
        except ProcessLookupError:  # it has just ended
            pass
        except OSError as error:  # another user's, with gunicorn's --user
            self.log.warning("Stop process %s, so that this one serves: %s", server, error)

    def _say_started(self, chat: Chat) -> None:
        stop = "Ctrl-C" if os.isatty(0) else f"kill {self.ppid}"
        addresses = [listener.getsockname() for listener in self.sockets]
        lines = start_lines(addresses, chat.place, stop)
        for line in lines if self.age == 1 else lines[:1]:
            self.log.info("%s", line)

    def is_parent_alive(self) -> bool:
        """Tell whether the master lives, and begin to stop if not; asked every second."""
        if not super().is_parent_alive():
            self.alive = False
        return self.alive

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """Stop as for SIGTERM: SIGINT and SIGQUIT would leave WebSockets untold."""
        self.handle_exit(sig, frame)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Begin or cease to let peers in; the last call of this begins the worker's stop."""
        super().set_accept_enabled(enabled)
        if not (enabled or self.alive or self._stopping_since):
            self._stopping_since = monotonic()
            # Nobody else may be there to end it.
            signal.alarm(self.cfg.graceful_timeout + _OVERDUE_S)
            if self.place is not None:
                self.place.leave()
            # So that the port is free: the master has sockets of its own, if it lives.
            for listener in self.sockets:
                listener.close()
            # Only when nobody gets in any more: a peer that is told to come back finds the next
            # worker, if there is one, and not this. Peers are seen off here meanwhile.
            stop = self.wsgi.extensions["chat"].stop
            try:
                Thread(target=stop, name="stop").start()
            except RuntimeError:  # the machine has no thread left
                stop()
