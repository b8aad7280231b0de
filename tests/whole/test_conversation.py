"""Random conversations on a real server, compared with a dictionary by a state machine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

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

from tests.support.client import Client
from tests.support.ids import new_id
from tests.support.servers import ChatServer

ROOMS = ("talk", "équipe")
RESTARTS = 2  # of one conversation, at most
VISIBLE = st.characters(codec="utf-8", exclude_categories=("C", "Z"))
TEXTS = st.text(VISIBLE, min_size=1, max_size=20)


class Conversation(RuleBasedStateMachine):
    """A conversation, with joins, posts, cuts and restarts, and its model: a list for each room."""

    clients = Bundle("clients")
    posted = Bundle("posted")  # (client, post id, text) that has been acknowledged
    unsure = Bundle("unsure")  # (client, post id, text) that nobody has answered

    def __init__(self, server: ChatServer) -> None:
        super().__init__()
        self.server = server
        self.tag = new_id().lower()  # this conversation's rooms; earlier ones had others
        self.logs: defaultdict[str, list[tuple[str, str, str]]] = defaultdict(list)
        self.everybody: list[Client] = []
        self.connected: set[Client] = set()
        self.nicks: dict[Client, str] = {}
        self.restarts = 0

    @rule(target=clients, room=st.sampled_from(ROOMS))
    def join(self, room: str) -> Client:
        client = Client(self.server.ws_url)
        nick = f"nick {new_id()}"
        welcome = client.join(nick, f"{room}-{self.tag}")
        assert welcome["resumed"] is False
        self.everybody.append(client)
        self.connected.add(client)
        self.nicks[client] = nick
        self.agrees(client)
        return client

    @rule(target=posted, client=clients, text=TEXTS)
    def post(self, client: Client, text: str) -> tuple[Client, str, str]:
        self.ensure_connected(client)
        post_id = new_id()
        self.note(client, client.post(text, post_id))
        return client, post_id, text

    @rule(item=posted)
    def retry(self, item: tuple[Client, str, str]) -> None:
        """Post again with the same id: nothing changes, and the answer is the original."""
        client, post_id, text = item
        self.ensure_connected(client)
        original = client.post("something else", post_id)
        assert original["text"] == text
        assert self.logs[client.room][original["seq"] - 1] == (
            client.member["id"],
            post_id,
            text,
        )

    @rule(target=unsure, client=clients, text=TEXTS)
    def post_and_vanish(self, client: Client, text: str) -> tuple[Client, str, str]:
        """Cut the connection before the answer is read: the post may be stored or not."""
        self.ensure_connected(client)
        post_id = new_id()
        client.send(type="post", id=post_id, text=text)
        client.ws.socket.close()
        self.connected.discard(client)
        return client, post_id, text

    @rule(target=posted, item=consumes(unsure))
    def settle(self, item: tuple[Client, str, str]) -> tuple[Client, str, str]:
        """Retry such a post: afterwards it is in the log, once."""
        client, post_id, text = item
        self.ensure_connected(client)
        self.note(client, client.post(text, post_id))
        return item

    @rule(client=clients)
    def drop(self, client: Client) -> None:
        client.ws.close()
        self.connected.discard(client)

    @rule(client=clients)
    def rename(self, client: Client) -> None:
        self.ensure_connected(client)
        nick = f"nick {new_id()}"
        client.send(type="rename", nick=nick)
        client.expect("renamed", was=self.nicks[client])
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
            for client in self.everybody:
                self.ensure_connected(client)
                self.catch_up(client)
        finally:
            for client in self.everybody:
                client.ws.close()

    # --- the model ---------------------------------------------------------------------

    def ensure_connected(self, client: Client) -> None:
        if client not in self.connected:
            client.ws.close()
            assert client.resume()["resumed"] is True
            assert client.member["nick"] == self.nicks[client]
            self.connected.add(client)
            self.learn(client)

    def note(self, client: Client, message: dict[str, object]) -> None:
        """Add an acknowledged message, and those before it, to the model."""
        self.learn(client)
        entry = (client.member["id"], message["id"], message["text"])
        assert self.logs[client.room].count(entry) == 1  # type: ignore[arg-type]

    def learn(self, client: Client) -> None:
        """Add what a client has seen beyond the model: unanswered posts that were stored."""
        log = self.logs[client.room]
        for message in client.messages:
            if message["seq"] == len(log) + 1:
                log.append((message["member"]["id"], message["id"], message["text"]))
        self.agrees(client)

    def agrees(self, client: Client) -> None:
        """Check that each client has seen a contiguous part of its room's log, each id once."""
        log = self.logs[client.room]
        for message in client.messages:
            if message["seq"] <= len(log):
                entry = (message["member"]["id"], message["id"], message["text"])
                assert log[message["seq"] - 1] == entry
        assert len({(member, post_id) for member, post_id, _ in log}) == len(log)

    def catch_up(self, client: Client) -> None:
        """Post once more, to check that everything before it has arrived, in the one order."""
        self.note(client, client.post("end"))
        first = client.messages[0]["seq"]
        assert [m["seq"] for m in client.messages] == list(range(first, client.seq + 1))
        assert client.seq == len(self.logs[client.room])


def test_any_conversation_agrees_with_the_model(make_server: Callable[..., ChatServer]) -> None:
    server = make_server(settings={"CHAT_LIMITS": "off"})
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
