"""What each proposal does, in the transaction that stores it.

A proposal is refused before anything of it is done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import UNSET

from chat.log import Answer, IsOccupied, Proposal, entries, erasing, records, refusals, search
from chat.log.commit import Commit
from chat.log.entries import Row
from chat.names.keys import new_owner_key, owner_hash
from chat.protocol import (
    Change,
    Deed,
    Done,
    Edit,
    Edited,
    End,
    Erase,
    ErrorCode,
    Made,
    Make,
    Member,
    Mute,
    Pin,
    Pinned,
    PutOut,
    Refused,
    Rekey,
    Remove,
    Removed,
    Report,
    Rules,
    RulesSet,
    SetRules,
    name_of,
    read_time,
    rfc3339,
)


def propose(commit: Commit, proposal: Proposal, answer: Answer, is_occupied: IsOccupied) -> None:
    """Do what a proposal asks, or note why not, or what became of an earlier one with its id."""
    command = proposal.command
    outcome: Done | Made | Refused | None
    try:
        if isinstance(command, Make):
            outcome = _make(commit, proposal, command, is_occupied)
        else:
            outcome = _change(commit, proposal, command, answer)
    except Refused as refusal:
        outcome = refusal
    if outcome is not None:
        commit.answers.append((answer, outcome))


def _change(
    commit: Commit, proposal: Proposal, command: Change, answer: Answer
) -> Done | Refused | None:
    """Do what a command asks that is about a room; None: it is answered, or will be."""
    head = commit.head(proposal.room)
    if head.ended:
        return Done(command.id) if isinstance(command, End) else refusals.room_ended()
    member = proposal.member.id
    if isinstance(command, Erase):
        return _erase(commit, proposal, command, answer)
    if commit.answer_repeated(head.room, command.id, member, answer):
        return None
    if isinstance(command, Remove) and command.target is None:
        return _remove_post(commit, proposal, command, answer)
    do: Callable[[Commit, Proposal, Any], Done | None] = _DO[type(command)]
    return do(commit, proposal, command)


# --- messages ---------------------------------------------------------------------------------


def _target(commit: Commit, proposal: Proposal, seq: int) -> Row:
    """Give the message that is to be changed. Raises Refused."""
    row = entries.present(commit.database, commit.head(proposal.room).room, seq)
    if row is None:
        raise refusals.target_unknown()
    return row


def _edit(commit: Commit, proposal: Proposal, command: Edit) -> None:
    name, member = proposal.room, proposal.member
    target = _target(commit, proposal, command.target)
    if target.member != member.id:
        raise refusals.not_yours()
    if commit.at_ms > target.at_ms + proposal.within_s * 1000:
        raise refusals.too_late()
    head = commit.head(name)
    search.forget(commit.database, head.room, target.seq, target.seq)
    entries.change_text(commit.database, head.room, target.seq, command.text, commit.at_ms)
    search.learn(commit.database, head.room, target.seq)
    commit.has_removed = True
    edited = Edited(head.seq + 1, command.id, member, target.seq, commit.at, command.text)
    commit.add(name, edited)


def _remove(commit: Commit, proposal: Proposal, command: Remove) -> None:
    assert command.target is not None
    target = _target(commit, proposal, command.target)
    _take_away(commit, proposal, target, command.id)


def _remove_post(
    commit: Commit, proposal: Proposal, command: Remove, answer: Answer
) -> Refused | None:
    """Remove the message that a post became, or see to it that the post never becomes one."""
    name, member, post_id = proposal.room, proposal.member, command.post
    head = commit.head(name)
    if post_id is None:
        return refusals.target_unknown()
    row = entries.of_member(commit.database, head.room, post_id, member.id)
    if row is None:
        if records.was_done(commit.database, head.room, post_id, member.id):
            return refusals.target_unknown()  # its id was another command's
        commit.add(name, Removed(head.seq + 1, post_id, member, None, commit.at))
    elif row.kind == entries.REMOVED and row.target is None:
        commit.answer_repeated(head.room, post_id, member.id, answer)
    elif row.kind != entries.MESSAGE or row.removed:
        return refusals.target_unknown()
    else:
        _take_away(commit, proposal, row, command.id)
    return None


def _take_away(commit: Commit, proposal: Proposal, target: Row, act_id: str) -> None:
    name, member = proposal.room, proposal.member
    is_own = target.member == member.id
    if not (is_own or proposal.is_owner):
        raise refusals.not_yours()
    removed = Removed(commit.head(name).seq + 1, act_id, member, target.seq, commit.at)
    was_pinned = erasing.take_away(commit, name, removed)
    if not is_own:
        deed = _deed(commit, proposal, member=target.author, target=target.seq)
        commit.note_act(name, deed)
    elif was_pinned:
        commit.note_act(name)


def _pin(commit: Commit, proposal: Proposal, command: Pin) -> None:
    name, message = proposal.room, None
    if command.target is not None:
        row = _target(commit, proposal, command.target)
        (message,) = entries.messages(commit.database, commit.head(name).room, [row])
    room = commit.keep_record(name)
    records.set_pin(commit.database, room, command.target)
    pinned = Pinned(
        commit.head(name).seq + 1,
        command.id,
        proposal.member,
        command.target,
        commit.at,
        message,
    )
    commit.add(name, pinned)
    commit.note_act(name, _deed(commit, proposal, target=command.target))


def _erase(commit: Commit, proposal: Proposal, command: Erase, answer: Answer) -> Done | None:
    """Begin to remove all of a member's messages; it is Done when the last one is."""
    name, member = proposal.room, proposal.member
    whose = proposal.whom or member
    head = commit.head(name)
    is_new = not records.was_done(commit.database, head.room, command.id, member.id)
    if is_new and commit.answer_repeated(head.room, command.id, member.id, answer):
        return None
    if is_new:
        if proposal.whom is not None and not proposal.is_owner:
            raise refusals.not_owner()
        commit.note_act(name, _deed(commit, proposal, member=proposal.whom), act_id=command.id)
        erasing.begin(commit, name, whose.id, member, command.id)
    elif not erasing.is_going_on(commit.database, head.room, whose.id):
        return Done(command.id)
    commit.erasing.append((name, whose.id, command.id, answer))
    return None


