"""The messages of a room, oldest first, as they are now; and those that wait below them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace
from rich.console import Group
from rich.padding import Padding
from rich.text import Text
from textual.containers import VerticalScroll
from textual.message import Message as Told
from textual.widgets import Static

from chat.cli.connect.words import Words
from chat.cli.plain import local_time, plain, plain_line
from chat.protocol import Edited, Message, Quote, Removed

MOST = 800  # messages, as on the page

_CHANGES = 1000  # that are remembered, for messages that are read later
_QUOTED = 40  # characters of a message above an answer to it


class MessageView(Static):
    """One message."""

    def __init__(self, message: Message, words: Words, *, is_mine: bool) -> None:
        super().__init__(markup=False)
        self.message = message
        self._words = words
        self._is_mine = is_mine
        self.show(message)

    def show(self, message: Message) -> None:
        """Show the message as it is now."""
        self.message = message
        gettext = self._words.gettext
        head = Text()
        head.append(_time(message.at), "dim")
        head.append(f" {plain_line(message.member.nick)}", "bold")
        if self._is_mine:
            head.append(" ✓", "dim")  # stored, so everybody gets it
        if message.edited is not None:
            head.append(f" ({gettext('edited')})", "dim")
        body = Text()
        if message.reply is not None:
            body.append(f"│ {self._quoted(message.reply)}\n", "dim")
        if message.removed:
            body.append(f"({gettext('removed')})", "dim italic")
        else:
            body.append(_written(message.text))
        self.update(_below(head, body))

    def _quoted(self, quote: Quote) -> str:
        gone = self._words.gettext("removed")
        if quote.member is None or quote.removed:
            return f"({gone})"
        text = plain_line(quote.text)
        if len(text) > _QUOTED:
            text = text[:_QUOTED] + "…"
        return f"{plain_line(quote.member.nick)}: {text}"


class WaitingView(Static):
    """One's own message that is not stored yet."""

    def __init__(self, text: str, words: Words) -> None:
        super().__init__(markup=False, classes="waiting")
        self.text = text
        self.say(words.gettext("waiting"))

    def say(self, state: str) -> None:
        """Say what keeps it."""
        head = Text(f"… ({state})", "italic")
        self.update(_below(head, Text(_written(self.text), "italic")))


class Notice(Static):
    """A sentence between the messages."""

    def __init__(self, sentence: str) -> None:
        super().__init__(f"── {sentence} ──", markup=False, classes="notice")


