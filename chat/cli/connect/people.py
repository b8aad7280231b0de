"""Who is in the room, and who of them is writing."""

from __future__ import annotations

from time import monotonic

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from chat.cli.connect.words import Words
from chat.cli.plain import plain_line
from chat.protocol import Member

_WRITES_S = 5.0  # that somebody is taken to write after a sign of it
_NAMED = 2  # more are « several people »


class Writers:
    """Who is writing now."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._until_s: dict[str, tuple[float, str]] = {}

    def began(self, member: Member) -> None:
        """Note a sign that somebody writes."""
        self._until_s[member.id] = (monotonic() + _WRITES_S, plain_line(member.nick))

    def ended(self, member: Member) -> None:
        """Note that somebody has posted, or left."""
        self._until_s.pop(member.id, None)

    def sentence(self) -> str:
        """Say who is writing; nothing if nobody is."""
        now = monotonic()
        self._until_s = {who: each for who, each in self._until_s.items() if each[0] > now}
        nicks = [nick for _, nick in self._until_s.values()]
        gettext = self._words.gettext
        if not nicks:
            return ""
        if len(nicks) > _NAMED:
            return gettext("several people are writing …")
        if len(nicks) == 1:
            return gettext("{nick} is writing …").format(nick=nicks[0])
        return gettext("{nick} and {other} are writing …").format(nick=nicks[0], other=nicks[1])


class People(VerticalScroll):
    """The list of people, by their nicks."""

    can_focus = False

    def __init__(self, words: Words) -> None:
        super().__init__()
        self._words = words
        self._list = Static(markup=False)

    def compose(self) -> ComposeResult:
        """Give the list."""
        yield self._list

    def show(self, people: list[Member], me: str) -> None:
        """Show these people, this member first."""
        shown = Text(no_wrap=True, overflow="ellipsis")
        shown.append(self._words.ngettext("{n} person", "{n} people", len(people)), "bold")
        for member in sorted(people, key=lambda each: (each.id != me, each.nick.casefold())):
            shown.append(f"\n{plain_line(member.nick)}")
            if member.id == me:
                shown.append(f" ({self._words.gettext('you')})", "dim")
        self._list.update(shown)
