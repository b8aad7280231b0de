"""`tchat say` and `tchat tail`: a room for pipes."""

from __future__ import annotations

import io
import json
import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from typing import NamedTuple

import click
import msgspec

from chat.cli.plain import local_time, plain_line
from chat.client import Client, Event, Reset, State, Status, Stopped
from chat.protocol import Edited, Gap, Message, Refused, Removed

_AHEAD = 500  # messages that are handed over and not acknowledged yet

#: What is said of a reset.
GAPS = {
    Gap.SKIPPED: "more was missed than is sent again",
    Gap.LOST: "the log is another one, or shorter",
    Gap.CHANGED: "the log has other messages now",
}


class _Said(NamedTuple):
    name: str  # of the message, for whoever wrote it
    future: Future[Message]


def say(client: Client, texts: Iterable[str], message_id: str | None, within_s: float) -> None:
    """Post each text, in order, and wait until all are acknowledged.

    Texts without ink are left out. What is refused is told in a line, and the others go on. With
    `message_id` the ids follow from it, so that a repetition posts nothing twice. Raises
    click.ClickException if anything was not acknowledged.
    """
    said: deque[_Said] = deque()
    failed = 0
    try:
        client.wait_joined(within_s)
        for number, text in enumerate(texts, 1):
            if not text.strip():
                continue
            command_id = None if message_id is None else f"{message_id}-{number}"
            try:
                future = client.post(text, command_id=command_id)
                said.append(_Said(f"message {number}", future))
            except Refused as refused:
                failed += _tell(f"message {number}", refused)
            while said and (said[0].future.done() or len(said) >= _AHEAD):
                failed += not _is_acknowledged(said.popleft(), within_s)
        while said:
            failed += not _is_acknowledged(said.popleft(), within_s)
    except Stopped as stopped:
        raise click.ClickException(f"{why_stopped(stopped)}{_left(client)}") from None
    except TimeoutError:
        state = client.state
        why = plain_line(state.detail or state.reason or "no answer")
        raise click.ClickException(f"{why}{_left(client)}") from None
    if failed:
        raise click.ClickException(f"{failed} refused")


def _is_acknowledged(said: _Said, within_s: float) -> bool:
    try:
        said.future.result(within_s)
    except Refused as refused:
        return not _tell(said.name, refused)
    return True


def _tell(name: str, refused: Refused) -> bool:
    """Tell in a line that a message was refused."""
    detail = plain_line(refused.detail)
    click.echo(f"Tchat: {name}: {refused.code}: {detail}", err=True)
    return True


def _left(client: Client) -> str:
    count = len(client.waiting)
    return f" ({count} not acknowledged)" if count else ""


def why_stopped(stopped: Stopped) -> str:
    """Say in one line why a client cannot come back."""
    suggest = f" (free: {stopped.suggest})" if stopped.suggest else ""
    return plain_line(f"{stopped.reason}: {stopped.detail or 'that is the end'}{suggest}")


def tail(client: Client, count: int, *, follow: bool, as_json: bool, within_s: float) -> None:
    """Print the newest messages, and with `follow` all that comes.

    Raises click.ClickException when the room cannot be read.
    """
    printer = _Printer(as_json)
    try:
        client.wait_joined(within_s)
        for event in client.events():
            if isinstance(event, Reset):
                if event.gap is not None:
                    printer.reset(event)
                    continue
                printer.show(_newest(client, event, count))
                if not follow:
                    return
            elif isinstance(event, State):
                if event.status is Status.WAITING:
                    reason = plain_line(event.detail or event.reason)
                    click.echo(f"Tchat: {reason}; trying again", err=True)
            else:
                printer.show([event])
    except Stopped as stopped:
        raise click.ClickException(why_stopped(stopped)) from None
    except (TimeoutError, Refused) as error:
        reason = str(error) or "no answer"
        raise click.ClickException(plain_line(reason)) from None


def _newest(client: Client, reset: Reset, count: int) -> list[Event]:
    """Give the newest messages, so many at most, oldest first."""
    messages, more = list(reset.messages), reset.more
    while more and messages and len(messages) < count:
        older = client.history(messages[0].seq, min(100, count - len(messages)))
        messages[:0], more = older.messages, older.more and bool(older.messages)
    return [*messages[len(messages) - min(count, len(messages)) :]]


class _Printer:
    """Standard output, with each event in one line."""

    def __init__(self, as_json: bool) -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # what its encoding does not have
        self._as_json = as_json
        self._seq = 0  # of the newest message that was printed

    def reset(self, reset: Reset) -> None:
        """Say that something is missing, and show what is there now."""
        assert reset.gap is not None
        if self._as_json:
            self._print({"type": "reset", "gap": reset.gap})
        else:
            click.echo(f"* {GAPS[reset.gap]}")
        after = self._seq if reset.gap is Gap.SKIPPED else 0
        self.show(message for message in reset.messages if message.seq > after)

    def show(self, events: Iterable[Event]) -> None:
        """Print events, each in a line; what is no entry is left out."""
        for event in events:
            if isinstance(event, Message):
                self._seq = event.seq
            if self._as_json:
                if hasattr(event, "seq"):
                    self._print(msgspec.to_builtins(event))
            else:
                for line in _lines(event):
                    click.echo(line)
        sys.stdout.flush()

    def _print(self, value: object) -> None:
        click.echo(json.dumps(value))  # all else but ASCII is escaped


def _lines(event: Event) -> Iterator[str]:
    match event:
        case Message(removed=True):
            yield f"{_head(event)} (removed)"
        case Message():
            answer = ""
            if event.reply is not None:
                member = event.reply.member
                answer = f" (to {'…' if member is None else plain_line(member.nick)})"
            yield f"{_head(event)}{answer} {plain_line(event.text)}"
        case Edited():
            yield f"{_head(event)} (edited) {plain_line(event.text or '')}"
        case Removed(target=int()):
            yield f"{_head(event)} (took a message away)"


def _head(event: Message | Edited | Removed) -> str:
    return f"{local_time(event.at)} <{plain_line(event.member.nick)}>"


def quiet_pipe() -> None:
    """Let the process end without a word: whoever read its output is gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