class Conversation(VerticalScroll):
    """The messages, which stay at the newest one unless the reader scrolls up."""

    can_focus = False

    class Moved(Told):
        """The news that the reader has scrolled, or something is new below."""

    class OlderWanted(Told):
        """The news that the reader has come to the oldest message."""

    def __init__(self, words: Words) -> None:
        super().__init__()
        self._words = words
        self._views: dict[int, MessageView] = {}  # by seq, in order
        self._changes: dict[int, Edited | Removed] = {}  # the newest of each message
        self._mark: Notice | None = None  # before the first message that is new below
        self.new_below = 0
        self.more = False  # older ones exist

    def on_mount(self) -> None:
        """Stay at the end."""
        self.anchor()

    @property
    def is_at_end(self) -> bool:
        """Tell whether the reader sees the newest message."""
        # Below 0, the messages do not fill the screen, and stand at its lower edge.
        return self.max_scroll_y - max(0, self.scroll_y) < 1.5

    @property
    def oldest(self) -> int | None:
        """Give the seq of the oldest message shown."""
        return next(iter(self._views), None)

    def begin(self, messages: Sequence[Message], me: str, *, more: bool, why: str | None) -> None:
        """Show these messages and no others; `why` is said above them."""
        for widget in [*self._views.values(), *self.query(Notice)]:
            widget.remove()
        self._views.clear()
        self._changes.clear()
        self._mark = None
        self.new_below = 0
        self.more = more
        if why is not None:
            self.notice(why)
        self.append(messages, me)
        self.to_end()

    def append(self, messages: Sequence[Message], me: str) -> None:
        """Show messages that come after all others."""
        at_end = self.is_at_end
        for message in messages:
            view = MessageView(message, self._words, is_mine=message.member.id == me)
            if not at_end and message.member.id != me:
                if self.new_below == 0:
                    self._move_mark()
                self.new_below += 1
            self._put(view)
            self._views[message.seq] = view
        self._trim()
        self.post_message(self.Moved())

    def prepend(self, messages: Sequence[Message], me: str, *, more: bool) -> None:
        """Show older messages above, and keep the reader's place."""
        views = [
            MessageView(self._now(message), self._words, is_mine=message.member.id == me)
            for message in messages
            if message.seq not in self._views
        ][-max(0, MOST - len(self._views)) :]
        self.more = more
        if not views:
            return
        first = next(iter(self._views.values()), None)
        below = self.max_scroll_y - self.scroll_y
        if first is None:
            self.mount(*views, before=0)
        else:
            self.mount(*views, before=first)
        self._views = {view.message.seq: view for view in views} | self._views
        self.call_after_refresh(self._stay, below)

    def change(self, entry: Edited | Removed) -> None:
        """Show what an entry says of another message, and of the answers to it."""
        if entry.target is not None:
            self._changes.pop(entry.target, None)
            self._changes[entry.target] = entry
            if len(self._changes) > _CHANGES:
                del self._changes[next(iter(self._changes))]
        for view in self._views.values():
            changed = _changed(view.message, entry)
            if changed is not view.message:
                view.show(changed)

    def _now(self, message: Message) -> Message:
        """Give a message as it is now: it may have been read just before it was changed."""
        for target in (message.seq, message.reply.seq if message.reply else 0):
            if (entry := self._changes.get(target)) is not None:
                message = _changed(message, entry)
        return message

    def notice(self, sentence: str) -> Notice:
        """Say something after the newest message."""
        notice = Notice(sentence)
        self._put(notice)
        return notice

    def wait_for(self, view: WaitingView) -> None:
        """Show what one has just written, below all, and go there."""
        self.mount(view)
        self.to_end()

    def to_end(self) -> None:
        """Go to the newest message."""
        self.anchor()
        self.call_after_refresh(self._seen)

    def watch_scroll_y(self, old: float, new: float) -> None:
        """Follow the reader, on Textual's thread."""
        super().watch_scroll_y(old, new)
        if self.is_at_end:
            self._seen()
        if new < old and new <= 0 and self.more and len(self._views) < MOST:
            self.post_message(self.OlderWanted())

    def _move_mark(self) -> None:
        """Put the mark below all that was seen."""
        if self._mark is not None:
            self._mark.remove()
        self._mark = self.notice(self._words.gettext("new"))

    def _seen(self) -> None:
        self.new_below = 0
        self.post_message(self.Moved())

    def _stay(self, below: float) -> None:
        self.scroll_to(y=self.max_scroll_y - below, animate=False)

    def _put(self, widget: Static) -> None:
        """Mount a widget above what waits."""
        waiting = self.query(WaitingView)
        if waiting:
            self.mount(widget, before=waiting.first())
        else:
            self.mount(widget)

    def _trim(self) -> None:
        """Let go of the oldest messages that are too many; the reader's place stays."""
        gone = list(self._views.values())[: max(0, len(self._views) - MOST)]
        if not gone:
            return
        self.more = True
        below, at_end = self.max_scroll_y - self.scroll_y, self.is_at_end
        for view in gone:
            del self._views[view.message.seq]
            view.remove()
        if not at_end:
            self.call_after_refresh(self._stay, below)


def _changed(message: Message, entry: Edited | Removed) -> Message:
    """Give a message as it is after an entry; the same object if that changes nothing."""
    text = entry.text if isinstance(entry, Edited) else None
    if message.seq == entry.target and not message.removed:
        if text is None:
            return replace(message, text="", removed=True, reply=None)
        return replace(message, text=text, edited=entry.at)
    quote = message.reply
    if quote is not None and quote.seq == entry.target and not quote.removed:
        return replace(message, reply=replace(quote, text=text or "", removed=text is None))
    return message


def _time(at: str) -> str:
    """Give the time of a message, with its day unless that is today."""
    day, _, time = local_time(at).partition(" ")
    return time if day == datetime.now().astimezone().strftime("%Y-%m-%d") else f"{day} {time}"


def _written(text: str) -> str:
    return plain(text).expandtabs(4)


def _below(head: Text, body: Text) -> Group:
    """Put a text below its head, two columns to the right."""
    return Group(head, Padding(body, (0, 0, 0, 2)))
