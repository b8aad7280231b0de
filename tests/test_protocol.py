"""Commands and events: a stranger's text is a command or is refused, and never causes a crash."""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from chat import protocol
from chat.protocol import (
    AnyCommand,
    ErrorCode,
    Event,
    History,
    Join,
    Limits,
    Member,
    Message,
    Ping,
    Post,
    Refused,
    Rename,
    Seen,
    Typing,
    clean_text,
    decode_command,
    rfc3339,
)

ANN = Member("m1", "Ann")
MESSAGE = Message(7, "p1", ANN, "bonjour", "2026-01-02T03:04:05.678Z")
WIRE_ANN = {"id": "m1", "nick": "Ann"}
WIRE_MESSAGE = {
    "type": "message",
    "seq": 7,
    "id": "p1",
    "member": WIRE_ANN,
    "text": "bonjour",
    "at": "2026-01-02T03:04:05.678Z",
}

# Text that JSON carries: everything but surrogates.
texts = st.text(st.characters(exclude_categories=["Cs"]))
names = st.text("abcXYZ019_-", min_size=1, max_size=64)
seqs = st.integers(1, 2**53 - 1)
commands: st.SearchStrategy[AnyCommand] = st.one_of(
    st.builds(
        Join,
        room=texts,
        nick=st.none() | texts,
        key=st.none() | st.text("abcXYZ019_-", min_size=22, max_size=128),
        after=st.none() | st.builds(Seen, epoch=texts.filter(lambda t: len(t) <= 64), seq=seqs),
    ),
    st.builds(Post, id=names, text=texts),
    st.builds(Rename, nick=texts),
    st.just(Typing()),
    st.builds(History, before=seqs, limit=st.integers(1, 100)),
    st.just(Ping()),
)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
almost_commands = st.fixed_dictionaries(
    {"type": st.sampled_from(["join", "post", "rename", "typing", "history", "ping", "nope"])},
    optional=dict.fromkeys(
        ("room", "nick", "key", "after", "id", "text", "before", "limit", "extra"), json_values
    ),
)


def refusal(text: str) -> ErrorCode:
    """Give the code with which a text is refused."""
    with pytest.raises(Refused) as caught:
        decode_command(text)
    assert caught.value.detail.endswith(".")
    return caught.value.code


def wire(event: Event) -> dict[str, object]:
    """Give an event as a browser parses it."""
    return dict(json.loads(msgspec.json.encode(event)))


def is_command_or_refused(text: str) -> None:
    try:
        command = decode_command(text)
    except Refused as refused:
        if refused.code not in (ErrorCode.BAD_JSON, ErrorCode.BAD_COMMAND):
            raise
        msgspec.json.encode(refused.detail)  # it can be sent
    else:
        assert isinstance(command, AnyCommand)
        msgspec.json.encode(command)


def is_text(text: str) -> bool:
    try:
        clean_text(text)
    except Refused:
        return False
    return True


def without_controls_and_spaces(text: str) -> str:
    return "".join(c for c in text if unicodedata.category(c) != "Cc" and not c.isspace())


# --- decoding ---------------------------------------------------------------------


@given(st.text(st.characters()))
@example("\ud800")
@example('{"type": "rename", "nick": "\udfff"}')
@example("")
@example("\x00")
@example("\ufeff{}")
def test_any_text_is_a_command_or_refused(text: str) -> None:
    is_command_or_refused(text)


@given(almost_commands | json_values, st.integers(0, 400))
def test_any_json_whole_or_cut_off_is_a_command_or_refused(value: object, length: int) -> None:
    whole = json.dumps(value)
    is_command_or_refused(whole)
    is_command_or_refused(whole[:length])


