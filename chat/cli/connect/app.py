"""The screen: what happens in the room goes to its parts, what is typed goes to the client."""

from __future__ import annotations

from concurrent.futures import Future
from time import monotonic

from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.events import Resize
from textual.widgets import Static, TextArea

from chat.cli.connect.composer import Composer
from chat.cli.connect.conversation import Conversation, WaitingView
from chat.cli.connect.people import People, Writers
from chat.cli.connect.words import Words
from chat.cli.plain import plain_line
from chat.client import Client, Event, Full, Reset, State, Status, Stopped, new_id
from chat.protocol import (
    Edited,
    IsTyping,
    Joined,
    Left,
    Message,
    Post,
    Refused,
    Removed,
    Renamed,
)

_LOOKS_S = 0.1  # how often it takes what has come
_AT_ONCE = 200  # events that it takes then
_OLDER = 50  # messages asked for at once
_LAST = 2**53 - 1  # the largest seq there can be
_NARROW = 60  # columns, below which there is no room for the list of people


class ChatApp(App[int]):
    """A room in the terminal. All its methods run on Textual's thread."""

    CSS = """
    Screen { layout: vertical; }
    #head { height: 1; background: $panel; }
    #room { width: 1fr; padding: 0 1; text-style: bold; }
    #state { width: auto; padding: 0 1; }
    #middle { height: 1fr; }
    Conversation { width: 1fr; padding: 0 1; scrollbar-size-vertical: 1; }
    People { width: 22; padding: 0 1; border-left: solid $panel; scrollbar-size-vertical: 1; }
    MessageView { width: 1fr; height: auto; }
    WaitingView { width: 1fr; height: auto; }
    Notice { width: 1fr; height: auto; text-align: center; text-style: italic; color: $warning; }
    #line { height: 1; padding: 0 1; text-style: italic; }
    #keys { height: 1; padding: 0 1; background: $panel; text-style: dim; }
    Composer { height: auto; min-height: 1; max-height: 6; padding: 0 1; border: none;
               background: $surface; }
    """
    # What they do is said in the last line, in the reader's language.
    BINDINGS = [  # noqa: RUF012 - Textual's own type
        Binding("pageup", "scroll(-1)", priority=True),
        Binding("pagedown", "scroll(1)", priority=True),
        Binding("ctrl+end", "end", priority=True),
        Binding("f2", "people", priority=True),
        Binding("f5", "wake", priority=True),
        Binding("ctrl+q,ctrl+c", "quit", priority=True),
    ]
    ENABLE_COMMAND_PALETTE = False
    TITLE = "Tchat"

    def __init__(self, client: Client, room: str) -> None:
        """Show a client's room; whoever runs this closes the client afterwards."""
        super().__init__()
        self._client = client
        self._room = room
        self._words = Words()
        gettext = self._words.gettext
        self._conversation = Conversation(self._words)
        self._people = People(self._words)
        self._writers = Writers(self._words)
        self._composer = Composer(gettext("Write a message"))
        self._title = Static(markup=False, id="room")
        self._state_line = Static(markup=False, id="state")
        self._line = Static(markup=False, id="line")  # who is writing, what is new below
        self._state = client.state
        self._state_s = monotonic()
        self._said = ""  # of the last thing that was wrong
        self._waiting: dict[str, WaitingView] = {}
        self._asking: list[tuple[Future[Message], str]] = []
        self._is_loading = False
        self._people_wanted = True
        self._people_changed = False

    def compose(self) -> ComposeResult:
        """Lay out the parts."""
        with Horizontal(id="head"):
            yield self._title
            yield self._state_line
        with Horizontal(id="middle"):
            yield self._conversation
            yield self._people
        yield self._line
        yield self._composer
        yield Static(self._words.keys(), markup=False, id="keys")

    def on_mount(self) -> None:
        """Begin to follow the room."""
        self._composer.focus()
        self.set_interval(_LOOKS_S, self._look)
        self._look()

    # --- what happens in the room ----------------------------------------------------------

    def _look(self) -> None:
        """Take what has come since the last look."""
        messages: list[Message] = []
        for _ in range(_AT_ONCE):
            try:
                event = self._client.receive(0)
            except TimeoutError:
                break
            except Stopped:
                if self._client.welcome is None:
                    self.exit(1)  # whoever runs this says why
                break
            if isinstance(event, Message):
                messages.append(event)
                continue
            self._append(messages)
            messages.clear()
            self._take(event)
        self._append(messages)
        self._settle()
        self._show_lines()
        if self._people_changed:
            self._people_changed = False
            self._people.show(self._client.people, self._me)

    def _append(self, messages: list[Message]) -> None:
        if messages:
            self._conversation.append(messages, self._me)
            for message in messages:
                self._writers.ended(message.member)
                self._stored(message)

    def _take(self, event: Event) -> None:
        match event:
            case State():
                self._state, self._state_s = event, monotonic()
            case Reset(gap=gap, messages=messages, more=more):
                why = None if gap is None else self._words.gap(gap)
                self._conversation.begin(messages, self._me, more=more, why=why)
                for message in messages:
                    self._stored(message)
                if more and not messages:
                    self._load_older()
            case Edited() | Removed():
                self._conversation.change(event)
            case IsTyping(member=member):
                self._writers.began(member)
            case Left(member=member):
                self._writers.ended(member)
        self._people_changed |= isinstance(event, State | Reset | Joined | Left | Renamed)

    @property
    def _me(self) -> str:
        try:
            return self._client.me.id
        except RuntimeError:
            return ""  # not joined yet

    def _stored(self, message: Message) -> None:
        """Let go of what waited, once it is a message."""
        if message.member.id == self._me and (view := self._waiting.pop(message.id, None)):
            view.remove()

    def _settle(self) -> None:
        """Show what was refused, and give its text back if nothing else is being written."""
        for future, command_id in [each for each in self._asking if each[0].done()]:
            self._asking.remove((future, command_id))
            refused = future.exception()
            view = self._waiting.get(command_id)
            if isinstance(refused, Refused) and view is not None:
                view.say(
                    self._words.gettext("not sent: {why}").format(why=plain_line(refused.detail))
                )
                if not self._composer.text:
                    self._composer.text = view.text
                    self._waiting.pop(command_id)
                    view.remove()
                    self._said = plain_line(refused.detail)

    def _show_lines(self) -> None:
        welcome = self._client.welcome
        title = welcome.title if welcome is not None and welcome.title else self._room
        nick = f" · {self._client.me.nick}" if self._me else ""
        self._title.update(plain_line(f"{title}{nick}"))
        left_s = (self._state.retry_s or 0.0) - (monotonic() - self._state_s)
        self._state_line.update(plain_line(self._words.state(self._state, left_s)))
        new = self._conversation.new_below
        below = self._words.ngettext("{n} new below", "{n} new below", new) if new else ""
        parts = [f"▼ {below}" if below else "", self._said, self._writers.sentence()]
        self._line.update(" · ".join(filter(None, parts)))

    # --- what the reader does --------------------------------------------------------------

    def on_composer_sent(self, event: Composer.Sent) -> None:
        """Post, or do what the line says."""
        self._said = ""
        word, _, rest = event.text.strip().partition(" ")
        if word == "/quit":
            self.exit(0)
        elif word == "/nick":
            self.run_worker(lambda: self._rename(rest), thread=True, exit_on_error=False)
        else:
            self._post(event.text)

    def _post(self, text: str) -> None:
        command_id = new_id()
        try:
            future = self._client.post(text, command_id=command_id)
        except (Refused, Full, Stopped) as problem:
            self._said = plain_line(str(problem))
            self._composer.text = text
            return
        self._waiting[command_id] = WaitingView(text, self._words)
        self._asking.append((future, command_id))
        self._conversation.wait_for(self._waiting[command_id])

    def _rename(self, nick: str) -> None:
        """Change the nick; on a thread of its own."""
        try:
            self._client.rename(nick)
        except (Refused, Full, Stopped, TimeoutError) as problem:
            self._said = plain_line(str(problem) or "no answer")

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Tell the others that something is being written."""
        if event.text_area.text.strip() and not event.text_area.text.startswith("/"):
            self._client.typing()

    def on_conversation_moved(self) -> None:
        """Count anew what is below."""
        self._show_lines()

    def on_conversation_older_wanted(self) -> None:
        """Ask for what is older."""
        self._load_older()

    def _load_older(self) -> None:
        if self._is_loading:
            return
        self._is_loading = True
        before = self._conversation.oldest or _LAST
        self.run_worker(lambda: self._fetch(before), thread=True, exit_on_error=False)

    def _fetch(self, before: int) -> None:
        """Fetch older messages, on a thread of its own."""
        try:
            older = self._client.history(before, _OLDER)
            self.call_from_thread(
                self._conversation.prepend, older.messages, self._me, more=older.more
            )
        except (Refused, Full, Stopped, TimeoutError) as problem:
            self._said = plain_line(str(problem) or "no answer")
        finally:
            self._is_loading = False

    def action_scroll(self, pages: int) -> None:
        """Scroll the messages."""
        if pages > 0:
            self._conversation.scroll_page_down(animate=False)
        elif self._conversation.scroll_y <= 0 and self._conversation.more:
            self._load_older()
        else:
            self._conversation.scroll_page_up(animate=False)

    def action_end(self) -> None:
        """Go to the newest message."""
        self._conversation.to_end()

    def action_people(self) -> None:
        """Show or hide the list of people."""
        self._people_wanted = not self._people_wanted
        self._people.display = self._people_wanted

    def action_wake(self) -> None:
        """Try at once to connect."""
        self._client.wake()

    def on_resize(self, event: Resize) -> None:
        """Leave out the list of people where it is narrow."""
        self._people.display = self._people_wanted and event.size.width >= _NARROW


def unsent(client: Client) -> list[str]:
    """Close a client, and give the texts that were not stored."""
    return [command.text for command in client.close(1.0) if isinstance(command, Post)]


def is_over(client: Client) -> Stopped | None:
    """Give why a client has stopped before it was ever in the room."""
    if client.welcome is not None or client.state.status is not Status.STOPPED:
        return None
    try:
        client.wait_joined(0)
    except Stopped as stopped:
        return stopped
    return None
