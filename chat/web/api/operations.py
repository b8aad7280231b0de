"""What the API can do: one function an operation, and the table that routes and OpenAPI read.

Each function is done on its request's thread, within the time of one visit. It raises Refused,
StorageUnavailable and Told.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

from flask import Response
from msgspec import UNSET, Struct
from msgspec.structs import asdict

from chat import protocol
from chat.log import StorageUnavailable
from chat.names.keys import is_member_id, is_owner_key
from chat.protocol import (
    AnyCommand,
    Error,
    ErrorCode,
    Message,
    Refused,
    rfc3339,
)
from chat.rooms.commands import Hub
from chat.rooms.visits import Following, Outcome, Visit
from chat.web.api import shapes
from chat.web.api.calls import Call, Told, json_answer, told
from chat.web.problems import ProblemCode, of_error

_WITHIN_S = 10.0  # for a command: longer than a commit takes on a slow disk
_FOUND_LIMIT, _PAGE_LIMIT = 50, 100  # messages in one answer, as on the socket
_UNKNOWN = "It is not known yet whether this was done. Send it again, with the same id."


class Operation(NamedTuple):
    """One thing that the API does: its address, what it reads, and what it answers."""

    method: str
    path: str  # below /api, as OpenAPI writes it
    summary: str
    do: Callable[[Hub, Call], Response]
    query: type[Struct]
    body: type[Struct] | None
    answers: dict[int, tuple[type[Struct], ...]]  # by status
    needs: str = ""  # which key: "key" of a member, "owner" of the room, "hook" in the address


# --- messages -------------------------------------------------------------------------------------


def _read(hub: Hub, call: Call) -> Response:
    query: shapes.Reading = call.query
    asked = [each for each in (query.after or None, query.before, query.find) if each is not None]
    if len(asked) > 1 and not (query.find and query.before):
        raise Refused(ErrorCode.BAD_COMMAND, "Ask for what is after or before a place, or find.")
    with _entered(hub, call) as visit:
        if query.find is not None or query.before is not None:
            return _given(call, 200, _older(visit, query), charged=True)
        return _given(call, 200, entries_of(visit, follow(visit, query, query.after, query.wait)))


def follow(visit: Visit, query: shapes.Reading, after: str, wait_s: float) -> Following:
    """Give what a room has after a place; the newest messages where there is no place yet."""
    if not after:
        return visit.newest(min(query.limit, _PAGE_LIMIT))
    try:
        place = shapes.read_place(after)
    except ValueError:
        detail = "after is a seq, or next of an earlier answer."
        raise Refused(ErrorCode.BAD_COMMAND, detail) from None
    return visit.after(place, query.limit, wait_s)


def entries_of(visit: Visit, found: Following) -> shapes.Entries:
    """Give the answer that has some entries."""
    place = shapes.place_name(found.place)
    return shapes.Entries(visit.room, found.entries, place, found.more, found.gap)


def _older(visit: Visit, query: shapes.Reading) -> shapes.Messages:
    if query.find is not None:
        limit = min(query.limit, _FOUND_LIMIT)
        found = _done(visit, protocol.Find(query.find, query.before, limit)).event
        assert isinstance(found, protocol.Found)
        return shapes.Messages(visit.room, found.messages, found.more, found.looked_to)
    assert query.before is not None
    older = _done(visit, protocol.History(query.before, min(query.limit, _PAGE_LIMIT))).event
    assert isinstance(older, protocol.Older)
    return shapes.Messages(visit.room, older.messages, older.more)


def _read_one(hub: Hub, call: Call) -> Response:
    with _entered(hub, call) as visit:
        return _given(call, 200, _message(visit, call))


def _post(hub: Hub, call: Call) -> Response:
    body: shapes.NewMessage = call.body
    with _entered(hub, call) as visit:
        visit.be(body.nick)
        done = _done(visit, protocol.Post(_id(call), body.text, body.reply))
        return _given(call, 201 if done.is_new else 200, _posted(done))


def _edit(hub: Hub, call: Call) -> Response:
    body: shapes.NewText = call.body
    with _entered(hub, call) as visit:
        visit.be(body.nick)
        message = _message(visit, call)
        _done(visit, protocol.Edit(_new_id(call), message.seq, body.text))
        return _given(call, 200, _message(visit, call))


def _remove(hub: Hub, call: Call) -> Response:
    query: shapes.ActingOn = call.query
    with _entered(hub, call) as visit:
        visit.be(query.nick)
        if query.member is None or query.member == visit.session.member_id:
            # By its id, so that a post that is still on its way never becomes a message.
            command = protocol.Remove(_new_id(call), post=_id(call))
        else:
            command = protocol.Remove(_new_id(call), target=_message(visit, call).seq)
        outcome = _outcome(visit, command)
        if isinstance(outcome.event, Error) and not _is_gone(visit, call, outcome.event):
            raise Told(of_error(outcome.event))
        return _nothing()


def _is_gone(visit: Visit, call: Call, error: Error) -> bool:
    """Tell whether what cannot be removed was removed before: then it is done."""
    if error.code is not ErrorCode.TARGET_UNKNOWN:
        return False
    found = visit.own(_id(call), call.query.member)
    return isinstance(found, Message) and found.removed


def _erase(hub: Hub, call: Call) -> Response:
    with _entered(hub, call) as visit:
        visit.be(call.query.nick)
        _done(visit, protocol.Erase(_new_id(call), _person(call)))
        return _nothing()


def _hook(hub: Hub, call: Call) -> Response:
    body: shapes.Hook = call.body
    with _entered(hub, call) as visit:
        visit.be(body.username)
        done = _done(visit, protocol.Post(_new_id(call), body.text))
        return _given(call, 201 if done.is_new else 200, _posted(done))


# --- rooms ----------------------------------------------------------------------------------------


def _make(hub: Hub, call: Call) -> Response:
    body: shapes.NewRoom = call.body
    return _made(
        hub,
        call,
        protocol.Make(
            room=call.path["room"],
            write=body.write,
            ends_at=body.ends_at,
            owner=_owner_to_be(call),
        ),
    )


def _make_private(hub: Hub, call: Call) -> Response:
    body: shapes.NewPrivateRoom = call.body
    return _made(
        hub,
        call,
        protocol.Make(
            private=True,
            title=body.title,
            write=body.write,
            ends_at=body.ends_at,
            owner=_owner_to_be(call),
        ),
    )


def _made(hub: Hub, call: Call, command: protocol.Make) -> Response:
    guest = call.guest._replace(owner=None)
    made = _known(hub.visits.make(guest, command, _WITHIN_S)).event
    assert isinstance(made, protocol.Made)
    return _given(call, 201, shapes.MadeRoom(made.room, made.owner))


def _owner_to_be(call: Call) -> str | None:
    """Give the owner key that a room is to have: with it, a repetition is harmless."""
    owner = call.guest.owner
    if owner is not None and not is_owner_key(owner):
        raise told(400, ProblemCode.KEY_INVALID, "An owner key has 22 letters, digits, - or _.")
    return owner


def _about(hub: Hub, call: Call) -> Response:
    with _entered(hub, call) as visit:
        record = visit.record
        people = len(visit.people())
        about = shapes.Room(
            visit.room, record.title, record.owner is not None, record.rules, record.pin, people
        )
        return _given(call, 200, about)


def _rule(hub: Hub, call: Call) -> Response:
    given = {name: each for name, each in asdict(call.body).items() if each is not UNSET}
    with _entered(hub, call) as visit:
        visit.be(call.query.nick)
        done = _done(visit, protocol.SetRules(_new_id(call), **given)).event
        assert isinstance(done, protocol.RulesSet)
        return _given(call, 200, done)


def _end(hub: Hub, call: Call) -> Response:
    return _acted(hub, call, protocol.End(_new_id(call)))


def _pin(hub: Hub, call: Call) -> Response:
    return _acted(hub, call, protocol.Pin(_new_id(call), call.body.target))


def _unpin(hub: Hub, call: Call) -> Response:
    return _acted(hub, call, protocol.Pin(_new_id(call), None))


# --- people ---------------------------------------------------------------------------------------


def _people(hub: Hub, call: Call) -> Response:
    with _entered(hub, call) as visit:
        people = [
            shapes.Person(member.id, member.nick, rfc3339(came_ms))
            for member, came_ms in visit.people()
        ]
        return _given(call, 200, shapes.People(visit.room, people))


def _mute(hub: Hub, call: Call) -> Response:
    member, for_s = _person(call), call.body.for_s
    return _acted(hub, call, protocol.Mute(_new_id(call), member, for_s))


def _put_out(hub: Hub, call: Call) -> Response:
    member, for_s = _person(call), call.body.for_s
    return _acted(hub, call, protocol.PutOut(_new_id(call), member, for_s))


# --- what they have in common ---------------------------------------------------------------------


def _entered(hub: Hub, call: Call) -> AbstractContextManager[Visit]:
    return hub.visits.enter(call.path["room"], call.guest)


def _acted(hub: Hub, call: Call, command: AnyCommand) -> Response:
    """Do what has no answer but that it was done."""
    with _entered(hub, call) as visit:
        visit.be(call.query.nick)
        _done(visit, command)
        return _nothing()


def _done(visit: Visit, command: AnyCommand) -> Outcome:
    """Do a command. Raises Told when it is refused later."""
    outcome = _outcome(visit, command)
    if isinstance(outcome.event, Error):
        raise Told(of_error(outcome.event))
    return outcome


def _outcome(visit: Visit, command: AnyCommand) -> Outcome:
    return _in_time(visit.do(command, _WITHIN_S))


def _known(outcome: Outcome | None) -> Outcome:
    outcome = _in_time(outcome)
    if isinstance(outcome.event, Error):
        raise Told(of_error(outcome.event))
    return outcome


def _in_time(outcome: Outcome | None) -> Outcome:
    if outcome is None:
        raise StorageUnavailable(_UNKNOWN)
    return outcome


def _message(visit: Visit, call: Call) -> Message:
    """Give the message that an address names. Raises Refused (`target_unknown`)."""
    found = visit.own(_id(call), getattr(call.query, "member", None))
    if not isinstance(found, Message):
        raise Refused(ErrorCode.TARGET_UNKNOWN, "There is no such message.")
    return found


def _posted(done: Outcome) -> Message:
    """Give the message that a post became. Raises Told for one that was removed before."""
    if not isinstance(done.event, Message):
        raise told(
            410, ProblemCode.GONE, "This id was removed before it came, or used for a change."
        )
    return done.event


def _id(call: Call) -> str:
    """Give the id in an address, which its sender has made. Raises Refused."""
    return _checked(call.path["id"])


def _person(call: Call) -> str:
    """Give the public id of a member in an address. Raises Refused."""
    if not is_member_id(call.path["member"]):
        detail = "A member has 22 letters, digits, hyphens or underscores."
        raise Refused(ErrorCode.BAD_COMMAND, detail)
    return call.path["member"]


def _new_id(call: Call) -> str:
    """Give a command an id: the request's Idempotency-Key, or else a new one."""
    if call.idempotency_key is None:
        return secrets.token_urlsafe(16)
    return _checked(call.idempotency_key)


