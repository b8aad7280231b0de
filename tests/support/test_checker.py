"""The checker finds every way to break the promise, and nothing in a history that keeps it."""

from __future__ import annotations

import pytest

from tests.support.checker import judge, judge_epochs
from tests.support.history import Entry, Kind, Record

POSTS = {f"Ann/p{n}": f"text {n}" for n in range(1, 7)}


def post(post_id: str, client: str = "Ann") -> Record:
    return Record(Kind.POST, client, post_id, text=POSTS.get(post_id, ""))


def acknowledged(post_id: str, seq: int) -> Record:
    return Record(Kind.ACKNOWLEDGED, "Ann", post_id, seq)


def receipt(client: str, post_id: str, seq: int, text: str | None = None) -> Record:
    return Record(Kind.RECEIPT, client, post_id, seq, POSTS[post_id] if text is None else text)


def drop(client: str) -> Record:
    return Record(Kind.DROP, client)


def resume(client: str, seq: int) -> Record:
    return Record(Kind.RESUME, client, seq=seq)


def reset(client: str, seq: int) -> Record:
    """Note a welcome that starts again, with all messages: these logs have nothing else."""
    return Record(Kind.RESET, client, seq=seq, seqs=tuple(range(1, seq + 1)))


def log(*ids: str) -> list[Entry]:
    """Give a log with these posts."""
    return [Entry(seq, post_id, POSTS[post_id]) for seq, post_id in enumerate(ids, 1)]


# Ann writes five posts. Her connection is lost before the third is answered; she sends it again.
# Bob reads, misses two messages and resumes. Eve comes late, misses too many and gets a reset.
HISTORY = [
    reset("Ann", 0),
    reset("Bob", 0),
    post("Ann/p1"),
    post("Ann/p2"),
    receipt("Ann", "Ann/p1", 1),
    acknowledged("Ann/p1", 1),
    receipt("Bob", "Ann/p1", 1),
    receipt("Ann", "Ann/p2", 2),
    acknowledged("Ann/p2", 2),
    drop("Bob"),
    reset("Eve", 1),
    receipt("Eve", "Ann/p2", 2),
    drop("Eve"),
    post("Ann/p3"),
    drop("Ann"),
    resume("Ann", 2),
    receipt("Ann", "Ann/p3", 3),
    acknowledged("Ann/p3", 3),
    post("Ann/p3"),  # it was sent before the welcome told her
    receipt("Ann", "Ann/p3", 3),
    post("Ann/p4"),
    receipt("Ann", "Ann/p4", 4),
    acknowledged("Ann/p4", 4),
    resume("Bob", 1),
    *(receipt("Bob", f"Ann/p{seq}", seq) for seq in (2, 3, 4)),
    reset("Eve", 3),
    receipt("Eve", "Ann/p4", 4),
    post("Ann/p5"),
    drop("Ann"),  # she never learns whether it was stored
    receipt("Bob", "Ann/p5", 5),
    receipt("Eve", "Ann/p5", 5),
]
LOG = log("Ann/p1", "Ann/p2", "Ann/p3", "Ann/p4", "Ann/p5")


def without(*records: Record) -> list[Record]:
    """Give the history without some records."""
    assert all(record in HISTORY for record in records)
    return [record for record in HISTORY if record not in records]


def instead(old: Record, *new: Record) -> list[Record]:
    """Give the history with a record replaced."""
    index = HISTORY.index(old)
    return [*HISTORY[:index], *new, *HISTORY[index + 1 :]]


def test_history_that_keeps_the_promise_has_no_problems() -> None:
    assert judge(HISTORY, LOG) == []


def test_what_was_never_acknowledged_may_be_absent() -> None:
    gone = without(receipt("Bob", "Ann/p5", 5), receipt("Eve", "Ann/p5", 5))
    assert judge(gone, LOG[:4]) == []