def _report(commit: Commit, proposal: Proposal, command: Report) -> Done:
    target = _target(commit, proposal, command.target)
    deed = _deed(commit, proposal, member=target.author, target=command.target, text=command.text)
    commit.note_act(proposal.room, deed, act_id=command.id)
    return Done(command.id)


# --- rooms and people -------------------------------------------------------------------------


def _make(
    commit: Commit, proposal: Proposal, command: Make, is_occupied: IsOccupied
) -> Made | Refused:
    name = proposal.room
    key = command.owner or new_owner_key()
    digest = owner_hash(key)
    head = commit.head(name)
    if head.ended:
        return refusals.room_ended()
    owner = records.owner(commit.database, head.room)
    if owner == digest:
        return Made(name, key)
    if owner is not None or head.seq or name == "general" or is_occupied(name):
        return refusals.room_exists()
    rules = Rules(write=command.write, ends_at=_moment(command.ends_at))
    room = commit.keep_record(name)
    records.set_owner(commit.database, room, digest)
    records.set_title(commit.database, room, command.title)
    records.set_rules(commit.database, room, rules)
    commit.note_act(name)
    return Made(name, key)


def _set_rules(commit: Commit, proposal: Proposal, command: SetRules) -> None:
    name = proposal.room
    before = records.record(commit.database, name, commit.at_ms).rules
    rules = Rules(
        before.write if command.write is UNSET else command.write,
        before.pace_s if command.pace_s is UNSET else command.pace_s,
        before.locked if command.locked is UNSET else command.locked,
        before.ends_at if command.ends_at is UNSET else _moment(command.ends_at),
    )
    room = commit.keep_record(name)
    records.set_rules(commit.database, room, rules)
    if rules.locked:
        anew = not before.locked
        records.know(commit.database, room, proposal.known, anew=anew)
    seq = commit.head(name).seq + 1
    commit.add(name, RulesSet(seq, command.id, proposal.member, commit.at, rules))
    commit.note_act(name, _deed(commit, proposal, rules=rules))


def _mute(commit: Commit, proposal: Proposal, command: Mute) -> Done:
    return _bar(commit, proposal, command)


def _put_out(commit: Commit, proposal: Proposal, command: PutOut) -> Done:
    if proposal.addresses:
        return _bar_addresses(commit, proposal, command)
    done = _bar(commit, proposal, command)
    if command.for_s:
        room = commit.keep_record(proposal.room)
        records.know(commit.database, room, proposal.known, anew=False)
    return done


def _bar_addresses(commit: Commit, proposal: Proposal, command: PutOut) -> Done:
    """Bar addresses of a member who was put out, unless it may come in again already."""
    room = commit.keep_record(proposal.room)
    if records.is_put_out(commit.database, room, command.member, commit.at_ms):
        records.bar_addresses(
            commit.database, room, command.member, proposal.addresses, commit.at_ms
        )
        commit.note_act(proposal.room)
    return Done(command.id)


def _bar(commit: Commit, proposal: Proposal, command: Mute | PutOut) -> Done:
    name, what = proposal.room, name_of(type(command))
    whom = proposal.whom or Member(command.member, "")
    room = commit.keep_record(name)
    if command.for_s:
        until_ms = commit.at_ms + command.for_s * 1000
        records.bar(commit.database, room, whom, what, until_ms, commit.at_ms)
    else:
        records.unbar(commit.database, room, whom.id, what)
    deed = _deed(commit, proposal, member=whom, for_s=command.for_s)
    commit.note_act(name, deed, act_id=command.id)
    return Done(command.id)


def _rekey(commit: Commit, proposal: Proposal, command: Rekey) -> Done:
    room = commit.keep_record(proposal.room)
    records.set_owner(commit.database, room, owner_hash(command.owner))
    commit.note_act(proposal.room, _deed(commit, proposal), act_id=command.id)
    return Done(command.id)


def _end(commit: Commit, proposal: Proposal, command: End) -> Done:
    commit.end(proposal.room)
    return Done(command.id)


def _deed(
    commit: Commit,
    proposal: Proposal,
    *,
    member: Member | None = None,
    target: int | None = None,
    text: str = "",
    for_s: int | None = None,
    rules: Rules | None = None,
) -> Deed:
    what = name_of(type(proposal.command))
    return Deed(0, commit.at, proposal.member, what, member, target, text, for_s, rules)


def _moment(written: str | None) -> str | None:
    """Write a time as the log has it. Raises Refused for what is none."""
    if written is None:
        return None
    try:
        return rfc3339(read_time(written))
    except (ValueError, OverflowError):  # in some time zones there are years 0 and 10000
        raise Refused(ErrorCode.BAD_COMMAND, "That time cannot be.") from None


_DO: dict[type, Callable[..., Done | None]] = {
    Edit: _edit,
    Remove: _remove,
    Pin: _pin,
    SetRules: _set_rules,
    Mute: _mute,
    PutOut: _put_out,
    Report: _report,
    Rekey: _rekey,
    End: _end,
}
