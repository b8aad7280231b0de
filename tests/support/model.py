"""A room's log as a dictionary would keep it: what each command must do, and be answered."""

from __future__ import annotations

from typing import NamedTuple

from tests.support.screen import Event

DONE = "done"


class Line(NamedTuple):
    """An entry, by what all must agree on."""

    what: str
    member: str  # its id
    id: str
    target: int | None = None


class Said:
    """A message as it is now."""

    def __init__(self, member: str, text: str, reply: int | None) -> None:
        self.member = member
        self.text = text
        self.reply = reply
        self.is_edited = False
        self.is_removed = False


class RoomModel:
    """The entries of a room, what its messages say, its pin, and who may write."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.said: dict[int, Said] = {}  # by seq
        self.pin: int | None = None
        self.write = "all"
        self.owners: set[str] = set()  # ids of members
        self._used: dict[tuple[str, str], str | int] = {}  # DONE, or the entry's seq

    def outcome(self, member: str, command: Event) -> str | int:
        """Give what a command of a member is answered: a seq, DONE, or the code of an error."""
        used = self._used.get((member, command["id"]))
        if used is not None:
            return used
        is_owner = member in self.owners
        kind, target = command["type"], command.get("target")
        if kind in ("post", "edit") and self.write == "owners" and not is_owner:
            return "read_only"
        if kind in ("pin", "rules") and not is_owner:
            return "not_owner"
        if kind == "erase":
            return DONE
        if kind == "remove" and target is None:
            used = self._used.get((member, command["post"]))
            if used is None:
                return len(self.lines) + 1
            if isinstance(used, int) and self.lines[used - 1][0::3] == ("removed", None):
                return used
            target = used
        about = command.get("reply") if kind == "post" else target
        if about is not None and not self._is_there(about):
            return "target_unknown"
        is_own = about is not None and self.said[about].member == member
        if (kind == "edit" and not is_own) or (kind == "remove" and not (is_own or is_owner)):
            return "not_yours"
        return len(self.lines) + 1

    def do(self, member: str, command: Event) -> None:
        """Do a command that is new and may be done."""
        kind, target = command["type"], command.get("target")
        entry_id = command["id"]
        match kind:
            case "post":
                reply = command.get("reply")
                self.said[len(self.lines) + 1] = Said(member, command["text"], reply)
                self._add("message", member, entry_id)
            case "edit":
                self.said[target].text = command["text"]
                self.said[target].is_edited = True
                self._add("edited", member, entry_id, target)
            case "remove":
                if target is None:
                    used = self._used.get((member, command["post"]))
                    target, entry_id = (used, entry_id) if used else (None, command["post"])
                self._remove(member, entry_id, target)
            case "pin":
                self.pin = target
                self._add("pinned", member, entry_id, target)
            case "rules":
                self.write = command["write"]
                self._add("rules", member, entry_id)
            case "erase":
                own = [seq for seq, each in self.said.items() if self._is_erased(each, member)]
                for number, seq in enumerate(own):
                    self._remove(member, entry_id if number == 0 else f"{entry_id}.{seq}", seq)
                self._used[member, entry_id] = DONE

    def _is_there(self, seq: object) -> bool:
        return isinstance(seq, int) and seq in self.said and not self.said[seq].is_removed

    @staticmethod
    def _is_erased(message: Said, member: str) -> bool:
        return message.member == member and not message.is_removed

    def _remove(self, member: str, entry_id: str, target: int | None) -> None:
        if target is not None:
            self.said[target].text = ""
            self.said[target].is_removed = True
            if self.pin == target:
                self.pin = None
        self._add("removed", member, entry_id, target)

    def _add(self, what: str, member: str, entry_id: str, target: int | None = None) -> None:
        self.lines.append(Line(what, member, entry_id, target))
        self._used[member, entry_id] = len(self.lines)


def shown(model: RoomModel, seq: int) -> Event:
    """Give what a page must show of a message."""
    message = model.said[seq]
    if message.is_removed:
        return {"text": "", "removed": True}
    quoted = {}
    if message.reply is not None:
        original = model.said[message.reply]
        quoted = {"quoted": (message.reply, original.text, original.is_removed)}
    return {"text": message.text, "edited": message.is_edited, **quoted}


def essence(message: Event) -> Event:
    """Give the same of what a page shows."""
    if message.get("removed"):
        return {"text": message["text"], "removed": True}
    quoted = {}
    if quote := message.get("reply"):
        quoted = {"quoted": (quote["seq"], quote.get("text", ""), quote.get("removed", False))}
    return {"text": message["text"], "edited": bool(message.get("edited")), **quoted}
