"""Random conversations on a real server, compared with a model by a state machine."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chat.client.ids import new_id
from tests.support.client import WAIT_S, Client, Event, Refused
from tests.support.model import DONE, Line, RoomModel, essence, shown
from tests.support.screen import differences
from tests.support.servers import ChatServer

ROOMS = ("talk", "équipe")
OPERATOR = "who may do everything"
RESTARTS = 2  # of one conversation, at most
VISIBLE = st.characters(codec="utf-8", exclude_categories=("C", "Z"))
TEXTS = st.text(VISIBLE, min_size=1, max_size=20)
#: Which message a command is about: the newest ones most often, and one that is none.
TARGETS = st.one_of(st.integers(-4, -1), st.integers(-30, -1), st.just(0))

#: What somebody wants; `target` is counted from the room's end.
WISHES = st.one_of(
    st.fixed_dictionaries({"type": st.just("post"), "text": TEXTS}),
    st.fixed_dictionaries({"type": st.just("post"), "text": TEXTS, "reply": TARGETS}),
    st.fixed_dictionaries({"type": st.just("edit"), "text": TEXTS, "target": TARGETS}),
    st.fixed_dictionaries({"type": st.just("remove"), "target": TARGETS}),
    st.fixed_dictionaries({"type": st.just("remove"), "post": TARGETS}),
    st.fixed_dictionaries({"type": st.just("pin"), "target": st.none() | TARGETS}),
    st.fixed_dictionaries({"type": st.just("rules"), "write": st.sampled_from(["all", "owners"])}),
    st.just({"type": "erase"}),
)
Item = tuple["Witness", Event]


class Witness(Client):
    """A client that remembers each entry that it was given after it came."""

    def __init__(self, ws_url: str, *, owns: bool) -> None:
        self.entries: list[Event] = []
        self.owns = owns
        super().__init__(ws_url)

    def join_command(self, nick: str | None = None, **fields: Any) -> Event:
        owner = {"owner": OPERATOR} if self.owns else {}
        return super().join_command(nick, **owner, **fields)

    def _see(self, entry: Event) -> bool:
        is_new = super()._see(entry)
        if is_new:
            self.entries.append(entry)
        return is_new

    def reach(self, seq: int) -> None:
        """Receive until an entry has come."""
        deadline = time.monotonic() + WAIT_S
        while self.seq < seq:
            self.receive(deadline - time.monotonic())

    def attempt(self, command: Event) -> str | int:
        """Send a command; give the seq of what it became, DONE, or the code of an error."""
        try:
            outcome = self.ask(command["type"], **command)
        except Refused as refused:
            error = refused.error
        else:
            return DONE if outcome["type"] == "done" else int(outcome["seq"])
        assert error.get("id") == command["id"], error
        return str(error["code"])


class Conversation(RuleBasedStateMachine):
    """A conversation with everything that people may do, cuts and restarts; and its model.

    In each room an observer, who does nothing, is the first to come and sees all entries.
    """

    clients = Bundle("clients")
    answered = Bundle("answered")  # (client, command) that has been answered
    unsure = Bundle("unsure")  # (client, command) that nobody has answered

    def __init__(self, server: ChatServer) -> None:
        super().__init__()
        self.server = server
        self.tag = new_id().lower()  # this conversation's rooms; earlier ones had others
        self.models: defaultdict[str, RoomModel] = defaultdict(RoomModel)
        self.observers: dict[str, Witness] = {}
        self.everybody: list[Witness] = []
        self.connected: set[Witness] = set()
        self.nicks: dict[Witness, str] = {}
        self.open: list[Item] = []  # those that are unsure
        self.restarts = 0

    # --- what people do ------------------------------------------------------------------

    @rule(target=clients, room=st.sampled_from(ROOMS), owns=st.booleans())
    def join(self, room: str, owns: bool) -> Witness:
        room = f"{room}-{self.tag}"
        if room not in self.observers:
            self.observers[room] = self.enter(room, owns=False)
        return self.enter(room, owns=owns)

    def enter(self, room: str, *, owns: bool) -> Witness:
        client = Witness(self.server.ws_url, owns=owns)
        nick = f"nick {new_id()}"
        welcome = client.join(nick, room)
        assert (welcome["resumed"], welcome["owner"]) == (False, owns)
        client.entries.clear()  # of the newest messages, which are not all that was before
        self.everybody.append(client)
        self.connected.add(client)
        self.nicks[client] = nick
        if owns:
            self.models[room].owners.add(client.member["id"])
        return client

    @rule(target=answered, client=clients, wish=WISHES)
    def do(self, client: Witness, wish: Event) -> Item:
        command = self.command(client, wish)
        self.answer(client, command)
        return client, command

    @rule(item=answered)
    def repeat(self, item: Item) -> None:
        """Send a command again: what was done has its original outcome, and nothing changes."""
        self.answer(*item)

    @rule(target=unsure, client=clients, wish=WISHES)
    def do_and_vanish(self, client: Witness, wish: Event) -> Item:
        """Cut the connection before the answer is read: it may have been done or not."""
        self.ensure_connected(client)
        item = client, self.command(client, wish)
        client.send(**item[1])
        client.ws.socket.close()
        self.connected.discard(client)
        self.open.append(item)
        return item

    @rule(target=answered, item=consumes(unsure))
    def settle(self, item: Item) -> Item:
        """Send such a command again: afterwards it is done, once, or refused."""
        self.answer(*item)
        self.open.remove(item)
        return item

    @rule(client=clients)
    def drop(self, client: Witness) -> None:
        client.ws.close()
        self.connected.discard(client)

    @rule(client=clients)
    def rename(self, client: Witness) -> None:
        self.ensure_connected(client)
        nick = f"nick {new_id()}"
        client.send(type="rename", nick=nick)
        client.expect("renamed", was=client.member["nick"])
        client.member["nick"] = self.nicks[client] = nick

    # A restart costs as much as everything else, so a conversation has one or two at most.
    @precondition(lambda self: self.everybody and self.restarts < RESTARTS)
    @rule(kill=st.booleans())
    def restart(self, kill: bool) -> None:
        if kill:
            self.server.kill()
        else:
            self.server.stop()
        self.connected.clear()
        self.server.start()
        self.restarts += 1

    def teardown(self) -> None:
        try:
            for item in self.open:
                self.answer(*item)
            for room in self.observers:
                self.enter(room, owns=False)
            for client in self.everybody:
                self.ensure_connected(client)
                client.reach(self.observers[client.room].seq)
                assert differences(client.screen, self.observers[client.room].screen) == []
        finally:
            for client in self.everybody:
                client.ws.close()

    # --- the model ---------------------------------------------------------------------

    def command(self, client: Witness, wish: Event) -> Event:
        """Make a command of a wish: about entries of the room, some of which are no messages."""
        lines = self.models[client.room].lines
        command = {"id": new_id(), **wish}
        for name in ("target", "reply", "post"):
            place = wish.get(name)
            if place is not None:
                command[name] = max(1, len(lines) + 1 + place) if place else len(lines) + 9
        if "post" in wish:
            own = [each.id for each in lines if each.member == client.member["id"]]
            command["post"] = own[wish["post"] % len(own)] if own and wish["post"] else new_id()
        return command

    def answer(self, client: Witness, command: Event) -> None:
        """Let a command be answered, and compare the answer and what everybody sees."""
        self.ensure_connected(client)
        observer, model = self.observers[client.room], self.models[client.room]
        self.ensure_connected(observer)
        who = client.member["id"]
        answer = client.attempt(command)
        observer.reach(max(client.seq, answer if isinstance(answer, int) else 0))
        # What nobody had an answer to may have been done before it, or just after.
        expected = {model.outcome(who, command)}
        for entry in observer.entries[len(model.lines) :]:
            if entry["seq"] > len(model.lines):
                model.do(*self.command_of(entry, (client, command)))
                expected.add(model.outcome(who, command))
            line = Line(entry["type"], entry["member"]["id"], entry["id"], entry.get("target"))
            assert model.lines[entry["seq"] - 1] == line
        assert answer in expected, (answer, expected, command)
        self.agrees(observer, model)

    def command_of(self, entry: Event, item: Item) -> tuple[str, Event]:
        """Find the command of an entry that is new: the one that was just sent, or an unsure one.

        Raises AssertionError if there is none, so that what was refused has changed nothing.
        """
        for client, command in (item, *self.open):
            if client.member["id"] == entry["member"]["id"]:
                is_never = entry["type"] == "removed" and entry["target"] is None
                if entry["id"] == (command.get("post") if is_never else command["id"]):
                    return client.member["id"], command
        raise AssertionError(f"nobody asked for {entry}")

    def ensure_connected(self, client: Witness) -> None:
        if client not in self.connected:
            client.ws.close()
            welcome = client.resume()
            assert welcome["resumed"] is True, (client.resume_command(), welcome)
            # The nick is not in the log: another worker may not know yet what it is now.
            if self.server.workers == 1:
                assert client.member["nick"] == self.nicks[client]
            self.connected.add(client)

    @staticmethod
    def agrees(observer: Witness, model: RoomModel) -> None:
        """Compare what the observer shows with the model."""
        seqs = [message["seq"] for message in observer.messages]
        assert seqs == list(model.said)
        for message in observer.messages:
            assert essence(message) == shown(model, message["seq"])
        pin = observer.screen.pin
        assert (pin and pin["seq"]) == model.pin
        if pin:
            assert pin["text"] == model.said[pin["seq"]].text
        assert observer.screen.rules["write"] == model.write


def test_any_conversation_agrees_with_the_model(make_server: Callable[..., ChatServer]) -> None:
    server = make_server(settings={"CHAT_LIMITS": "off", "CHAT_ADMIN_TOKEN": OPERATOR})
    server.start()
    run_state_machine_as_test(
        lambda: Conversation(server),
        settings=settings(
            max_examples=10,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
