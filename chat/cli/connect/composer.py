"""The box to write in."""

from __future__ import annotations

from textual.events import Key
from textual.message import Message as Told
from textual.widgets import TextArea

_NEW_LINE = ("shift+enter", "alt+enter", "ctrl+j")


class Composer(TextArea):
    """A text of several lines: Enter sends it, Alt+Enter and Ctrl+J begin a line."""

    class Sent(Told):
        """The news that this is to be sent."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, placeholder: str) -> None:
        super().__init__(compact=True, highlight_cursor_line=False, placeholder=placeholder)

    async def _on_key(self, event: Key) -> None:
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            text = self.text
            self.clear()
            if text.strip():
                self.post_message(self.Sent(text))
        elif event.key in _NEW_LINE:
            event.stop()
            event.prevent_default()
            self.insert("\n")
        else:
            await super()._on_key(event)
