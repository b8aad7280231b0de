"""The commands that copy and move all conversations: backup, restore, migrate."""

from __future__ import annotations

import os
from pathlib import Path

import click

from chat.cli.shown import counted, shown
from chat.config import NO_REDIS, SettingError, Settings, read_settings
from chat.log import Contents
from chat.log.copies import backup as make_copy
from chat.log.copies import restore as put_back

_NICENESS = 10  # of a backup: the server comes first

#: `--database` after the command, where one looks for it.
_database = click.option("--database", help="The SQLite file of the server.")


@click.command()
@click.argument("file")
@_database
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
def backup(file: str, database: str | None, force: bool) -> None:
    """Copy all conversations into FILE, also while the server runs.

    FILE is one file, complete as of one moment and checked.
    """
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    with shown() as progress:
        contents = make_copy(_path(database), Path(file), progress, force=force)
    click.echo(f"{file} has {_said(contents)}.")


@click.command()
@click.argument("file")
@_database
def restore(file: str, database: str | None) -> None:
    """Replace all conversations by those in FILE, while the server is stopped.

    The database before is kept beside it.
    """
    path = _path(database)
    with shown() as progress:
        contents, aside = put_back(Path(file), path, progress)
    click.echo(f"{path} is now a copy of {file}: {_said(contents)}.")
    if aside is not None:
        click.echo(f"The database before is now {aside}.")
    click.echo("Pages that come back are told that the log is another one, and begin again.")


@click.command()
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
    with shown() as progress:
        moved = move(from_settings, to_settings, progress)
    click.echo(f"{named(to_settings)} now has {counted(moved.contents)}.")
    if moved.resumes:
        click.echo("Pages that come back go on where they were.")
    else:
        click.echo("Pages that come back are told that the log is another one, and begin again.")


def _at(place: str) -> Settings:
    """Give the settings of a server that has its log in a file or on a Redis."""
    if "://" in place:
        return read_settings({"REDIS_URL": place})
    return read_settings({"CHAT_DATABASE": place, **NO_REDIS})


def _path(database: str | None) -> Path:
    """Give the SQLite file that a command is about. Raises SettingError."""
    settings = read_settings({"CHAT_DATABASE": database, **NO_REDIS} if database else None)
    if settings.redis_url:
        raise SettingError(
            f"the conversations are in {settings.redis_place}, which makes copies of its own "
            "(docs/redis.md). For those in a file, name it: --database FILE"
        )
    return settings.database


def _said(contents: Contents) -> str:
    """Say what is in a copy."""
    return f"{counted(contents)}, {contents.size:,} bytes"
