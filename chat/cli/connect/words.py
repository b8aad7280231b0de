"""The sentences of the terminal, in French and English."""

from __future__ import annotations

from math import ceil

from chat.client import State, Status
from chat.protocol import Gap
from chat.serving.language import spoken_here


class Words:
    """What the terminal says, in the language of the locale."""

    def __init__(self) -> None:
        self._translations = spoken_here()

    def gettext(self, sentence: str) -> str:
        """Give a sentence in that language."""
        return str(self._translations.gettext(sentence))

    def ngettext(self, one: str, many: str, number: int) -> str:
        """Give a sentence with a number."""
        return str(self._translations.ngettext(one, many, number)).format(n=number)

    def keys(self) -> str:
        """Say which keys do what, in 78 columns at most."""
        gettext = self.gettext
        return gettext("Enter: send · Alt+Enter: new line · ^End: newest · F2: people · ^Q: quit")

    def gap(self, gap: Gap) -> str:
        """Say why the conversation begins again."""
        gettext = self.gettext
        return {
            Gap.SKIPPED: gettext("More was missed than is sent again. These are the newest."),
            Gap.LOST: gettext("The chat lost or replaced its messages. These are what it has."),
            Gap.CHANGED: gettext("The chat has other messages now. These are what it has."),
        }[gap]

    def state(self, state: State, left_s: float) -> str:
        """Say where the client is; `left_s`: seconds to the next attempt."""
        gettext = self.gettext
        why = self.reason(state.reason)
        if state.status is Status.JOINED:
            return gettext("connected")
        if state.status is Status.STOPPED:
            return why
        if state.status is Status.WAITING:
            again = gettext("again in {n} s").format(n=max(1, ceil(left_s)))
            return f"{why}: {again}"
        return gettext("connecting …")

    def reason(self, reason: str) -> str:
        """Say why there is no connection."""
        gettext = self.gettext
        return {
            "abuse": gettext("the chat wants a pause"),
            "banned": gettext("you may not come in now"),
            "closed": gettext("closed"),
            "ended": gettext("the conversation has ended"),
            "full": gettext("the chat is full"),
            "limited": gettext("the chat wants a pause"),
            "lost": gettext("connection lost"),
            "removed": gettext("an owner put you out"),
            "restarting": gettext("the chat restarts"),
            "storage": gettext("the chat cannot read its messages"),
            "unreachable": gettext("the chat cannot be reached"),
        }.get(reason, reason)
