"""What a page shows of its room: a model that takes what the page takes, and does no more with it.

Each entry may come twice, and a message comes as it is now. So all of this can be done again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from copy import deepcopy
from itertools import islice
from typing import Any

from chat.protocol import QUOTE_LIMIT

Event = dict[str, Any]

#: The types of what a room's log has.
ENTRIES = ("message", "edited", "removed", "pinned", "rules")

_OPEN = {"write": "all", "pace_s": 0, "locked": False, "ends_at": None}


class Screen:
    """The messages of a room as they are now, the lines that they quote, the pin and the rules."""

    def __init__(self) -> None:
        self._messages: dict[int, Event] = {}  # by seq
        self._answers: defaultdict[int, list[Event]] = defaultdict(list)  # by what they quote
        self.pin: Event | None = None
        self.rules: Event = dict(_OPEN)

    @property
    def messages(self) -> list[Event]:
        """List the messages, oldest first."""
        return [message for _, message in sorted(self._messages.items())]

    def __len__(self) -> int:
        return len(self._messages)

    def get(self, seq: int) -> Event | None:
        """Give a message, if it is shown."""
        return self._messages.get(seq)

    def newest(self, limit: int) -> list[Event]:
        """Give the messages that came last, the newest first."""
        return list(islice(reversed(self._messages.values()), limit))

    def start_again(self) -> None:
        """Drop everything, before a welcome that does not resume."""
        self._messages.clear()
        self._answers.clear()
        self.pin, self.rules = None, dict(_OPEN)

    def stand_as(self, welcome: Event) -> None:
        """Take the pin and the rules of a welcome."""
        self.pin = deepcopy(welcome.get("pin"))
        self.rules = welcome.get("rules", dict(_OPEN))

    def take(self, entry: Event) -> None:
        """Take an entry that was not given before."""
        match entry["type"]:
            case "message":
                self.show([entry])
            case "edited" if entry.get("text") is not None:
                # Without a text, the message is removed or gone; who shows it is told that next.
                self._edit(entry["target"], entry["text"], entry["at"])
            case "removed" if entry["target"] is not None:
                self._remove(entry["target"])
            case "pinned":
                self.pin = deepcopy(entry.get("message"))
            case "rules":
                self.rules = entry["rules"]

    def show(self, messages: Iterable[Event]) -> None:
        """Show messages that are not shown yet: new ones, or older ones from the history."""
        for message in messages:
            if message["seq"] not in self._messages:
                shown = self._messages[message["seq"]] = {**message}
                if quote := message.get("reply"):
                    shown["reply"] = {**quote}
                    self._answers[quote["seq"]].append(shown)

    def _edit(self, target: int, text: str, at: str) -> None:
        for shown in self._shown(target):
            shown.update(text=text, edited=at)
        for quote in self._quotes(target):
            quote["text"] = text[:QUOTE_LIMIT]

    def _remove(self, target: int) -> None:
        for shown in self._shown(target):
            shown.update(text="", removed=True)
        for quote in self._quotes(target):
            quote.update(text="", removed=True)
        if self.pin is not None and self.pin["seq"] == target:
            self.pin = None

    def _shown(self, target: int) -> list[Event]:
        shown = [self._messages[target]] if target in self._messages else []
        if self.pin is not None and self.pin["seq"] == target:
            shown.append(self.pin)
        return shown

    def _quotes(self, target: int) -> list[Event]:
        """Give the lines above answers to a message; the pin, a copy of one, has its own."""
        quotes = [answer["reply"] for answer in self._answers[target]]
        pinned = self.pin and self.pin.get("reply")
        return [*quotes, pinned] if pinned and pinned["seq"] == target else quotes


def differences(screen: Screen, other: Screen) -> list[str]:
    """Compare what two pages show of one room, as far as both show it; a sentence for each."""
    problems = []
    both = sorted(set(screen._messages) & set(other._messages))
    for seq in both:
        one, two = _essence(screen._messages[seq]), _essence(other._messages[seq])
        if one != two:
            problems.append(f"{seq} is {one}, and {two} for another")
    seqs = set(screen._messages) ^ set(other._messages)
    first = max(min(screen._messages, default=0), min(other._messages, default=0))
    problems += [f"{seq} is shown by one alone" for seq in sorted(seqs) if seq >= first]
    pins = [_essence(each.pin) if each.pin else None for each in (screen, other)]
    if pins[0] != pins[1]:
        problems.append(f"pinned is {pins[0]}, and {pins[1]} for another")
    if screen.rules != other.rules:
        problems.append(f"the rules are {screen.rules}, and {other.rules} for another")
    return problems


def _essence(message: Event) -> Event:
    """Give what must be the same for all; of a removed message, that is only its place."""
    fields = {name: message[name] for name in ("seq", "id", "member", "at")}
    if message.get("removed"):
        return {**fields, "removed": True, "text": message["text"]}
    quote = message.get("reply")
    if quote:
        quote = {name: value for name, value in quote.items() if value not in ("", False)}
    return {
        **fields,
        "text": message["text"],
        "edited": message.get("edited"),
        "reply": quote,
    }
