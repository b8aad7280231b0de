"""Rooms made on purpose: their owners, rules, and end; over real sockets."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chat.names.keys import private_room
from tests.conftest import OPERATOR
from tests.support.client import Client, Refused
from tests.support.house import House, refused
from tests.support.waiting import wait_until

OTHER_KEY = "k" * 22


def in_s(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def is_taken(client: Client) -> bool:
    """Tell whether a post is taken: another worker hears of new rules a moment later."""
    try:
        client.post("again")
    except Refused:
        return False
    return True


def until_refused(client: Client) -> dict[str, Any]:
    """Post until that is refused, and give the error."""
    wait_until(lambda: not is_taken(client))
    return refused(client.post, "once more")


# --- making ----------------------------------------------------------------------------


def test_made_room_is_owned_by_who_has_its_key(house: House) -> None:
    made = house.make(write="owners", title="left out: the name is shown")
    assert made == {"type": "made", "room": house.room, "owner": house.owner_key}
    assert house.make() == made  # as often as it is asked with the same key
    olga, ann = house.visitor(), house.visitor()
    welcome = olga.join("Olga", house.room, owner=house.owner_key)
    assert (welcome["owner"], welcome["operator"], welcome["made"]) == (True, False, True)
    assert welcome["rules"] == {"write": "owners", "pace_s": 0, "locked": False, "ends_at": None}
    assert (welcome["title"], welcome["pin"]) == ("", None)
    assert ann.join("Ann", house.room)["owner"] is False
    olga.post("read me")
    error = refused(ann.post, "I would write")
    assert (error["code"], error["command"]) == ("read_only", "post")


def test_server_makes_the_key_if_the_page_does_not(house: House) -> None:
    with Client(house.server.ws_url) as maker:
        maker.send(type="make", room=house.room)
        key = maker.expect("made")["owner"]
        assert re.fullmatch(r"[A-Za-z0-9_-]{22}", key)
        assert maker.join("Ann", house.room, owner=key)["owner"] is True


def test_private_room_has_its_name_from_its_key_and_a_title(house: House) -> None:
    with Client(house.server.ws_url) as maker:
        title = "  The \u202egarden\n club \u0007 "
        maker.send(type="make", private=True, owner=house.owner_key, title=title)
        made = maker.expect("made")
        assert made["room"] == private_room(house.owner_key)
        assert re.fullmatch("[a-z2-7]{26}", made["room"])
        welcome = maker.join("Ann", made["room"])
        assert (welcome["title"], welcome["made"]) == ("The garden club", True)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ({"room": "general"}, "room_exists"),
        ({"room": "Gen eral"}, "room_invalid"),
        ({}, "bad_command"),
        ({"room": "salon", "private": True}, "bad_command"),
        ({"private": True, "title": "\u200b"}, "bad_command"),
        ({"private": True, "title": "x" * 65}, "bad_command"),
        ({"private": True, "ends_at": "tomorrow"}, "bad_command"),
        ({"private": True, "ends_at": "2020-01-01T00:00:00Z"}, "bad_command"),
        ({"private": True, "ends_at": "9999-01-01T00:00:00Z"}, "bad_command"),
        ({"private": True, "write": "nobody"}, "bad_command"),
        ({"private": True, "owner": "short"}, "bad_command"),
    ],
)
def test_room_that_cannot_be_is_not_made(house: House, command: dict[str, Any], code: str) -> None:
    error = house.visitor().refusal(type="make", **command)
    assert (error["code"], error["command"]) == (code, "make")


def test_room_that_is_in_use_is_not_made(house: House) -> None:
    ann = house.come("Ann")
    make = {"type": "make", "room": house.room}
    assert house.visitor().refusal(**make)["code"] == "room_exists"  # somebody is there
    assert ann.refusal(**make)["code"] == "already_joined"
    ann.post("here")
    ann.ws.close()
    assert house.visitor().refusal(**make)["code"] == "room_exists"  # there is something in it
    other = House(house.server, f"{house.room}-made")
    other.make()
    error = house.visitor().refusal(type="make", room=other.room, owner=OTHER_KEY)
    assert error["code"] == "room_exists"  # it is another's


# --- whose it is ---------------------------------------------------------------------------


def test_wrong_key_lets_in_and_owns_nothing(house: House) -> None:
    house.make()
    for wrong in (OTHER_KEY, house.owner_key[:-1], "", "\u00e9" * 22, "x" * 256):
        assert house.visitor().join(None, house.room, owner=wrong)["owner"] is False
    assert house.refused(owner="x" * 257)["code"] == "bad_command"


def test_operator_owns_every_room(house: House) -> None:
    welcome = house.visitor().join("Ops", "general", owner=OPERATOR)
    assert (welcome["owner"], welcome["operator"], welcome["made"]) == (True, True, False)
    ann, ops = house.come("Ann"), house.come("Ops", owner=OPERATOR)  # an open room
    seq = ann.post("rude")["seq"]
    ops.remove(seq)
    assert ann.expect("removed")["member"] == ops.member
    ops.ask("rules", write="owners")
    assert ann.expect("rules")["rules"]["write"] == "owners"
    ops.ask("rules", write="all")
    error = refused(ops.ask, "rekey", owner=OTHER_KEY)
    assert error["code"] == "bad_command"  # nobody has a key of an open room


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("rules", {"locked": True}),
        ("mute", {"member": "m" * 22, "for_s": 60}),
        ("put_out", {"member": "m" * 22, "for_s": 60}),
        ("rekey", {"owner": OTHER_KEY}),
        ("end", {}),
    ],
)
def test_only_owners_do_what_owners_do(house: House, kind: str, fields: dict[str, Any]) -> None:
    house.make()
    ann = house.come("Ann")
    error = refused(ann.ask, kind, **fields)
    assert (error["code"], error["command"]) == ("not_owner", kind)
    assert error["id"]
    assert ann.refusal(type="audit")["code"] == "not_owner"


def test_changed_key_makes_the_one_before_nobodys(house: House) -> None:
    house.make()
    olga, other = house.owner(), house.owner("Oscar")
    olga.ask("rekey", owner=OTHER_KEY)
    told = other.expect("acted")["deed"]  # the last that it hears as an owner
    assert (told["what"], told["by"]) == ("rekey", olga.member)
    assert OTHER_KEY not in str(told)
    olga.ask("rules", pace_s=0)
    assert refused(other.ask, "rules", pace_s=1)["code"] == "not_owner"
    assert house.owner("Old").refusal(type="audit")["code"] == "not_owner"
    assert house.visitor().join("New", house.room, owner=OTHER_KEY)["owner"] is True


# --- rules ---------------------------------------------------------------------------------


def test_rules_change_what_is_named_and_are_told_to_all(house: House) -> None:
    house.make()
    olga, ann = house.owner(), house.come("Ann")
    olga.ask("rules", pace_s=3600, id="r-1")
    ends_at = in_s(3600)
    changed = olga.ask("rules", ends_at=ends_at)
    rules = {
        "write": "all",
        "pace_s": 3600,
        "locked": False,
        "ends_at": changed["rules"]["ends_at"],
    }
    assert changed["rules"] == rules
    assert datetime.fromisoformat(rules["ends_at"]) - datetime.fromisoformat(ends_at) < timedelta(
        seconds=1
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", rules["ends_at"])
    assert ann.expect("rules", rules=rules) == changed
    assert olga.ask("rules", ends_at=None)["rules"]["ends_at"] is None
    assert house.visitor().join("Eve", house.room)["rules"] == {**rules, "ends_at": None}
    for wrong in ({"pace_s": -1}, {"pace_s": 3601}, {"write": "me"}, {"ends_at": in_s(-1)}):
        assert refused(olga.ask, "rules", **wrong)["code"] == "bad_command"


def test_pace_is_one_members_and_no_owners(house: House) -> None:
    house.make()
    olga, ann, bob = house.owner(), house.come("Ann"), house.come("Bob")
    ann.post("before it")
    olga.ask("rules", pace_s=600)
    error = until_refused(ann)
    assert (error["code"], error["command"]) == ("too_soon", "post")
    assert 590 < error["retry_after"] <= 600
    tab = house.come("Ann", key=ann.key)
    assert refused(tab.post, "from another tab")["code"] == "too_soon"
    assert until_refused(bob)["code"] == "too_soon"
    bob.edit(bob.messages[-1]["seq"], "an edit is no post of its own")
    for text in ("one", "two"):
        olga.post(text)
    olga.ask("rules", pace_s=0)
    wait_until(lambda: is_taken(ann))


def test_post_that_came_to_nothing_takes_no_turn(house: House) -> None:
    house.make()
    olga, ann = house.owner(), house.come("Ann")
    olga.ask("rules", pace_s=600)
    for _ in range(2):
        assert refused(ann.post, "to nothing", reply=999)["code"] == "target_unknown"
    ann.post("to all")


def test_locked_room_lets_in_who_was_there_or_had_written(house: House) -> None:
    house.make()
    olga, ann, bob = house.owner(), house.come("Ann"), house.come("Bob")
    ann.post("I was here")
    ann.ws.close()
    olga.ask("rules", locked=True)
    error = house.refused("Nina")
    assert (error["code"], error["command"]) == ("room_locked", "join")
    assert house.refused("Nina", key="n" * 22)["code"] == "room_locked"
    bob.ws.close()
    house.come("Ann", key=ann.key)
    house.come("Bob", key=bob.key)
    house.owner("Oscar")
    olga.ask("rules", locked=False)
    house.come("Nina")


def test_refused_newcomer_may_try_again_on_the_same_connection(house: House) -> None:
    house.make()
    olga, nina = house.owner(), house.visitor()
    olga.ask("rules", locked=True)
    assert nina.refusal(type="join", nick="Nina", room=house.room)["code"] == "room_locked"
    olga.post("held for nobody")
    assert nina.refusal(type="post", id="1", text="x")["code"] == "join_first"
    olga.ask("rules", locked=False)
    nina.join("Nina", house.room)
    nina.post("here")
    assert nina.texts() == ["held for nobody", "here"]


# --- the end ---------------------------------------------------------------------------------


def test_end_is_told_to_all_and_nobody_comes_in_again(house: House) -> None:
    house.make()
    olga, ann = house.owner(), house.come("Ann")
    ann.post("goodbye")
    olga.send(type="end", id="end")
    assert ann.expect("ended")["at"]
    assert ann.close_code() == 4004
    assert olga.close_code() == 4004
    for fields in ({}, {"owner": house.owner_key}, {"owner": OPERATOR}):
        error = house.refused(**fields)
        assert (error["code"], error["command"]) == ("room_ended", "join")
    for key in (house.owner_key, OTHER_KEY):
        error = house.visitor().refusal(type="make", room=house.room, owner=key)
        assert error["code"] == "room_ended"


def test_room_ends_by_itself(house: House) -> None:
    house.make(ends_at=in_s(2.5))
    ann = house.come("Ann")
    assert ann.post("for a moment")["seq"] == 1
    assert ann.expect("ended")
    assert ann.close_code() == 4004
    assert house.refused()["code"] == "room_ended"


def test_general_has_no_end(house: House) -> None:
    ops = house.visitor()
    ops.join("Opsi", "general", owner=OPERATOR)
    for kind, fields in (("end", {}), ("rules", {"ends_at": in_s(60)})):
        assert refused(ops.ask, kind, **fields)["code"] == "bad_command"


def test_keys_are_in_no_line_of_the_log(house: House) -> None:
    house.make()
    wrong = secrets.token_urlsafe(16)
    house.owner().ws.close()
    eve = house.come("Eve", owner=wrong)
    eve.ws.close()
    text = house.server.logged(eve.member["id"])
    assert all(each not in text for each in (house.owner_key, wrong, OPERATOR))