def test_reset_for_less_than_a_resume_gives_is_found() -> None:
    assert judge(HISTORY, LOG, least_skipped=2) == ["Eve is reset to 3, but has seen 2"]


@pytest.mark.parametrize(
    ("history", "stored", "problem"),
    [
        pytest.param(
            without(receipt("Bob", "Ann/p5", 5), receipt("Eve", "Ann/p5", 5)),
            LOG[:3],
            "Ann has Ann/p4 acknowledged as 4, where the log has nothing",
            id="acknowledged, not in the log",
        ),
        pytest.param(
            instead(acknowledged("Ann/p2", 2), acknowledged("Ann/p2", 4)),
            LOG,
            "Ann has Ann/p2 acknowledged as 4, where the log has Ann/p4",
            id="acknowledged as another message",
        ),
        pytest.param(
            HISTORY,
            log("Ann/p1", "Ann/p2", "Ann/p3", "Ann/p4", "Ann/p5", "Ann/p2"),
            "the log has Ann/p2 2 times",
            id="acknowledged, twice in the log",
        ),
        pytest.param(
            HISTORY,
            log("Ann/p1", "Ann/p2", "Ann/p3", "Ann/p4", "Ann/p5", "Ann/p5"),
            "the log has Ann/p5 2 times",
            id="never acknowledged, twice in the log",
        ),
        pytest.param(
            [*HISTORY, receipt("Bob", "Ann/p5", 6)],
            log("Ann/p1", "Ann/p2", "Ann/p3", "Ann/p4", "Ann/p5", "Ann/p5"),
            "the log has Ann/p5 2 times",
            id="never acknowledged, shown twice",
        ),
        pytest.param(
            HISTORY,
            [*LOG[:3], *(entry._replace(seq=entry.seq + 1) for entry in LOG[3:])],
            "the log has 5 where 4 is due",
            id="a gap in the log",
        ),
        pytest.param(
            HISTORY,
            log("Ann/p1", "Ann/p2", "Ann/p4", "Ann/p3", "Ann/p5"),
            "the log has Ann/p3 after Ann/p4, which was written later",
            id="one overtakes another of the same writer",
        ),
        pytest.param(
            HISTORY,
            [*LOG, Entry(6, "Ann/p6", "text 6")],
            "the log has message Ann/p6, which nobody wrote",
            id="a message that nobody wrote",
        ),
        pytest.param(
            HISTORY,
            [*LOG[:4], Entry(5, "Ann/p5", "text")],
            "the log has 'text' as Ann/p5, which is 'text 5'",
            id="a text cut short in the log",
        ),
        pytest.param(
            without(receipt("Bob", "Ann/p3", 3)),
            LOG,
            "Bob sees 4 after 2: a hole",
            id="a hole in a resume",
        ),
        pytest.param(
            without(receipt("Ann", "Ann/p1", 1)),
            LOG,
            "Ann sees 2 after 0: a hole",
            id="a hole in what comes live",
        ),
        pytest.param(
            [*HISTORY, receipt("Bob", "Ann/p4", 4)],
            LOG,
            "Bob sees 4 a second time",
            id="a message again",
        ),
        pytest.param(
            instead(receipt("Ann", "Ann/p4", 4), *[receipt("Ann", "Ann/p4", 4)] * 3),
            LOG,
            "Ann sees 4 a second time",
            id="one post, two answers",
        ),
        pytest.param(
            instead(resume("Bob", 1), resume("Bob", 1), receipt("Bob", "Ann/p1", 1)),
            LOG,
            "Bob sees 1 a second time",
            id="a resume that begins too early",
        ),
        pytest.param(
            instead(receipt("Bob", "Ann/p3", 3), receipt("Bob", "Ann/p4", 3)),
            LOG,
            "Bob sees Ann/p4 'text 4' as 3, where the log has Ann/p3",
            id="another order",
        ),
        pytest.param(
            instead(receipt("Bob", "Ann/p3", 3), receipt("Bob", "Ann/p3", 3, "text")),
            LOG,
            "Bob sees Ann/p3 'text' as 3, where the log has Ann/p3",
            id="another text",
        ),
        pytest.param(
            instead(resume("Bob", 1), resume("Bob", 2)),
            LOG,
            "Bob resumes after 2, but has seen 1",
            id="a resume elsewhere",
        ),
        pytest.param(
            instead(reset("Eve", 3), reset("Eve", 2), receipt("Eve", "Ann/p3", 3)),
            LOG,
            "Eve is reset to 2, but has seen 2",
            id="a reset where nothing was missed",
        ),
        pytest.param(
            instead(reset("Eve", 3), reset("Eve", 3)._replace(seqs=(1, 3))),
            LOG,
            "Eve is reset to 3 with [1, 3] alone",
            id="a hole in a reset",
        ),
        pytest.param(
            without(reset("Eve", 1)),
            LOG,
            "Eve is given 2 before a welcome",
            id="a message before the welcome",
        ),
        pytest.param(
            without(receipt("Bob", "Ann/p5", 5)),
            LOG,
            "Bob is left at 4, the log ends at 5",
            id="the end never came",
        ),
        pytest.param(
            [*HISTORY, Record(Kind.ACKNOWLEDGED, "Bob", "Ann/p5", 5)],
            LOG,
            "Bob answers for Ann/p5, which is another's",
            id="another's post acknowledged",
        ),
    ],
)
def test_broken_rule_is_found(history: list[Record], stored: list[Entry], problem: str) -> None:
    assert problem in judge(history, stored)


