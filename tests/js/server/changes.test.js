import assert from "node:assert/strict";
import { test } from "node:test";

import { Changes } from "../../../chat/static/js/server/changes.js";
import { Questions } from "../../../chat/static/js/server/later/questions.js";

const at = (n) => `2026-01-01T00:00:0${n}.000Z`;
const member = { id: "a", nick: "Ada" };
const message = { type: "message", seq: 3, id: "x", member, text: "first", at: at(1) };
const edited = (n, text) => ({ type: "edited", seq: 10 + n, id: `e${n}`, member, target: 3, at: at(n), text });
const removed = { type: "removed", seq: 20, id: "r", member, target: 3, at: at(9) };

function permutations(all) {
  if (all.length < 2) return [all];
  return all.flatMap((each, i) => permutations(all.toSpliced(i, 1)).map((rest) => [each, ...rest]));
}

function after(entries, given = message) {
  const changes = new Changes();
  return entries.reduce((now, entry) => {
    changes.note(entry);
    return changes.apply(now);
  }, given);
}

test("edits in any order and twice end with the last text", () => {
  for (const order of permutations([edited(2, "two"), edited(3, "three"), edited(3, "three"), edited(4, "four")])) {
    const now = after(order);
    assert.deepEqual([now.text, now.edited], ["four", at(4)]);
  }
});

test("a removed message stays removed, whatever comes before or after", () => {
  for (const order of permutations([edited(2, "two"), removed, removed, edited(3, "three")])) {
    assert.deepEqual(after(order), { type: "message", seq: 3, id: "x", member, text: "", at: at(1), removed: true });
  }
});

test("an edit whose text is gone takes the text away", () => {
  for (const text of [undefined, null]) assert.equal(after([edited(2, text)]).removed, true);
});

test("a message that is newer than what was told of it is left alone", () => {
  const newer = { ...message, text: "later", edited: at(5) };
  assert.equal(after([edited(2, "two")], newer), newer);
  const gone = { ...message, text: "", removed: true };
  assert.equal(after([edited(6, "six")], gone), gone);
});

test("the line above an answer follows its message, and is cut as the server cuts it", () => {
  const answer = { ...message, seq: 5, reply: { seq: 3, member, text: "first" } };
  assert.equal(after([edited(2, "two")], answer).reply.text, "two");
  assert.equal(Array.from(after([edited(2, "🎉".repeat(500))], answer).reply.text).length, 140);
  const now = after([edited(2, "two"), removed], answer).reply;
  assert.deepEqual(now, { seq: 3, member, removed: true });
  assert.equal(after([{ ...removed, target: 4 }], answer), answer);
});

test("a removal of a post that was never a message changes nothing", () => {
  assert.equal(after([{ ...removed, target: null }]), message);
});

// --- questions ---------------------------------------------------------------------------

const ask = (questions, command) => questions.ask(command, () => true);

test("each answer goes to what was asked", async () => {
  const questions = new Questions();
  const sent = [];
  const done = questions.ask({ type: "report", target: 3 }, (command) => Boolean(sent.push(command)));
  const found = ask(questions, { type: "find", words: "b", limit: 20 });
  const audit = ask(questions, { type: "audit", before: 9, limit: 50 });
  const edit = ask(questions, { type: "edit", id: "mine", target: 3, text: "x" });
  questions.answer({ type: "found", words: "a", messages: [] }, member);
  questions.answer({ type: "edited", seq: 4, id: "mine", member: { id: "another" } }, member);
  questions.answer({ type: "found", words: "b", messages: [1] }, member);
  questions.answer({ type: "audit", before: 9, acts: [] }, member);
  questions.answer({ type: "edited", seq: 5, id: "mine", member }, member);
  questions.answer({ type: "done", id: sent[0].id }, member);
  assert.deepEqual((await found).messages, [1]);
  assert.equal((await audit).before, 9);
  assert.equal((await edit).seq, 5);
  assert.equal((await done).type, "done");
});

test("a refusal fails what it names, and nothing answers who is out", async () => {
  const questions = new Questions();
  const [first, second] = ["a", "b"].map((words) => ask(questions, { type: "find", words }));
  const mute = ask(questions, { type: "mute", id: "m", member: "x", for_s: 60 });
  questions.refuse({ type: "error", code: "not_owner", command: "mute", id: "m" });
  questions.refuse({ type: "error", code: "rate_limited", command: "find" });
  questions.end();
  await assert.rejects(mute, { code: "not_owner" });
  await assert.rejects(first, { code: "rate_limited" });
  await assert.rejects(second, { code: "out" });
  await assert.rejects(questions.ask({ type: "audit" }, () => false), { code: "out" });
});
