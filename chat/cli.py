"""The command line: `python -m chat`, and the one-file program `chat-server`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from chat.config import SettingError, Settings, read_settings
from chat.log import Contents, LogError, Progress
from chat.log.copies import backup as make_copy
from chat.log.copies import restore as put_back

#: The settings of a server that has its conversations in a file.
_NO_REDIS = {"REDIS_URL": "", "CHAT_REDIS_REPLICAS": ""}
_NICENESS = 10  # of a backup: the server comes first


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says; tell what fails in one line."""
    try:
        tchat.main(arguments, standalone_mode=False)
    except click.ClickException as error:
        _fail(error.format_message(), error.exit_code)
    except click.Abort:
        _fail("interrupted", 1)
    except (LogError, SettingError) as error:
        _fail(str(error), 1)


def _fail(reason: str, code: int) -> None:
    click.echo(f"Tchat: {reason}", err=True)
    sys.exit(code)


@click.group(invoke_without_command=True)
@click.option("--host", help="Address to listen on (HOST, 127.0.0.1).")
@click.option("--port", help="TCP port (PORT, 8080).")
@click.option("--database", help="The SQLite file (CHAT_DATABASE, instance/tchat.db).")
@click.pass_context
def tchat(context: click.Context, host: str | None, port: str | None, database: str | None) -> None:
    """Serve the chat, or do what COMMAND says. Options beat the environment's settings."""
    if port and not host:
        # PORT from a platform opens the server to the network; a port given here does not.
        host = os.environ.get("HOST") or "127.0.0.1"
    for name, value in (("HOST", host), ("PORT", port), ("CHAT_DATABASE", database)):
        if value:
            os.environ[name] = value
    if database:  # the conversations are in this file, and not in Redis
        os.environ.update(_NO_REDIS)
    if context.invoked_subcommand is None:
        from chat.serving.start import serve

        serve()


#: `--database` after the command, where one looks for it.
_database = click.option("--database", help="The SQLite file of the server.")


@tchat.command()
@click.argument("file")
@_database
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
def backup(file: str, database: str | None, force: bool) -> None:
    """Copy all conversations into FILE, also while the server runs.

    FILE is one file, complete as of one moment and checked.
    """
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    with _shown() as progress:
        contents = make_copy(_path(database), Path(file), progress, force=force)
    click.echo(f"{file} has {_said(contents)}.")


@tchat.command()
@click.argument("file")
@_database
def restore(file: str, database: str | None) -> None:
    """Replace all conversations by those in FILE, while the server is stopped.

    The database before is kept beside it.
    """
    path = _path(database)
    with _shown() as progress:
        contents, aside = put_back(Path(file), path, progress)
    click.echo(f"{path} is now a copy of {file}: {_said(contents)}.")
    if aside is not None:
        click.echo(f"The database before is now {aside}.")
    click.echo("Pages that come back are told that the log is another one, and begin again.")


@tchat.command()
@click.argument("source")
@click.argument("target")
def migrate(source: str, target: str) -> None:
    """Copy all conversations from SOURCE to TARGET, while the server is stopped.

    Each is a SQLite file, or the address of a Redis like redis://:password@host:6379/0. SOURCE
    stays as it is. There must be no conversations at TARGET yet.
    """
    # Who keeps all in a file need not wait for the client of Redis.
    from chat.log.moving import move, named

    from_settings, to_settings = _at(source), _at(target)
    with _shown() as progress:
        moved = move(from_settings, to_settings, progress)
    click.echo(f"{named(to_settings)} now has {_counted(moved.contents)}.")
    if moved.resumes:
        click.echo("Pages that come back go on where they were.")
    else:
        click.echo("Pages that come back are told that the log is another one, and begin again.")


def _at(place: str) -> Settings:
    """Give the settings of a server that has its log in a file or on a Redis."""
    if "://" in place:
        return read_settings({"REDIS_URL": place})
    return read_settings({"CHAT_DATABASE": place, **_NO_REDIS})


def _path(database: str | None) -> Path:
    """Give the SQLite file that a command is about. Raises SettingError."""
    settings = read_settings({"CHAT_DATABASE": database, **_NO_REDIS} if database else None)
    if settings.redis_url:
        raise SettingError(
            f"the conversations are in {settings.redis_place}, which makes copies of its own "
            "(docs/redis.md). For those in a file, name it: --database FILE"
        )
    return settings.database


def _said(contents: Contents) -> str:
    """Say what is in a copy."""
    return f"{_counted(contents)}, {contents.size:,} bytes"


def _counted(contents: Contents) -> str:
    messages = "1 message" if contents.messages == 1 else f"{contents.messages:,} messages"
    rooms = "1 room" if contents.rooms == 1 else f"{contents.rooms:,} rooms"
    return f"{messages} in {rooms}"


@contextmanager
def _shown() -> Iterator[Progress]:
    """Give a function that shows progress: a bar on a terminal, else a line for each step."""
    bar: Any = None

    def show(step: str, done: int, total: int) -> None:
        nonlocal bar
        if bar is None or bar.label != step:
            if bar is not None:
                bar.render_finish()
            bar = click.progressbar(length=total, label=step, file=sys.stderr)
            bar.render_progress()
        bar.update(done - bar.pos)

    try:
        yield show
    finally:
        if bar is not None:
            bar.render_finish()
