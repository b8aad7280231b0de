"""What a talker wants to do next: to post, or to change what was posted, sometimes in vain."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from chat.client.ids import new_id
from tests.support.screen import Event, Screen

_NEWEST = 150  # messages among which somebody chooses
_NO_SEQ = 2**40  # of no entry

#: Of a hundred commands, so many are no posts.
CHANGES = 30


class Wishes:
    """The choices of one talker: they depend on what it shows, and on its own luck."""

    def __init__(
        self, nick: str, screen: Screen, rng: random.Random, changes: int, *, records: bool
    ) -> None:
        """Begin; without `records`, owners leave the pin and the rules alone."""
        self._nick = nick
        self._screen = screen
        self._rng = rng
        self._changes = changes
        self._said = 0
        self.is_owner = False
        self._what: Sequence[Callable[[], Event | None]] = (
            *(self._answer,) * 8,
            *(self._edit,) * 8,
            *(self._remove,) * 5,
            *(self._in_vain,) * 3,
            *((self._pin, self._set_rules) if records else ()) * 3,
            *(self._remove_anothers,) * 2,
        )

    def next(self) -> Event:
        """Give a command, with an id."""
        command = None
        if self._rng.randrange(100) < self._changes:
            command = self._rng.choice(self._what)()
        return {"id": new_id(), **(command or self._post())}

    def _text(self) -> str:
        self._said += 1
        return f"{self._nick} says {self._said}"

    def _post(self) -> Event:
        return {"type": "post", "text": self._text()}

    def _answer(self) -> Event | None:
        message = self._choose(lambda _: True)
        return message and {**self._post(), "reply": message["seq"]}

    def _edit(self) -> Event | None:
        message = self._choose(self._is_own)
        return message and self._about("edit", message, text=self._text())

    def _remove(self) -> Event | None:
        message = self._choose(self._is_own)
        return message and self._about("remove", message)

    def _remove_anothers(self) -> Event | None:
        message = self._choose(lambda _: True) if self.is_owner else None
        return message and self._about("remove", message)

    def _pin(self) -> Event | None:
        if not self.is_owner:
            return None
        message = self._choose(lambda _: True) if self._rng.random() < 0.8 else None
        return {"type": "pin", "target": message and message["seq"]}

    def _set_rules(self) -> Event | None:
        locked = self._rng.random() < 0.5
        return {"type": "rules", "locked": locked} if self.is_owner else None

    def _in_vain(self) -> Event | None:
        """Ask for what is not allowed, or for what cannot be done."""
        message = self._choose(lambda each: not self._is_own(each))
        kind = self._rng.choice(("edit", "remove", "nothing", "answer"))
        if kind == "nothing" or message is None:
            return {"type": "edit", "target": _NO_SEQ, "text": self._text()}
        if kind == "answer":
            return {**self._post(), "reply": _NO_SEQ}
        if kind == "edit":
            return self._about("edit", message, text=self._text())
        return None if self.is_owner else self._about("remove", message)

    @staticmethod
    def _about(kind: str, message: Event, **fields: str) -> Event:
        return {"type": kind, "target": message["seq"], **fields}

    def _is_own(self, message: Event) -> bool:
        return bool(message["member"]["nick"] == self._nick)

    def _choose(self, fits: Callable[[Event], bool]) -> Event | None:
        """Choose one of the newest messages that are not removed."""
        newest = self._screen.newest(_NEWEST)
        found = [each for each in newest if fits(each) and not each.get("removed")]
        return self._rng.choice(found) if found else None
