"""The checker finds false edits, removals, pins, rules and answers, and removed texts shown."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from tests.support.checker import judge
from tests.support.history import Entry, Kind, Record

RULES = {"write": "all", "pace_s": 0, "locked": True, "ends_at": None}


def post(post_id: str, text: str, time_s: float, reply: int = 0) -> Record:
    client = post_id.partition("/")[0]
    return Record(Kind.POST, client, post_id, text=text, reply=reply, time_s=time_s)


def change(what: str, change_id: str, time_s: float, **fields: object) -> Record:
    client = change_id.partition("/")[0]
    return Record(Kind.CHANGE, client, change_id, what=what, time_s=time_s, **fields)  # type: ignore[arg-type]


def given(client: str, seq: int, time_s: float, text: str = "", **fields: object) -> Record:
    """Note that a client is given the entry that the log has; of an edit, with a text."""
    entry = LOG[seq - 1]
    record = Record(
        Kind.RECEIPT,
        client,
        entry.id,
        seq,
        text or TEXTS.get(seq, ""),
        what=entry.what,
        target=entry.target,
        reply=entry.reply,
        time_s=time_s,
    )
    return record._replace(**fields)  # type: ignore[arg-type]


def shown(client: str, what: str, seq: int, text: str, **fields: object) -> Record:
    record = Record(Kind.SHOWN, client, seq=seq, text=text, what=what, removed=not text)
    return record._replace(**fields)  # type: ignore[arg-type]


def acknowledged(command_id: str, seq: int = 0) -> Record:
    return Record(Kind.ACKNOWLEDGED, command_id.partition("/")[0], command_id, seq)


def denied(command_id: str, code: str) -> Record:
    return Record(Kind.DENIED, command_id.partition("/")[0], command_id, what=code)


def welcome(client: str, seq: int, *messages: int, owner: bool = False) -> Record:
    what = "owner" if owner else ""
    return Record(Kind.RESET, client, seq=seq, seqs=messages, what=what)


#: What the log has at the end, and what its entries said when they came.
LOG = [
    Entry(1, "Ann/p1", ""[:0], removed=True),
    Entry(2, "Bob/p1", "two", reply=1),
    Entry(3, "Ann/e1", "", what="edited", target=1),
    Entry(4, "Ann/p2", "", removed=True),
    Entry(5, "Ann/r1", "", what="removed", target=4),
    Entry(6, "Ann/i1", "", what="pinned", target=1),
    Entry(7, "Ann/s1", json.dumps(RULES), what="rules"),
    Entry(8, "Bob/e1", "", what="edited", target=2),
    Entry(9, "Ann/x1", "", what="removed", target=1),
    Entry(10, "Bob/p9", "", what="removed"),
]
LOG[1] = LOG[1]._replace(text="two, better", edited=True)
TEXTS = {1: "one", 2: "two", 3: "one, better", 4: "a secret", 7: LOG[6].text, 8: "two, better"}

# Ann owns the room. Bob loses his connection after Ann's edit, and comes back when all is done; in
# the meantime Eve comes and looks around. The last post of Bob never comes: he takes it back.
HISTORY = [
    welcome("Ann", 0, owner=True),
    welcome("Bob", 0),
    post("Ann/p1", "one", 1.0),
    given("Ann", 1, 1.1),
    acknowledged("Ann/p1", 1),
    given("Bob", 1, 1.1),
    post("Bob/p1", "two", 2.0, reply=1),
    given("Ann", 2, 2.1),
    shown("Ann", "quote", 1, "one"),
    given("Bob", 2, 2.1),
    shown("Bob", "quote", 1, "one"),
    acknowledged("Bob/p1", 2),
    change("edited", "Ann/e1", 3.0, text="one, better", target=1, of="Ann/p1"),
    given("Ann", 3, 3.1),
    acknowledged("Ann/e1", 3),
    post("Ann/p2", "a secret", 4.0),
    given("Ann", 4, 4.1),
    acknowledged("Ann/p2", 4),
    given("Bob", 3, 4.2),
    given("Bob", 4, 4.3),
    Record(Kind.DROP, "Bob"),
    change("removed", "Ann/r1", 5.0, target=4, of="Ann/p2"),
    given("Ann", 5, 5.1),
    acknowledged("Ann/r1", 5),
    change("pinned", "Ann/i1", 6.0, target=1),
    given("Ann", 6, 6.1),
    shown("Ann", "pinned", 1, "one, better"),
    acknowledged("Ann/i1", 6),
    welcome("Eve", 6, 1, 2, 4),
    shown("Eve", "newest", 1, "one, better", asked_s=6.2),
    shown("Eve", "newest", 2, "two", asked_s=6.2),
    shown("Eve", "quote", 1, "one, better", asked_s=6.2),
    shown("Eve", "newest", 4, "", asked_s=6.2),
    shown("Eve", "pin", 1, "one, better", asked_s=6.2),
    change("rules", "Ann/s1", 7.0, text='{"locked": true}'),
    given("Ann", 7, 7.1),
    acknowledged("Ann/s1", 7),
    given("Eve", 7, 7.1),
    Record(Kind.RESUME, "Bob", seq=4),
    given("Bob", 5, 7.3, known=7, asked_s=7.2),
    given("Bob", 6, 7.3, known=7, asked_s=7.2),
    shown("Bob", "pinned", 1, "one, better", known=7, asked_s=7.2),
    given("Bob", 7, 7.3, known=7, asked_s=7.2),
    shown("Bob", "pin", 1, "one, better", asked_s=7.2),
    shown("Bob", "rules", 0, json.dumps(RULES), asked_s=7.2, removed=False),
    change("edited", "Bob/e1", 8.0, text="two, better", target=2, of="Bob/p1"),
    given("Bob", 8, 8.1),
    acknowledged("Bob/e1", 8),
    given("Ann", 8, 8.2),
    given("Eve", 8, 8.2),
    shown("Eve", "found", 2, "two, better", asked_s=8.4),
    shown("Eve", "history", 1, "one, better", asked_s=8.4),
    change("edited", "Ann/e2", 8.5, text="not hers", target=2, of="Bob/p1"),
    denied("Ann/e2", "not_yours"),
    change("erase", "Ann/x1", 9.0),
    given("Ann", 9, 9.1),
    acknowledged("Ann/x1"),
    change("edited", "Ann/e3", 9.2, text="too late", target=1, of="Ann/p1"),
    denied("Ann/e3", "target_unknown"),
    given("Bob", 9, 9.1),
    given("Eve", 9, 9.1),
    post("Bob/p9", "never mind", 10.0),
    change("removed", "Bob/r9", 10.1, of="Bob/p9"),
    *(given(who, 10, 10.2) for who in ("Ann", "Bob", "Eve")),
    acknowledged("Bob/p9", 10),
    shown("Eve", "history", 1, "", asked_s=10.3),
    shown("Eve", "quote", 1, "", asked_s=10.3),
    shown("Eve", "pin", 0, "", asked_s=10.3),
]


def where(client: str, kind: Kind, what: str, seq: int) -> int:
    """Find where a client was first given or shown something."""
    return next(
        number
        for number, each in enumerate(HISTORY)
        if (each.client, each.kind, each.what, each.seq) == (client, kind, what, seq)
    )


def after(index: int, *records: Record) -> list[Record]:
    """Give the history with more records after one."""
    return [*HISTORY[: index + 1], *records, *HISTORY[index + 1 :]]


def instead(index: int, **fields: object) -> list[Record]:
    """Give the history with a record changed."""
    changed = HISTORY[index]._replace(**fields)  # type: ignore[arg-type]
    return [*HISTORY[:index], changed, *HISTORY[index + 1 :]]


def stored(seq: int, **fields: object) -> list[Entry]:
    """Give the log with an entry changed."""
    changed = LOG[seq - 1]._replace(**fields)  # type: ignore[arg-type]
    return [*LOG[: seq - 1], changed, *LOG[seq:]]


def test_history_that_keeps_the_promise_has_no_problems() -> None:
    assert judge(HISTORY, LOG) == []


LIVE, SHOWN = Kind.RECEIPT, Kind.SHOWN


@pytest.mark.parametrize(
    ("history", "problem"),
    [
        pytest.param(
            instead(where("Eve", SHOWN, "newest", 4), text="a secret", removed=False),
            "Eve sees  'a secret' as 4 (newest), which is removed, where the log has Ann/p2",
            id="in a welcome",
        ),
        pytest.param(
            [*HISTORY, shown("Eve", "history", 4, "a secret", asked_s=11.0)],
            "Eve sees  'a secret' as 4 (history), which is removed, where the log has Ann/p2",
            id="in the history",
        ),
        pytest.param(
            [*HISTORY, shown("Eve", "found", 4, "a secret", asked_s=11.0)],
            "Eve sees  'a secret' as 4 (found), which is removed, where the log has Ann/p2",
            id="in what is found",
        ),
        pytest.param(
            [*HISTORY, shown("Eve", "quote", 1, "one, better")],
            "Eve sees  'one, better' as 1 (quote), which is removed, where the log has Ann/p1",
            id="in the line above an answer",
        ),
        pytest.param(
            [*HISTORY, shown("Bob", "pin", 1, "one, better", asked_s=11.0)],
            "Bob sees  'one, better' as 1 (pin), which is removed, where the log has Ann/p1",
            id="as the pin",
        ),
        pytest.param(
            after(
                where("Bob", LIVE, "removed", 5),
                shown("Bob", "pinned", 4, "a secret"),
            ),
            "Bob sees  'a secret' as 4 (pinned), which is removed, where the log has Ann/p2",
            id="in an entry that pins it",
        ),
        pytest.param(
            [*HISTORY, post("Ann/p1", "one", 11.0), given("Ann", 1, 11.1)],
            "Ann sees Ann/p1 'one' as 1 (message), which is removed, where the log has Ann/p1",
            id="in the answer to a repeated post",
        ),
        pytest.param(
            [*HISTORY, change("edited", "Ann/e1", 11.0), given("Ann", 3, 11.1)],
            "Ann sees Ann/e1 'one, better' for 1 as 3 (edited), which is removed, "
            "where the log has Ann/e1",
            id="in the answer to a repeated edit",
        ),
        pytest.param(
            instead(where("Bob", LIVE, "message", 4), known=5),
            "Bob sees Ann/p2 'a secret' as 4 (message), which is removed, where the log has Ann/p2",
            id="in a resume that goes beyond its removal",
        ),
        pytest.param(
            # It is behind the removal in no order that Bob has seen, but Ann had the answer before.
            after(
                where("Ann", LIVE, "removed", 5),
                shown("Eve", "history", 4, "a secret", asked_s=5.2),
            ),
            "Eve sees  'a secret' as 4 (history), which is removed, where the log has Ann/p2",
            id="asked for after the removal was acknowledged, before it came",
        ),
    ],
)
def test_removed_text_that_is_seen_is_found(history: list[Record], problem: str) -> None:
    assert problem in judge(history, LOG)


def test_text_that_was_asked_for_or_on_its_way_before_its_removal_may_be_seen() -> None:
    asked_before = shown("Eve", "history", 4, "a secret", asked_s=5.0)
    assert judge(after(where("Eve", SHOWN, "newest", 4), asked_before), LOG) != []  # she knows 6
    away = where("Bob", LIVE, "message", 4)
    assert judge(after(away, shown("Bob", "history", 4, "a secret", asked_s=5.05)), LOG) == []
    late = instead(away, time_s=5.5)  # his network is slow
    assert judge(late, LOG) == []


@pytest.mark.parametrize(
    ("history", "problem"),
    [
        pytest.param(
            instead(where("Eve", SHOWN, "newest", 1), text="one"),
            "Eve sees  'one' as 1 (newest), where the log has Ann/p1",
            id="an earlier text in a welcome",
        ),
        pytest.param(
            instead(where("Eve", SHOWN, "newest", 1), text="one, worse"),
            "Eve sees  'one, worse' as 1 (newest), where the log has Ann/p1",
            id="a text that it never had",
        ),
        pytest.param(
            instead(where("Eve", SHOWN, "newest", 2), text="", removed=True),
            "Eve sees  nothing as 2 (newest), where the log has Bob/p1",
            id="no text, although nobody removed it",
        ),
        pytest.param(
            instead(where("Eve", SHOWN, "quote", 1), text="one"),
            "Eve sees  'one' as 1 (quote), where the log has Ann/p1",
            id="an earlier text in the line above an answer",
        ),
        pytest.param(
            instead(where("Bob", LIVE, "edited", 3), text="one"),
            "Bob sees Ann/e1 'one' for 1 as 3 (edited), where the log has Ann/e1",
            id="an edit that brings the text from before",
        ),
        pytest.param(
            instead(where("Bob", LIVE, "edited", 3), target=2),
            "Bob sees Ann/e1 'one, better' for 2 as 3 (edited), where the log has Ann/e1",
            id="an edit of another message",
        ),
        pytest.param(
            instead(where("Bob", LIVE, "message", 2), reply=0),
            "Bob sees Bob/p1 'two' as 2 (message), where the log has Bob/p1",
            id="an answer that is none any more",
        ),
        pytest.param(
            instead(where("Bob", LIVE, "removed", 5), target=2),
            "Bob sees Ann/r1 '' as 5 (removed), where the log has Ann/r1",
            id="another message removed",
        ),
        pytest.param(
            instead(where("Bob", LIVE, "rules", 7), text="{}"),
            "Bob sees Ann/s1 '{}' as 7 (rules), where the log has Ann/s1",
            id="other rules",
        ),
        pytest.param(
            instead(where("Bob", SHOWN, "pin", 1), seq=2, text="two"),
            "Bob sees  'two' as 2 (pin), where the log has Bob/p1",
            id="a welcome with another pin",
        ),
        pytest.param(
            instead(where("Bob", SHOWN, "rules", 0), text='{"locked": false}'),
            "Bob sees  '{\"locked\": false}' as 0 (rules), where the log has nothing",
            id="a welcome with other rules",
        ),
        pytest.param(
            [each for each in HISTORY if each != HISTORY[where("Bob", LIVE, "removed", 5)]],
            "Bob sees 6 after 4: a hole",
            id="a removal that never came",
        ),
        pytest.param(
            after(where("Eve", LIVE, "edited", 8), given("Eve", 8, 8.3)),
            "Eve sees 8 a second time",
            id="an edit that came twice",
        ),
    ],
)
def test_false_word_is_found(history: list[Record], problem: str) -> None:
    assert problem in judge(history, LOG)


def test_welcome_without_the_pin_is_found() -> None:
    until = next(n for n, each in enumerate(HISTORY) if each.what == "erase")
    log = stored(1, text="one, better", edited=True, removed=False)[:8]
    assert judge(HISTORY[:until], log) == []
    history = instead(where("Bob", SHOWN, "pin", 1), seq=0, text="", removed=True)[:until]
    assert judge(history, log) == ["Bob sees  nothing as 0 (pin), where the log has nothing"]


@pytest.mark.parametrize(
    ("log", "problem"),
    [
        pytest.param(
            stored(4, text="a secret"),
            "the log has 'a secret' as Ann/p2, which was removed",
            id="a removal that took nothing away",
        ),
        pytest.param(
            stored(2, text="", removed=True),
            "the log has '' as Bob/p1, as removed, and nothing has removed it",
            id="a removal without an entry",
        ),
        pytest.param(
            stored(2, text="two", edited=False),
            "the log has 'two' as Bob/p1, which is 'two, better'",
            id="an edit that changed nothing",
        ),
        pytest.param(
            stored(2, edited=False),
            "the log has 'two, better' as Bob/p1, not as edited",
            id="an edit that is not said",
        ),
        pytest.param(
            [*LOG, LOG[7]._replace(seq=11)],
            "the log has Bob/e1 2 times",
            id="an edit twice",
        ),
        pytest.param(
            [*LOG, Entry(11, "Bob/e7", "", what="edited", target=2)],
            "the log has edited Bob/e7, which nobody wrote",
            id="an edit that nobody wrote",
        ),
        pytest.param(
            stored(9, target=4),
            "the log has removed Ann/x1 of 4, which was no message then",
            id="what was removed, removed again",
        ),
        pytest.param(
            stored(9, target=2),
            "the log has removed Ann/x1 of Bob/p1, which is another's",
            id="another's message erased",
        ),
        pytest.param(
            stored(6, target=3),
            "the log has pinned Ann/i1, which nobody wrote",
            id="another target",
        ),
        pytest.param(
            stored(7, text=json.dumps({**RULES, "pace_s": 5})),
            f"the log has rules Ann/s1 as {json.dumps({**RULES, 'pace_s': 5})}, after "
            '{"write": "all", "pace_s": 0, "locked": false, "ends_at": null} and {"locked": true}',
            id="rules that nobody set",
        ),
        pytest.param(
            stored(10, id="Bob/p8"),
            "the log has removed Bob/p8, and nobody took that back",
            id="an id that is used up for nothing",
        ),
        pytest.param(
            stored(2, reply=3),
            "the log has message Bob/p1, which nobody wrote",
            id="an answer to something else",
        ),
        pytest.param(
            [*LOG, Entry(11, "Ann/e2", "", what="edited", target=2)],
            "Ann has Ann/e2 denied, but it is stored",
            id="denied, and done",
        ),
        pytest.param(
            [*LOG, Entry(11, "Ann/e2", "", what="edited", target=2)],
            "the log has edited Ann/e2 of Bob/p1, which is another's",
            id="another's message edited",
        ),
        pytest.param(
            [*LOG, Entry(11, "Ann/e3", "", what="edited", target=1)],
            "the log has edited Ann/e3 of 1, which was no message then",
            id="a removed message edited",
        ),
        pytest.param(
            [*LOG[:2], Entry(3, "Ann/r1", "", what="removed", target=1), *LOG[3:]],
            "the log has removed Ann/r1, which nobody wrote",
            id="a removal of another message than the one that was meant",
        ),
    ],
)
def test_false_log_is_found(log: Sequence[Entry], problem: str) -> None:
    assert problem in judge(HISTORY, log)


@pytest.mark.parametrize(
    ("history", "problem"),
    [
        pytest.param(
            [*HISTORY, change("pinned", "Ann/i2", 11.0, target=2), denied("Ann/i2", "not_owner")],
            "Ann has Ann/i2 denied as not_owner, for no reason",
            id="an owner, as none",
        ),
        pytest.param(
            [
                *HISTORY,
                change("edited", "Bob/e2", 11.0, target=2, of="Bob/p1"),
                denied("Bob/e2", "not_yours"),
            ],
            "Bob has Bob/e2 denied as not_yours, for no reason",
            id="one's own message, as another's",
        ),
        pytest.param(
            [
                *HISTORY,
                change("edited", "Bob/e2", 11.0, target=2, of="Bob/p1"),
                denied("Bob/e2", "target_unknown"),
            ],
            "Bob has Bob/e2 denied as target_unknown, for no reason",
            id="a message that is there, as unknown",
        ),
        pytest.param(
            [
                *HISTORY,
                change("erase", "Bob/x1", 11.0),
                acknowledged("Bob/x1"),
            ],
            "Bob has Bob/x1 done, but 2 is not removed, where the log has Bob/p1",
            id="an erase that leaves something",
        ),
    ],
)
def test_false_answer_is_found(history: list[Record], problem: str) -> None:
    assert problem in judge(history, LOG)


def test_true_answers_are_no_problem() -> None:
    pins = [change("pinned", "Bob/i1", 11.0, target=2), denied("Bob/i1", "not_owner")]
    removes = [
        change("removed", "Bob/r2", 11.0, target=1, of="Ann/p1"),
        denied("Bob/r2", "target_unknown"),
    ]
    assert judge([*HISTORY, *pins, *removes], LOG) == []


def test_what_is_no_owners_is_found() -> None:
    nobody = [welcome("Ann", 0), *HISTORY[1:]]
    problems = judge(nobody, LOG)
    assert "the log has pinned Ann/i1, and Ann is no owner" in problems
    assert "the log has rules Ann/s1, and Ann is no owner" in problems


def test_message_that_another_one_than_its_author_removed_is_found_unless_an_owner_did() -> None:
    bobs = change("removed", "Ann/r2", 11.0, target=2, of="Bob/p1")
    log = [*stored(2, text="", removed=True), Entry(11, "Ann/r2", "", what="removed", target=2)]
    seen = [Record(LIVE, who, "Ann/r2", 11, what="removed", target=2) for who in ("Ann", "Bob")]
    history = [*HISTORY, bobs, *seen, Record(Kind.DROP, "Eve"), acknowledged("Ann/r2", 11)]
    assert judge(history, log) == []
    problem = "the log has removed Ann/r2 of Bob/p1, which is another's"
    assert problem in judge([welcome("Ann", 0), *history[1:]], log)


def test_change_that_was_meant_for_a_message_of_a_log_before_is_found() -> None:
    meant = instead(next(n for n, each in enumerate(HISTORY) if each.id == "Ann/e1"), of="Ann/p7")
    assert "the log has edited Ann/e1 of Ann/p1, which was meant for Ann/p7" in judge(meant, LOG)


def test_post_that_never_comes_may_be_denied_and_is_answered_twice_with_what_took_it_back() -> None:
    again = [change("removed", "Bob/r9", 11.0, of="Bob/p9"), given("Bob", 10, 11.1)]
    late = [post("Bob/p9", "never mind", 11.2), given("Bob", 10, 11.3)]
    reply = [post("Bob/p9", "never mind", 11.4, reply=4), denied("Bob/p9", "target_unknown")]
    assert judge([*HISTORY, *again, *late], LOG) == []
    history = [each for each in HISTORY if each.id != "Bob/p9" or each.kind is not Kind.POST]
    assert judge([*history, *reply], LOG) == []
    assert "Bob sees 10 a second time" in judge([*HISTORY, *again, *late, *late[1:] * 4], LOG)
