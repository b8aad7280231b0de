"""The command line: `tchat`, which is also `python -m chat` and the one-file program `chat-server`.

Each module here has the commands of one subject.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from chat import __version__
from chat.cli.copies import backup, migrate, restore
from chat.cli.doctor import doctor
from chat.cli.export import export
from chat.cli.people import put_out, who
from chat.cli.rooms import import_room, prune, remove, rooms, stats
from chat.cli.terminal import connect, say, tail
from chat.config import NO_REDIS, SettingError
from chat.log import LogError


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says; tell what fails in one line."""
    try:
        tchat.main(arguments, prog_name="tchat", standalone_mode=False)
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
@click.version_option(__version__, message="Tchat %(version)s")
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
        os.environ.update(NO_REDIS)
    if context.invoked_subcommand is None:
        context.invoke(serve)


@tchat.command()
def serve() -> None:
    """Serve the chat; the same as no command."""
    from chat.serving.start import serve as serve_until_stopped

    serve_until_stopped()


for _command in (
    *(backup, restore, migrate, export, import_room),
    *(rooms, who, remove, put_out, prune, doctor, stats),
    *(connect, say, tail),
):
    tchat.add_command(_command)