@pytest.mark.parametrize(
    "text",
    [
        "[" * 30_000,
        '{"a":' * 10_000,
        '{"type": "ping", "x": ' + "[" * 30_000,
        '{"x": ' + "[" * 30_000,
        '{"type": "post", "id": "p", "text": ' + '{"a":' * 5_000,
        "9" * 5_000,
        "NaN",
        '{"type": "ping", "x": NaN}',
        '{"type": "ping", "x": Infinity}',
        r'{"type": "post", "id": "p", "text": "\ud800"}',
        r'{"type": "\udfff"}',
        '{"type": "ping"',
        '{"type": "ping"} {"type": "ping"}',
        '{"type": "nope"} junk',
        "{'type': 'ping'}",
        "ping",
    ],
    ids=lambda text: text[:40],
)
def test_what_is_not_json_is_refused_as_such(text: str) -> None:
    assert refusal(text) is ErrorCode.BAD_JSON


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "[]",
        '"ping"',
        "{}",
        '{"type": null}',
        '{"type": "nope"}',
        '{"type": "Ping"}',
        '{"type": "welcome"}',
        '{"type": "post"}',
        '{"type": "post", "id": "p"}',
        '{"type": "post", "id": "p", "text": null}',
        '{"type": "rename"}',
        '{"type": "rename", "nick": 5}',
        '{"type": "join", "room": null}',
        '{"type": "join", "after": {"epoch": "e"}}',
        '{"type": "join", "after": {"epoch": "e", "seq": -1}}',
        '{"type": "join", "after": {"epoch": "e", "seq": 9223372036854775808}}',
        '{"type": "join", "after": {"epoch": "%s", "seq": 1}}' % ("e" * 65),
        '{"type": "history", "before": 0}',
        '{"type": "history", "before": 1.5}',
        '{"type": "history", "before": true}',
        '{"type": "history", "before": "7"}',
        '{"type": "history", "before": 9007199254740992}',
        '{"type": "history", "before": 9223372036854775808}',
        '{"type": "history", "before": 7, "limit": 0}',
        '{"type": "history", "before": 7, "limit": 101}',
    ],
)
def test_json_that_is_no_command_is_refused_as_such(text: str) -> None:
    assert refusal(text) is ErrorCode.BAD_COMMAND


@given(commands)
def test_command_survives_the_wire(command: AnyCommand) -> None:
    assert decode_command(msgspec.json.encode(command).decode()) == command


@given(commands, json_values)
def test_unknown_fields_are_ignored(command: AnyCommand, value: object) -> None:
    fields = json.loads(msgspec.json.encode(command))

    assert decode_command(json.dumps({**fields, "later": value})) == command


def test_absent_fields_have_the_defaults_of_the_protocol() -> None:
    assert decode_command('{"type": "join"}') == Join("general", None, None, None)
    assert decode_command('{"type": "history", "before": 9}') == History(9, 50)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ('{"type": "post"}', "post"),
        ('{"type": "post", "id": 7, "text": "x"}', "post"),
        ('{"id": 7, "text": "x", "type": "post"}', "post"),
        ('{"type": "join", "key": "short"}', "join"),
        ('{"type": "history", "before": 0}', "history"),
        ('{"type": "rename", "nick": null}', "rename"),
        ('{"type": "shout"}', None),
        ('{"type": ["post"]}', None),
        ('{"type": null}', None),
        ("{}", None),
        ("[]", None),
        ('"post"', None),
        ('{"type": "post"', None),
        ('{"type": "post", "id": 7, x', None),
    ],
)
def test_what_cannot_be_read_names_its_command_if_that_is_known(
    text: str, command: str | None
) -> None:
    with pytest.raises(Refused) as caught:
        decode_command(text)
    assert caught.value.command == command


@pytest.mark.parametrize("post_id", ["a", "Z9_-", "x" * 64])
def test_post_id_is_taken_as_it_is(post_id: str) -> None:
    text = json.dumps({"type": "post", "id": post_id, "text": "t"})

    assert decode_command(text) == Post(post_id, "t")


@pytest.mark.parametrize("post_id", ["", "x" * 65, "a b", "a\n", "\na", "é", "a.b", "a\0"])
def test_malformed_post_id_is_refused(post_id: str) -> None:
    text = json.dumps({"type": "post", "id": post_id, "text": "t"})

    assert refusal(text) is ErrorCode.BAD_COMMAND


@pytest.mark.parametrize("key", ["k" * 21, "k" * 129, "k" * 22 + "\n", "k" * 21 + "é", ""])
def test_malformed_key_is_refused_without_being_repeated(key: str) -> None:
    text = json.dumps({"type": "join", "key": key})
    with pytest.raises(Refused) as caught:
        decode_command(text)
    assert caught.value.code is ErrorCode.BAD_COMMAND
    assert not key or key not in caught.value.detail


# --- text -------------------------------------------------------------------------


# The page agrees on these: tests/js/writing/clean-text.test.js.
_TEXTS = json.loads((Path(__file__).parent / "corpus/texts.json").read_text())


