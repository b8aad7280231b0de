"""Who may not write, or not come in: muted, put out, kept out, reported; over real sockets."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import pytest

from chat.log import Record
from chat.names.addresses import subscriber
from chat.protocol import ErrorCode, Rules, rfc3339
from chat.protocol import Refused as RefusedHere
from chat.rooms.bars import address_barred_until, bars_for, now_ms, refuse_ended
from tests.conftest import OPERATOR
from tests.support.client import Client, Refused
from tests.support.house import House, refused
from tests.support.servers import ChatServer
from tests.support.waiting import wait_until


def test_muted_member_knows_it_and_until_when(house: House) -> None:
    house.make()
    olga, ann = house.owner(), house.come("Ann")
    seq = ann.post("rude")["seq"]
    olga.ask("mute", member=ann.member["id"], for_s=600)
    until = ann.expect("muted")["until"]
    assert until
    for error in (refused(ann.post, "more"), refused(ann.edit, seq, "ruder")):
        assert error["code"] == "muted"
        assert 590 < error["retry_after"] <= 600
    tab = house.visitor()
    assert tab.join("Ann", house.room, key=ann.key)["muted"] == until
    ann.remove(seq)  # nobody is kept from taking back
    olga.ask("mute", member=ann.member["id"], for_s=0)
    assert ann.expect("muted")["until"] is None
    ann.post("sorry")
    assert "muted" not in house.visitor().join("Ann", house.room, key=ann.key)


def test_member_who_is_put_out_is_closed_and_kept_out_in_all_tabs(house: House) -> None:
    house.make()
    olga, ann, bob = house.owner(), house.come("Ann"), house.come("Bob")
    tab = house.come("Ann", key=ann.key)
    olga.ask("put_out", member=ann.member["id"], for_s=600)
    assert (ann.close_code(), tab.close_code()) == (4003, 4003)
    error = house.refused("Ann", key=ann.key)
    assert (error["code"], error["command"]) == ("banned", "join")
    assert 590 < error["retry_after"] <= 600
    bob.post("calm")
    olga.ask("put_out", member=ann.member["id"], for_s=0)
    house.come("Ann", key=ann.key)


def test_new_key_from_the_same_address_is_kept_out_but_no_neighbour(house: House) -> None:
    house.make()
    olga, ann, bob = house.owner(), house.come("Ann"), house.come("Bob")
    bob.post("I am no newcomer")
    olga.ask("put_out", member=ann.member["id"], for_s=600)
    assert ann.close_code() == 4003
    until_barred(house)
    assert house.refused("Nina")["code"] == "banned"
    bob.ws.close()
    house.come("Bob", key=bob.key)
    house.owner("Oscar")
    olga.ask("put_out", member=ann.member["id"], for_s=0)
    until_open(house)


def test_newcomer_from_another_address_comes_in(house: House) -> None:
    house.make()
    olga = house.owner()
    with from_address(house, "127.0.3.1") as ann, from_address(house, "127.0.3.1") as again:
        ann.join("Ann", house.room)
        olga.ask("put_out", member=ann.member["id"], for_s=600)
        assert ann.close_code() == 4003
        join = {"type": "join", "room": house.room}
        wait_until(lambda: not comes_in(house, "127.0.3.1"))
        assert again.refusal(**join)["code"] == "banned"
        assert comes_in(house, "127.0.3.2")


def test_behind_a_trusted_proxy_the_visitors_address_is_barred(
    make_server: Callable[..., ChatServer],
) -> None:
    server = make_server(settings={"TRUSTED_PROXIES": "1"})
    server.start()
    house = House(server, "salon")
    house.make()
    olga = house.owner()
    with through_proxy(house, "192.0.2.1") as ann:
        ann.join("Ann", "salon")
        olga.ask("put_out", member=ann.member["id"], for_s=600)
        assert ann.close_code() == 4003

    def is_barred(address: str) -> bool:
        with through_proxy(house, address) as nina:
            return not enters(nina, "salon")

    wait_until(lambda: is_barred("192.0.2.1"))
    assert not is_barred("192.0.2.2")
    house.close()


def test_who_has_just_gone_is_kept_out_by_address_too(house: House) -> None:
    house.make()
    olga, ann = house.owner(), house.come("Ann")
    ann.ws.close()
    olga.ask("put_out", member=ann.member["id"], for_s=600)
    until_barred(house)


def test_who_comes_through_a_proxy_that_is_not_trusted_bars_no_address(house: House) -> None:
    house.make()
    olga = house.owner()
    with through_proxy(house, "192.0.2.7") as ann:
        ann.join("Ann", house.room)
        olga.ask("put_out", member=ann.member["id"], for_s=600)
        assert ann.close_code() == 4003
        olga.ask("rules", pace_s=0)  # what the address would have come to is done by now
        house.come("Nina")
        assert house.refused("Ann", key=ann.key)["code"] == "banned"


@pytest.mark.embedded  # of several workers, one knows its own people alone
def test_owner_who_is_here_is_neither_muted_nor_put_out(house: House) -> None:
    house.make()
    olga, other = house.owner(), house.owner("Oscar")
    for kind in ("mute", "put_out"):
        error = refused(olga.ask, kind, member=other.member["id"], for_s=60)
        assert (error["code"], error["command"]) == ("bad_command", kind)


def test_owner_is_not_barred_while_it_owns_the_room(house: House) -> None:
    house.make()
    olga = house.owner()
    ann = house.come("Ann")
    olga.ask("put_out", member=ann.member["id"], for_s=60)
    assert house.refused("Ann", key=ann.key)["code"] == "banned"
    house.owner("Ann", key=ann.key)
    # Who cannot be put out loses the key first; the operator can do that to every owner.
    ops = house.come("Ops", owner=OPERATOR)
    ops.ask("rekey", owner="k" * 22)
    ops.ask("put_out", member=olga.member["id"], for_s=60)
    assert olga.close_code() == 4003


def test_report_is_told_to_owners_and_stands_in_the_audit_list(house: House) -> None:
    house.make()
    olga, ann, bob = house.owner(), house.come("Ann"), house.come("Bob")
    seq = ann.post("rude words")["seq"]
    bob.ask("report", target=seq, text="this is rude", id="rep")
    deed = olga.expect("acted")["deed"]
    assert (deed["what"], deed["by"], deed["target"]) == ("report", bob.member, seq)
    assert (deed["text"], deed["member"]) == ("this is rude", ann.member)
    olga.remove(seq)
    olga.ask("mute", member=ann.member["id"], for_s=600)
    olga.send(type="audit")
    found = olga.expect("audit")
    assert [each["what"] for each in found["acts"]] == ["mute", "remove", "report"]
    assert (found["before"], found["more"]) == (None, False)
    assert [(each["what"], each["member"]) for each in found["bars"]] == [("mute", ann.member)]
    assert "rude words" not in str(found)
    olga.send(type="audit", before=found["acts"][0]["number"], limit=1)
    page = olga.expect("audit")
    assert [each["what"] for each in page["acts"]] == ["remove"]
    assert (page["more"], page["bars"]) == (True, [])
    assert refused(bob.ask, "report", target=999)["code"] == "target_unknown"
    bob.send(type="post", id="last", text="goes on")  # nobody else is told
    assert all(event["type"] != "acted" for event in seen(bob, "goes on"))


def test_operator_sees_the_reports_of_all_rooms(house: House) -> None:
    ann, bob = house.come("Ann"), house.come("Bob")
    seq = ann.post("rude")["seq"]
    bob.ask("report", target=seq)
    ops = house.visitor()
    ops.join("Opsa", "elsewhere", owner=OPERATOR)
    ops.send(type="audit", everywhere=True)
    newest = ops.expect("audit")["acts"][0]
    assert (newest["room"], newest["target"]) == (house.room, seq)
    house.room += "-made"
    house.make()
    olga = house.owner()
    assert olga.refusal(type="audit", everywhere=True)["code"] == "not_owner"


def test_reports_of_one_member_are_bounded(house: House) -> None:
    ann = house.come("Ann")
    seq = ann.post("fine")["seq"]
    for _ in range(10):
        ann.ask("report", target=seq)
    error = refused(ann.ask, "report", target=seq)
    assert (error["code"], error["command"]) == ("rate_limited", "report")
    assert error["retry_after"] > 0
    house.come("Bob").ask("report", target=seq)


@pytest.mark.parametrize(
    ("record", "has_ended"),
    [
        (Record(), False),
        (Record(ended_at=rfc3339(1000)), True),
        (Record(Rules(ends_at=rfc3339(5001))), False),
        (Record(Rules(ends_at=rfc3339(5000))), True),  # whoever ends it is late
    ],
)
def test_room_has_ended_by_the_clock_too(record: Record, has_ended: bool) -> None:
    with pytest.raises(RefusedHere) if has_ended else nullcontext() as refusal:
        refuse_ended(record, 5000)
    assert refusal is None or refusal.value.code is ErrorCode.ROOM_ENDED


@pytest.mark.parametrize(
    ("address", "other", "is_same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
    ],
)
def test_bar_is_for_what_one_subscriber_has(address: str, other: str, is_same: bool) -> None:
    until = now_ms() + 60_000
    bars = bars_for(Record(), {subscriber(address)}, until)
    record = Record(addresses=bars)
    assert address_barred_until(record, subscriber(address), now_ms()) == until
    barred = address_barred_until(record, subscriber(other), now_ms())
    assert barred == (until if is_same else None)
    assert bars_for(record, {subscriber(address)}, until) == []  # it is there already
    assert address_barred_until(record, subscriber(address), until) is None
    again = bars_for(Record(), {subscriber(address)}, until)
    assert again[0].salt != bars[0].salt
    assert again[0].digest != bars[0].digest


def until_barred(house: House) -> None:
    """Wait until no newcomer comes in from here: the address follows the act by a moment."""
    wait_until(lambda: not comes_in(house))


def until_open(house: House) -> None:
    """Wait until newcomers come in from here again."""
    wait_until(lambda: comes_in(house))


def comes_in(house: House, address: str = "127.0.0.1") -> bool:
    """Tell whether a newcomer comes in."""
    with from_address(house, address) as nina:
        return enters(nina, house.room)


def enters(client: Client, room: str) -> bool:
    try:
        client.join(None, room)
    except Refused:
        return False
    return True


def from_address(house: House, address: str) -> Client:
    return Client(house.server.ws_url, source_address=(address, 0))


def through_proxy(house: House, address: str) -> Client:
    return Client(house.server.ws_url, additional_headers={"X-Forwarded-For": address})


def seen(client: Client, text: str) -> list[dict[str, object]]:
    """Give what a client is told until a text comes."""
    events = []
    while True:
        events.append(client.receive())
        if events[-1].get("text") == text:
            return events
