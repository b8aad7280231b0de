"""What the API does for the operator alone, and the probe that shows what proxies pass on."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Response, request

from chat.log import Draft, Listed
from chat.names.addresses import peer_address
from chat.names.nicks import clean_nick
from chat.names.rooms import clean_room, room_in_log
from chat.protocol import ErrorCode, Member, Refused, clean_text, is_id, read_time, rfc3339
from chat.rooms.bars import now_ms
from chat.rooms.commands import Hub
from chat.web.api import shapes
from chat.web.api.calls import Call, json_answer
from chat.web.api.operations import OPERATIONS, Operation
from chat.web.headers import has_tls

_WITHIN_S = 60.0  # for a hundred messages on a slow disk
_WEEK_MS = 7 * 86_400_000


def _rooms(hub: Hub, call: Call) -> Response:
    hub.operating.require(call.guest)
    query: shapes.AfterName = call.query
    found = hub.operating.rooms(query.after, query.limit + 1)
    rooms = [_listed(each, call) for each in found[: query.limit]]
    return json_answer(200, shapes.Rooms(rooms, len(found) > query.limit))[0]


def _listed(room: Listed, call: Call) -> shapes.ListedRoom:
    """Say what is known of a room; a private one's name is a key, and stays on this machine."""
    return shapes.ListedRoom(
        room=room.room if call.guest.is_operator else room_in_log(room.room),
        title=room.title,
        made=room.is_made,
        entries=room.entries,
        head=room.head,
        at=None if room.at_ms is None else rfc3339(room.at_ms),
        ended_at=room.ended_at,
    )


def _everybody(hub: Hub, call: Call) -> Response:
    hub.operating.require(call.guest)
    people = [
        shapes.PersonSomewhere(
            room if call.guest.is_operator else room_in_log(room),
            member.id,
            member.nick,
            rfc3339(came_ms),
        )
        for room, member, came_ms in hub.operating.people()
    ]
    return json_answer(200, shapes.Everybody(people))[0]


def _activity(hub: Hub, call: Call) -> Response:
    hub.operating.require(call.guest)
    since_ms = now_ms() - _WEEK_MS
    found = hub.operating.activity(since_ms - since_ms % 3_600_000)
    hours = [shapes.Hour(rfc3339(each.at_ms), each.posts, each.members) for each in found.hours]
    return json_answer(200, shapes.Week(hours, found.is_whole))[0]


def _prune(hub: Hub, call: Call) -> Response:
    hub.operating.require(call.guest)
    gone = hub.operating.prune(clean_room(call.path["room"]), call.body.last)
    return json_answer(200, shapes.Pruned(gone))[0]


def _add_past(hub: Hub, call: Call) -> Response:
    hub.operating.require(call.guest)
    room = clean_room(call.path["room"])
    drafts = list(_drafts(room, call.body))
    return json_answer(200, shapes.Added(hub.operating.add_past(room, drafts, _WITHIN_S)))[0]


def _drafts(room: str, past: shapes.Past) -> Iterator[Draft]:
    """Check messages of the past as if they were posted. Raises Refused."""
    latest = now_ms()
    for each in past.messages:
        at_ms = read_time(each.at)
        if not is_id(each.id) or not 0 < at_ms <= latest:
            detail = f"The message {each.id[:64]!r} has no id of a message, or no time of the past."
            raise Refused(ErrorCode.BAD_COMMAND, detail)
        member = Member(each.member.id, clean_nick(each.member.nick))
        yield Draft(room, each.id, member, clean_text(each.text), each.reply, at_ms=at_ms)


def _probe(hub: Hub, call: Call) -> Response:
    environ = request.environ
    before = environ.get("werkzeug.proxy_fix.orig", {})
    forwarded = environ.get("HTTP_X_FORWARDED_FOR") or before.get("HTTP_X_FORWARDED_FOR") or ""
    seen = shapes.Probe(
        address=peer_address(environ),
        forwarded_for=[each.strip() for each in forwarded.split(",") if each.strip()],
        host=environ.get("HTTP_HOST", ""),
        protocol=environ["SERVER_PROTOCOL"],
        tls=has_tls(environ),
        trusted_proxies=call.trusted_proxies,
    )
    return json_answer(200, seen)[0]


_OPERATOR_OPERATIONS = (
    Operation(
        "GET",
        "/rooms",
        "List all rooms, in the order of their names",
        _rooms,
        shapes.AfterName,
        None,
        {200: (shapes.Rooms,)},
        "owner",
    ),
    Operation(
        "GET",
        "/people",
        "List who is here, in all rooms",
        _everybody,
        shapes.NoQuery,
        None,
        {200: (shapes.Everybody,)},
        "owner",
    ),
    Operation(
        "GET",
        "/activity",
        "Count the posts of each hour of the week",
        _activity,
        shapes.NoQuery,
        None,
        {200: (shapes.Week,)},
        "owner",
    ),
    Operation(
        "POST",
        "/rooms/{room}/prune",
        "Delete the oldest entries of a room",
        _prune,
        shapes.NoQuery,
        shapes.Until,
        {200: (shapes.Pruned,)},
        "owner",
    ),
    Operation(
        "POST",
        "/rooms/{room}/past",
        "Store messages of the past behind those of a room",
        _add_past,
        shapes.NoQuery,
        shapes.Past,
        {200: (shapes.Added,)},
        "owner",
    ),
    Operation(
        "GET",
        "/probe",
        "Show what the server sees of this request, through whatever proxies",
        _probe,
        shapes.NoQuery,
        None,
        {200: (shapes.Probe,)},
    ),
)

#: All that the API does.
ALL_OPERATIONS = (*OPERATIONS, *_OPERATOR_OPERATIONS)