# Ann's first two posts are under way when her connection is lost, and the second is stored first.
OVERTAKEN = [
    reset("Ann", 0),
    post("Ann/p1"),
    post("Ann/p2"),
    drop("Ann"),
    resume("Ann", 0),
    receipt("Ann", "Ann/p2", 1),
    acknowledged("Ann/p2", 1),
    post("Ann/p1"),
    receipt("Ann", "Ann/p1", 2),
    acknowledged("Ann/p1", 2),
]
REFUSED = Record(Kind.REFUSED, "Ann", "Ann/p3")


def test_post_whose_refusal_was_lost_with_its_connection_may_be_overtaken() -> None:
    stored = log("Ann/p2", "Ann/p1")
    assert judge([*OVERTAKEN, post("Ann/p3"), REFUSED], stored) == []


def test_overtaken_post_is_found_where_nothing_was_refused() -> None:
    problem = "the log has Ann/p1 after Ann/p2, which was written later"
    assert judge(OVERTAKEN, log("Ann/p2", "Ann/p1")) == [problem]


def test_overtaken_post_is_found_although_another_was_refused() -> None:
    # Nothing of hers was under way when her connection was lost.
    stayed = [record for record in OVERTAKEN if record.kind not in (Kind.DROP, Kind.RESUME)]
    problem = "the log has Ann/p1 after Ann/p2, which was written later"
    assert judge([*stayed, post("Ann/p3"), REFUSED], log("Ann/p2", "Ann/p1")) == [problem]


# The log is replaced by an older copy, which has two of its three messages. Bob was away.
FIRST = LOG[:3]
SECOND = log("Ann/p1", "Ann/p2", "Ann/p4")
TURNED = [
    reset("Ann", 0)._replace(epoch="one"),
    reset("Bob", 0)._replace(epoch="one"),
    *(post(f"Ann/p{number}") for number in (1, 2, 3)),
    *(receipt("Ann", f"Ann/p{number}", number) for number in (1, 2, 3)),
    *(acknowledged(f"Ann/p{number}", number) for number in (1, 2, 3)),
    drop("Bob"),
    drop("Ann"),
    reset("Ann", 0)._replace(epoch="two"),
    receipt("Ann", "Ann/p1", 1),
    receipt("Ann", "Ann/p2", 2),
    post("Ann/p4"),
    receipt("Ann", "Ann/p4", 3),
    acknowledged("Ann/p4", 3),
    reset("Bob", 2)._replace(epoch="two"),
    receipt("Bob", "Ann/p4", 3),
]


