"""The text of a peer: it is a command or is refused, and its strings are cleaned or refused."""

from __future__ import annotations

import json
import re

import msgspec

from chat import protocol
from chat.names.faces import looks
from chat.names.keys import member_id
from chat.names.nicks import clean_nick, free_nick
from chat.names.rooms import clean_room, clean_title, room_meant
from chat.protocol import (
    TITLE_LIMIT,
    AnyCommand,
    Edit,
    ErrorCode,
    Join,
    Make,
    Member,
    Message,
    Post,
    Refused,
    Rename,
    SetRules,
    clean_text,
    decode_command,
)
from chat.rooms.owners import clean_end

_DECODING = {ErrorCode.BAD_JSON, ErrorCode.BAD_COMMAND}
_CLEANING = {
    ErrorCode.NICK_INVALID,
    ErrorCode.ROOM_INVALID,
    ErrorCode.TEXT_EMPTY,
    ErrorCode.TEXT_TOO_LONG,
    ErrorCode.BAD_COMMAND,  # a title without ink, or a time that cannot be
}
# Random input is almost never a command. After one of these letters, the input becomes a string
# inside a command. No command begins with a letter.
_FIELDS = {
    "T": '{"type":"post","id":"p","text":%s}',
    "I": '{"type":"post","id":%s,"text":"t"}',
    "N": '{"type":"rename","nick":%s}',
    "R": '{"type":"join","room":%s}',
    "K": '{"type":"join","key":%s}',
    "E": '{"type":"join","after":{"epoch":%s,"seq":1}}',
    "M": '{"type":"make","private":true,"title":%s}',
    "D": '{"type":"rules","id":"r","ends_at":%s}',
}


def check(data: bytes) -> None:
    """Decode one text, and clean the strings of the command."""
    text = data.decode(errors="ignore")
    if text[:1] in _FIELDS:
        _check_field(text[0], text[1:])
    else:
        _check_command(text)


def _check_field(letter: str, value: str) -> None:
    command = _check_command(_FIELDS[letter] % json.dumps(value))
    if letter in "TNR":
        assert command is not None, "any text may be asked for"
    elif letter in "EMD":  # the title's limit is the same by chance
        assert (command is None) == (len(value) > 64)
    else:
        shortest, longest = (22, 128) if letter == "K" else (1, 64)
        allowed = re.fullmatch(r"[A-Za-z0-9_-]*", value) and shortest <= len(value) <= longest
        assert (command is None) == (not allowed)


def _check_command(text: str) -> AnyCommand | None:
    try:
        command = decode_command(text)
    except Refused as refused:
        _is_told(refused, _DECODING)
        if refused.code is ErrorCode.BAD_COMMAND:
            _is_json(text)
        return None
    assert _is_json(text)["type"] == type(command).__struct_config__.tag
    assert decode_command(msgspec.json.encode(command).decode()) == command
    try:
        _clean(command)
    except Refused as refused:
        _is_told(refused, _CLEANING)
    return command


def _is_json(text: str) -> dict[str, object]:
    """Prove that the standard library parses the text too, with numbers of any size."""
    value = json.loads(text, parse_int=float)
    return value if isinstance(value, dict) else {}


def _is_told(refused: Refused, codes: set[ErrorCode]) -> None:
    assert refused.code in codes
    event = protocol.Error(refused.code, refused.detail)
    assert json.loads(msgspec.json.encode(event))["detail"] == refused.detail


def _clean(command: AnyCommand) -> None:
    """Do what the hub does with the strings of a command. Raises Refused."""
    if isinstance(command, Post | Edit):
        text = clean_text(command.text)
        assert clean_text(text) == text
        message = Message(1, command.id, Member("m", "Ann"), text, "")
        assert json.loads(msgspec.json.encode(message))["text"] == text
    elif isinstance(command, Make):
        title = clean_title(command.title)
        assert clean_title(title) == title
        assert len(title) <= TITLE_LIMIT
        if command.ends_at is not None:
            _clean_end(command.ends_at)
    elif isinstance(command, SetRules) and isinstance(command.ends_at, str):
        _clean_end(command.ends_at)
    elif isinstance(command, Rename):
        _clean_nick(command.nick)
    elif isinstance(command, Join):
        room = clean_room(command.room)
        assert room_meant(room) == room
        if command.key is not None:
            assert re.fullmatch(r"[A-Za-z0-9_-]{22}", member_id(command.key))
        if command.nick is not None:
            _clean_nick(command.nick)


def _clean_end(ends_at: str) -> None:
    kept = clean_end(ends_at)
    assert clean_end(kept) == kept


def _clean_nick(nick: str) -> None:
    nick = clean_nick(nick)
    assert clean_nick(nick) == nick
    assert set(looks(nick)) & set(looks(nick.casefold()))
    suggestion = free_nick(nick, lambda _: False)
    assert clean_nick(suggestion) == suggestion
