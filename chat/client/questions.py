"""What a client has asked and waits for: older messages, a search, another nick.

It has no thread and no lock: the client's lock guards it.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any, NamedTuple

from chat.client.queue import Full, Settled, refusal
from chat.protocol import Error, Find, Found, History, Older, Rename, Renamed, name_of

QUESTIONS_LIMIT = 20  # that wait for an answer

Question = History | Find | Rename
Answer = Older | Found | Renamed


class _Asked(NamedTuple):
    question: Question
    text: str
    future: Future[Any]


class Questions:
    """The open questions, in order. They are answered in order, as the protocol says."""

    def __init__(self) -> None:
        self._open: list[_Asked] = []
        self._sent = 0  # of these, the first ones were sent on this connection

    def add(self, question: Question, text: str) -> Future[Any]:
        """Take a question, and its JSON. Raises Full."""
        if len(self._open) >= QUESTIONS_LIMIT:
            raise Full(f"{QUESTIONS_LIMIT} questions wait already")
        self._open.append(_Asked(question, text, Future()))
        return self._open[-1].future

    def next(self) -> str | None:
        """Give the JSON that is to be sent now, if there is any, and take it for sent."""
        if self._sent == len(self._open):
            return None
        self._sent += 1
        return self._open[self._sent - 1].text

    def disconnected(self) -> None:
        """Send all of them again on the next connection."""
        self._sent = 0

    def refuse(self, error: Error) -> list[Settled]:
        """Take a refusal that names no command by its id; give what it settles."""
        for asked in self._open[: self._sent]:
            if name_of(type(asked.question)) == error.command:
                self.forget(asked.future)
                return [Settled(asked.future, refusal(error))]
        return []

    def answer(self, answer: Answer) -> list[Settled]:
        """Take an answer; give what it settles."""
        for asked in self._open[: self._sent]:
            if _answers(asked.question, answer):
                self.forget(asked.future)
                return [Settled(asked.future, answer)]
        return []

    def give_up(self, problem: Exception) -> list[Settled]:
        """Forget all; tell all who wait that nothing comes."""
        settled = [Settled(asked.future, problem) for asked in self._open]
        self._open.clear()
        self._sent = 0
        return settled

    def forget(self, future: Future[Any]) -> None:
        """Forget a question for whose answer nobody waits any more."""
        for at, asked in enumerate(self._open):
            if asked.future is future:
                del self._open[at]
                self._sent -= at < self._sent
                return


def _answers(question: Question, answer: Answer) -> bool:
    """Tell whether this is the answer to a question."""
    match question, answer:
        case History(before=before), Older():
            return before == answer.before
        case Find(words=words, before=before), Found():
            return (words, before) == (answer.words, answer.before)
        case Rename(), Renamed():
            return True
    return False
