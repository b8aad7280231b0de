"""What is said and done to it: answers, edits, removals, pins, over real sockets."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.house import House, refused
from tests.support.screen import differences
from tests.support.servers import ChatServer


def test_answer_has_a_quote_and_a_repeated_one_is_the_same(house: House) -> None:
    ann, bob = house.come("Ann"), house.come("Bob")
    asked = ann.post("who comes? " + "x" * 200)
    answer = bob.post("I do", "b-1", reply=asked["seq"])
    quote = {"seq": asked["seq"], "member": ann.member, "text": asked["text"][:140]}
    assert answer["reply"] == quote
    assert ann.expect("message", id="b-1") == answer
    assert bob.post("again", "b-1", reply=asked["seq"]) == answer
    error = refused(bob.post, "to nothing", reply=99)
    assert (error["code"], error["command"]) == ("target_unknown", "post")
    assert error["id"]


def test_edit_changes_the_text_for_all_and_for_who_comes_later(house: House) -> None:
    ann, bob = house.come("Ann"), house.come("Bob")
    seq = ann.post("frist")["seq"]
    edited = ann.edit(seq, " first \r\n", id="e-1")
    assert (edited["type"], edited["target"], edited["text"]) == ("edited", seq, " first")
    assert bob.expect("edited") == edited
    assert ann.edit(seq, "another", id="e-1") == edited  # the id is used
    eve = house.come("Eve")
    assert [(each["text"], each["edited"]) for each in eve.messages] == [(" first", edited["at"])]
    assert refused(bob.edit, seq, "mine")["code"] == "not_yours"
    assert refused(ann.edit, 99, "nothing")["code"] == "target_unknown"
    assert refused(ann.edit, edited["seq"], "no message")["code"] == "target_unknown"
    assert refused(ann.edit, seq, " ")["code"] == "text_empty"


def test_removed_text_is_given_to_nobody_any_more(house: House) -> None:
    ann, bob = house.come("Ann"), house.come("Bob")
    seq = ann.post("a secret")["seq"]
    bob.post("about it", reply=seq)
    assert refused(bob.remove, seq)["code"] == "not_yours"
    removed = ann.remove(seq, id="r-1")
    assert (removed["type"], removed["target"]) == ("removed", seq)
    assert bob.expect("removed") == removed
    assert ann.remove(seq, id="r-1") == removed
    assert refused(ann.edit, seq, "back")["code"] == "target_unknown"
    welcome = house.visitor().join("Eve", house.room)
    assert "secret" not in str(welcome)
    assert welcome["messages"][0]["removed"] is True
    assert welcome["messages"][1]["reply"] == {
        "seq": seq,
        "member": ann.member,
        "removed": True,
    }


def test_post_that_may_have_been_sent_is_removed_by_its_id(house: House) -> None:
    ann = house.come("Ann")
    seq = ann.post("it was sent", "p-1")["seq"]
    assert ann.remove(post="p-1")["target"] == seq
    never = ann.remove(post="p-2")
    assert (never["target"], never["id"]) == (None, "p-2")
    # The late post with that id is answered with its removal, and becomes no message.
    ann.send(type="post", id="p-2", text="late")
    assert ann.receive() == never
    for fields in ({}, {"target": seq, "post": "p-1"}):
        error = ann.refusal(type="remove", id="r", **fields)
        assert (error["code"], error["id"]) == ("bad_command", "r")


def test_all_of_ones_own_is_taken_back_with_one_act(house: House) -> None:
    ann, bob = house.come("Ann"), house.come("Bob")
    for text in ("one", "two", "three"):
        ann.post(text)
    kept = bob.post("mine")
    ann.send(type="erase", id="all")
    assert ann.expect("done") == {"type": "done", "id": "all"}
    bob.expect("removed", target=3)
    for client in (ann, bob):
        assert [each["text"] for each in client.messages if not each.get("removed")] == ["mine"]
    ann.send(type="erase", id="all")
    assert ann.expect("done") == {"type": "done", "id": "all"}
    assert bob.remove(kept["seq"])["seq"] == kept["seq"] + 4  # nothing was done twice


def test_what_was_missed_comes_with_the_changes_in_order(house: House) -> None:
    house.make()
    ann, bob = house.owner("Ann"), house.come("Bob")
    seq = ann.post("one")["seq"]
    bob.expect("message")
    bob.ws.close()
    ann.edit(seq, "One")
    two = ann.post("two")["seq"]
    ann.pin(two)
    ann.ask("rules", pace_s=5)
    ann.remove(seq)
    welcome = bob.resume()
    assert welcome["resumed"] is True
    assert [each["type"] for each in welcome["changes"]] == ["edited", "pinned", "rules", "removed"]
    assert "text" not in welcome["changes"][0]  # it is removed since
    assert [each["text"] for each in welcome["messages"]] == ["two"]
    assert (welcome["pin"]["text"], welcome["rules"]["pace_s"]) == ("two", 5)
    assert bob.seq == ann.seq


def test_pin_is_the_owners_and_stands_in_the_welcome(house: House) -> None:
    house.make()
    olga, ann = house.owner(), house.come("Ann")
    seq = ann.post("read this")["seq"]
    assert refused(ann.pin, seq)["code"] == "not_owner"
    pinned = olga.pin(seq)
    assert ann.expect("pinned")["message"]["text"] == "read this"
    assert house.visitor().join("Eve", house.room)["pin"]["seq"] == seq
    for number in range(60):
        ann.post(str(number))
    far = house.visitor().join("Eva", house.room)
    assert far["pin"]["seq"] == seq  # it is none of the messages that are given
    assert far["messages"][0]["seq"] > seq
    assert refused(olga.pin, pinned["seq"])["code"] == "target_unknown"
    olga.remove(seq)
    assert house.visitor().join("Evi", house.room)["pin"] is None
    assert olga.pin(None)["target"] is None


def test_pinned_answer_quotes_what_its_target_says_now(house: House) -> None:
    house.make()
    ann, olga = house.come("Ann"), house.owner()
    one = ann.post("one")["seq"]
    olga.pin(ann.post("two", reply=one)["seq"])
    ann.edit(one, "other")
    olga.expect("edited")
    assert differences(olga.screen, house.come("Eve").screen) == []
    ann.remove(one)
    olga.expect("removed")
    newcomer = house.come("Nina")
    assert differences(olga.screen, newcomer.screen) == []
    assert newcomer.screen.pin is not None
    assert newcomer.screen.pin["reply"]["removed"] is True


def test_time_for_edits_is_a_setting(make_server: Callable[..., ChatServer]) -> None:
    server = make_server(settings={"CHAT_EDIT_WITHIN_S": "0"})
    server.start()
    house = House(server, "salon")
    ann = house.visitor()
    assert ann.join("Ann", "salon")["limits"]["edit_within_s"] == 0
    error = refused(ann.edit, ann.post("as it is")["seq"], "not")
    assert (error["code"], error["command"]) == ("too_late", "edit")
    house.close()


@pytest.mark.parametrize(
    "command",
    [
        {"type": "edit", "target": 1, "text": "x"},
        {"type": "remove", "target": 1},
        {"type": "pin", "target": None},
        {"type": "rules", "pace_s": 5},
        {"type": "mute", "member": "m" * 22, "for_s": 60},
        {"type": "put_out", "member": "m" * 22, "for_s": 60},
        {"type": "report", "target": 1},
        {"type": "erase"},
        {"type": "rekey", "owner": "o" * 22},
        {"type": "end"},
        {"type": "audit"},
        {"type": "find", "words": "x"},
    ],
    ids=lambda command: str(command["type"]),
)
def test_each_command_needs_a_room_and_names_itself_when_it_is_refused(
    house: House, command: dict[str, object]
) -> None:
    error = house.visitor().refusal(id="c-1", **command)
    assert (error["code"], error["command"]) == ("join_first", command["type"])
    assert error.get("id") == (None if command["type"] in ("audit", "find") else "c-1")


def test_what_was_done_and_may_not_be_done_any_more_has_its_original_outcome(house: House) -> None:
    """Its answer was lost: an error would say that nothing was stored."""
    house.make()
    owner, bob = house.owner(), house.come("Bob")
    post = bob.post("one", "p-1")
    edited = bob.edit(post["seq"], "two", id="e-1")
    now = {**post, "text": "two", "edited": edited["at"]}
    for rules in ({"write": "owners"}, {"write": "all", "pace_s": 3600}):
        owner.ask("rules", **rules)
        bob.expect("rules")
        assert bob.post("one", "p-1") == now
        assert bob.edit(post["seq"], "two", id="e-1") == edited
    assert refused(bob.post, "more")["code"] == "too_soon"


def test_what_an_owner_did_has_its_original_outcome_also_for_who_owns_nothing_any_more(
    house: House,
) -> None:
    """A new owner key whose acknowledgement is lost must not be refused when it is sent again."""
    house.make()
    owner, bob = house.owner(), house.come("Bob")
    seq = bob.post("one")["seq"]
    commands = [
        {"type": "pin", "id": "a-1", "target": seq},
        {"type": "rules", "id": "a-2", "write": "owners"},
        {"type": "mute", "id": "a-3", "member": "m" * 22, "for_s": 60},
        {"type": "put_out", "id": "a-4", "member": "m" * 22, "for_s": 60},
        {"type": "rekey", "id": "a-5", "owner": "k" * 22},
    ]
    outcomes = [owner.ask(command.pop("type"), **command) for command in map(dict, commands)]
    assert owner.resume()["owner"] is False  # it has the key from before
    for command, outcome in zip(commands, outcomes, strict=True):
        assert owner.ask(command.pop("type"), **command) == outcome
    for kind, fields in (("pin", {"target": None}), ("rekey", {"owner": "l" * 22}), ("end", {})):
        assert refused(owner.ask, kind, **fields)["code"] == "not_owner"
    assert house.visitor().join("Eve", house.room, owner="k" * 22)["owner"] is True
