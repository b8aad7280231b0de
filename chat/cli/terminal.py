"""The commands that talk to a chat: connect, say, tail.

What they need is imported when they run, because the server needs none of it.
"""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chat.client import Client

_EXIT_INTERRUPTED = 130  # as shells have it

_room = click.option("--room", help="The room, if URL is not that of one.")
_nick = click.option("--nick", help="Your nick; the one that you have there, or a guest's.")
_key_file = click.option("--key-file", help="The file of your key; one for each server.")
_wait = click.option(
    "--wait", "within_s", default=60.0, help="Seconds to wait for an answer at most (60)."
)


@click.command()
@click.argument("url")
@_room
@_nick
@_key_file
def connect(url: str, room: str | None, nick: str | None, key_file: str | None) -> None:
    """Talk in a room."""
    try:
        from chat.cli.connect.app import ChatApp, is_over, unsent
    except ModuleNotFoundError:  # packaging/chat-server.spec leaves it out
        raise click.ClickException(
            "connect is not in the one-file program: use a checkout, or say and tail"
        ) from None
    from chat.cli.pipes import why_stopped
    from chat.cli.plain import plain

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.ClickException("connect needs a terminal; say and tail are for pipes")
    client = _client(url, room, nick, key_file)
    try:
        ChatApp(client, client.room).run()
        stopped = is_over(client)
    finally:
        left = unsent(client)
    if stopped is not None:
        raise click.ClickException(why_stopped(stopped))
    if left:
        click.echo(plain("\n\n".join(left)))
        raise click.ClickException(f"{len(left)} messages were not sent: they are above")


@click.command()
@click.argument("url")
@click.argument("text", nargs=-1)
@_room
@_nick
@_key_file
@click.option("--id", "message_id", help="What is said again with the same ID is posted once.")
@_wait
def say(
    url: str,
    text: tuple[str, ...],
    room: str | None,
    nick: str | None,
    key_file: str | None,
    message_id: str | None,
    within_s: float,
) -> None:
    """Post TEXT, or each line of standard input, in a room.

    It ends with 0 only when all of it is stored.
    """
    from chat.cli.pipes import say as say_all

    texts: Iterable[str] = [" ".join(text)]
    if not text:
        if isinstance(sys.stdin, io.TextIOWrapper):
            # What is no text is refused, line by line, and the other lines are posted.
            sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
        texts = sys.stdin
    client = _client(url, room, nick, key_file)
    try:
        say_all(client, texts, message_id, within_s)
    except KeyboardInterrupt:
        if left := len(client.waiting):
            click.echo(f"Tchat: {left} not acknowledged", err=True)
        sys.exit(_EXIT_INTERRUPTED)
    finally:
        client.close()


@click.command()
@click.argument("url")
@click.option("-f", "follow", is_flag=True, help="Go on with what comes.")
@click.option("-n", "count", default=20, type=click.IntRange(min=0), help="So many messages (20).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object in each line.")
@_room
@_nick
@_key_file
@_wait
def tail(
    url: str,
    follow: bool,
    count: int,
    as_json: bool,
    room: str | None,
    nick: str | None,
    key_file: str | None,
    within_s: float,
) -> None:
    """Print the newest messages of a room."""
    from chat.cli.pipes import quiet_pipe
    from chat.cli.pipes import tail as print_tail

    client = _client(url, room, nick, key_file)
    try:
        print_tail(client, count, follow=follow, as_json=as_json, within_s=within_s)
    except KeyboardInterrupt:
        sys.exit(_EXIT_INTERRUPTED)
    except BrokenPipeError:
        quiet_pipe()
    finally:
        client.close()


def _client(url: str, room: str | None, nick: str | None, key_file: str | None) -> Client:
    """Begin to connect as the user of this terminal. Raises click.ClickException."""
    from chat.cli.identity import read_key
    from chat.client import AddressError, Client, read_address

    try:
        server = read_address(url).server
    except AddressError as error:
        raise click.BadParameter(str(error)) from None
    return Client(url, nick, room=room, key=read_key(server, key_file))