def _checked(given: str) -> str:
    if not protocol.is_id(given):
        detail = "An id has 1 to 64 letters, digits, hyphens or underscores."
        raise Refused(ErrorCode.BAD_COMMAND, detail)
    return given


def _given(call: Call, status: int, body: Struct, *, charged: bool = False) -> Response:
    """Give an answer with a body, and charge the address for what is sent, unless that was done."""
    response, size = json_answer(status, body)
    if not charged:
        call.charge(size)
    return response


def _nothing() -> Response:
    response = Response(status=204)
    del response.headers["Content-Type"]
    response.headers["Cache-Control"] = "no-store"
    return response


_MESSAGES = "/rooms/{room}/messages"
_MESSAGE = "/rooms/{room}/messages/{id}"
_PERSON = "/rooms/{room}/people/{member}"

OPERATIONS = (
    Operation(
        "GET",
        _MESSAGES,
        "Read a room: its newest messages, what follows a place, what is before, or what has words",
        _read,
        shapes.Reading,
        None,
        {
            200: (
                shapes.Entries,
                shapes.Messages,
            )
        },
    ),
    Operation(
        "GET",
        _MESSAGE,
        "Give one message, by its member and its id",
        _read_one,
        shapes.Whose,
        None,
        {200: (Message,)},
    ),
    Operation(
        "PUT",
        _MESSAGE,
        "Post a message; a repetition with the same id posts nothing twice",
        _post,
        shapes.NoQuery,
        shapes.NewMessage,
        {201: (Message,), 200: (Message,)},
        "key",
    ),
    Operation(
        "PATCH",
        _MESSAGE,
        "Give one's own message another text",
        _edit,
        shapes.NoQuery,
        shapes.NewText,
        {200: (Message,)},
        "key",
    ),
    Operation(
        "DELETE",
        _MESSAGE,
        "Remove one's own message, or anybody's as an owner",
        _remove,
        shapes.ActingOn,
        None,
        {204: (shapes.Nothing,)},
        "key",
    ),
    Operation(
        "POST",
        "/rooms/{room}/hook",
        "Post what a program sends to its incoming webhook",
        _hook,
        shapes.HookKey,
        shapes.Hook,
        {201: (Message,), 200: (Message,)},
        "hook",
    ),
    Operation(
        "POST",
        "/rooms",
        "Make a private room",
        _make_private,
        shapes.NoQuery,
        shapes.NewPrivateRoom,
        {201: (shapes.MadeRoom,)},
    ),
    Operation(
        "PUT",
        "/rooms/{room}",
        "Make a room",
        _make,
        shapes.NoQuery,
        shapes.NewRoom,
        {201: (shapes.MadeRoom,)},
    ),
    Operation(
        "GET",
        "/rooms/{room}",
        "Tell what holds in a room",
        _about,
        shapes.NoQuery,
        None,
        {200: (shapes.Room,)},
    ),
    Operation(
        "PATCH",
        "/rooms/{room}/rules",
        "Change the rules of a room",
        _rule,
        shapes.Acting,
        shapes.NewRules,
        {200: (protocol.RulesSet,)},
        "owner",
    ),
    Operation(
        "DELETE",
        "/rooms/{room}",
        "End a room",
        _end,
        shapes.Acting,
        None,
        {204: (shapes.Nothing,)},
        "owner",
    ),
    Operation(
        "PUT",
        "/rooms/{room}/pin",
        "Pin a message",
        _pin,
        shapes.Acting,
        shapes.NewPin,
        {204: (shapes.Nothing,)},
        "owner",
    ),
    Operation(
        "DELETE",
        "/rooms/{room}/pin",
        "Pin no message any more",
        _unpin,
        shapes.Acting,
        None,
        {204: (shapes.Nothing,)},
        "owner",
    ),
    Operation(
        "GET",
        "/rooms/{room}/people",
        "List who is in a room",
        _people,
        shapes.NoQuery,
        None,
        {200: (shapes.People,)},
    ),
    Operation(
        "PUT",
        f"{_PERSON}/mute",
        "Let a member not write for a time, or write again",
        _mute,
        shapes.Acting,
        shapes.NewBar,
        {204: (shapes.Nothing,)},
        "owner",
    ),
    Operation(
        "PUT",
        f"{_PERSON}/put-out",
        "Put a member out for a time, or let it come again",
        _put_out,
        shapes.Acting,
        shapes.NewBar,
        {204: (shapes.Nothing,)},
        "owner",
    ),
    Operation(
        "DELETE",
        f"{_PERSON}/messages",
        "Remove all of one's own messages in a room, or a member's as an owner",
        _erase,
        shapes.Acting,
        None,
        {204: (shapes.Nothing,)},
        "key",
    ),
)