def test_each_epoch_has_a_log_of_its_own() -> None:
    assert judge_epochs(TURNED, {"one": FIRST, "two": SECOND}) == []


def test_resume_from_one_epoch_in_another_is_found() -> None:
    turned = [*TURNED[:-2], resume("Bob", 2)._replace(epoch="two"), TURNED[-1]]
    assert judge_epochs(turned, {"one": FIRST, "two": SECOND}) == [
        "epoch two: Bob resumes after 2, but has seen None"
    ]


def test_message_of_one_epoch_that_is_shown_in_another_is_found() -> None:
    shown = receipt("Bob", "Ann/p3", 3)
    (problem,) = judge_epochs([*TURNED[:-1], shown], {"one": FIRST, "two": SECOND})
    assert "sees Ann/p3" in problem


def test_unknown_epoch_is_found() -> None:
    assert "Ann is told of an unknown epoch, 'two'" in judge_epochs(TURNED, {"one": FIRST})


# The log goes back to an older state without another epoch. Ann saw what is lost, Bob did not.
WENT_BACK = [
    reset("Ann", 0),
    reset("Bob", 0),
    *(post(f"Ann/p{number}") for number in (1, 2, 3)),
    *(receipt("Ann", f"Ann/p{number}", number) for number in (1, 2, 3)),
    *(acknowledged(f"Ann/p{number}", number) for number in (1, 2, 3)),
    receipt("Bob", "Ann/p1", 1),
    receipt("Bob", "Ann/p2", 2),
    drop("Bob"),
    drop("Ann"),
    reset("Ann", 0),
    *(receipt("Ann", f"Ann/p{number}", number) for number in (1, 2)),
    post("Ann/p4"),
    receipt("Ann", "Ann/p4", 3),
    acknowledged("Ann/p4", 3),
    resume("Bob", 2),
    receipt("Bob", "Ann/p4", 3),
]


def test_log_that_went_back_resets_those_who_saw_what_is_lost() -> None:
    assert judge(WENT_BACK, SECOND, lost=[FIRST]) == []
    assert "Ann has Ann/p3 acknowledged as 3, where the log has Ann/p4" in judge(WENT_BACK, SECOND)


def test_resume_after_what_is_lost_is_found() -> None:
    (index,) = (n for n, each in enumerate(WENT_BACK) if n and each == reset("Ann", 0))
    resumed = [*WENT_BACK[:index], post("Ann/p4"), resume("Ann", 3), *WENT_BACK[-2:]]
    assert judge(resumed, SECOND, lost=[FIRST]) == ["Ann is left in a log that was lost"]


def test_reset_of_somebody_who_saw_nothing_that_is_lost_is_found() -> None:
    history = [*WENT_BACK[:-2], reset("Bob", 2), WENT_BACK[-1]]
    assert judge(history, SECOND, lost=[FIRST]) == ["Bob is reset to 2, but has seen 2"]


def test_what_is_stored_again_at_another_time_is_another_message() -> None:
    first = [entry._replace(at=f"10:0{entry.seq}") for entry in FIRST]
    again = [*first[:2], first[2]._replace(at="11:00")]
    bob = [reset("Bob", 0), *(receipt("Bob", f"Ann/p{n}", n) for n in (1, 2))]
    bob = [*bob, receipt("Bob", "Ann/p3", 3)._replace(at="10:03"), drop("Bob")]
    posts = [post(f"Ann/p{number}") for number in (1, 2, 3)]
    back = [reset("Bob", 2), receipt("Bob", "Ann/p3", 3)._replace(at="11:00")]
    assert judge([*bob, *back], again, lost=[first], fates=posts) == []
    stays = [*bob, resume("Bob", 3)]
    assert judge(stays, again, lost=[first], fates=posts) == ["Bob is left in a log that was lost"]