@pytest.mark.parametrize(("written", "kept"), _TEXTS, ids=ascii)
def test_text_is_kept_clean_and_as_it_was_written(written: str, kept: str | None) -> None:
    if kept is not None:
        assert clean_text(written) == kept
        return
    with pytest.raises(Refused) as caught:
        clean_text(written)
    assert caught.value.code is ErrorCode.TEXT_EMPTY


@pytest.mark.parametrize("character", ["a", "é", "日", "👍"])
def test_text_limit_counts_code_points_once_the_text_is_clean(character: str) -> None:
    longest = character * 2000

    assert clean_text(f" \r\n\x07{longest}\x00\r\n ") == longest
    with pytest.raises(Refused, match="2001") as caught:
        clean_text(longest + character)
    assert caught.value.code is ErrorCode.TEXT_TOO_LONG


@pytest.mark.parametrize("text", ["❤️", "👩‍👩‍👧", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "می‌خواهم", "1️⃣", "."], ids=ascii)
def test_text_keeps_what_holds_its_visible_characters_together(text: str) -> None:
    assert clean_text(text) == text


@given(texts)
@example(" \u2800x\u2800 ")
@example("\x1c x \x1f")
@example("\r\0\nx\r\0\n\u2028y")
@example("\u200bx\u3000\u200b")
def test_clean_text_is_clean_and_loses_nothing_else(text: str) -> None:
    assume(is_text(text))
    cleaned = clean_text(text)

    assert clean_text(cleaned) == cleaned == cleaned.rstrip()
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]|\A\s*\n", cleaned)
    assert without_controls_and_spaces(cleaned) == without_controls_and_spaces(text)
    assert 1 <= len(cleaned) <= protocol.TEXT_LIMIT


# --- events -----------------------------------------------------------------------


def test_welcome_carries_every_field() -> None:
    welcome = protocol.Welcome(
        room="general",
        epoch="e",
        seq=7,
        member=ANN,
        key="k",
        members=[ANN],
        messages=[MESSAGE],
        more=False,
        resumed=False,
        limits=Limits(retention_messages=5000),
        page="c0ffee",
    )

    assert wire(welcome) == {
        "type": "welcome",
        "protocol": 1,
        "room": "general",
        "epoch": "e",
        "seq": 7,
        "member": WIRE_ANN,
        "key": "k",
        "members": [WIRE_ANN],
        "messages": [WIRE_MESSAGE],
        "more": False,
        "resumed": False,
        "limits": {
            "retention_messages": 5000,
            "text": 2000,
            "frame": 16384,
            "edit_within_s": 900,
        },
        "page": "c0ffee",
        "owner": False,
        "operator": False,
        "made": False,
        "title": "",
        "rules": {"write": "all", "pace_s": 0, "locked": False, "ends_at": None},
        "pin": None,
    }


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (MESSAGE, WIRE_MESSAGE),
        (protocol.Joined(ANN), {"type": "joined", "member": WIRE_ANN}),
        (protocol.Left(ANN), {"type": "left", "member": WIRE_ANN}),
        (protocol.Renamed(ANN, "An"), {"type": "renamed", "member": WIRE_ANN, "was": "An"}),
        (protocol.IsTyping(ANN), {"type": "typing", "member": WIRE_ANN}),
        (
            protocol.Older(8, [MESSAGE], more=False),
            {"type": "history", "before": 8, "messages": [WIRE_MESSAGE], "more": False},
        ),
        (protocol.Pong(), {"type": "pong"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_event_has_its_form_on_the_wire(event: Event, expected: dict[str, object]) -> None:
    assert wire(event) == expected


def test_error_leaves_out_what_does_not_apply() -> None:
    assert wire(protocol.Error(ErrorCode.BAD_JSON, "No.")) == {
        "type": "error",
        "code": "bad_json",
        "detail": "No.",
    }


def test_error_carries_what_applies() -> None:
    error = protocol.Error(
        ErrorCode.NICK_TAKEN, "Taken.", "rename", id="p1", retry_after=0.5, suggest="Ann 2"
    )

    assert wire(error) == {
        "type": "error",
        "code": "nick_taken",
        "detail": "Taken.",
        "command": "rename",
        "id": "p1",
        "retry_after": 0.5,
        "suggest": "Ann 2",
    }


@given(st.integers(0, 4_102_444_800_000))
@example(1_760_711_025_123)
@example(0)
@example(999)
def test_time_is_written_in_utc_to_the_millisecond(unix_ms: int) -> None:
    written = rfc3339(unix_ms)

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", written)
    moment = datetime.strptime(written, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    assert round(moment.timestamp() * 1000) == unix_ms
