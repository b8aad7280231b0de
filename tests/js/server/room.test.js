import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { Room } from "../../../chat/static/js/server/room.js";
import { Source } from "../../../chat/static/js/base/source.js";

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

const ALICE = { id: "alice", nick: "Alice" };

class FakeConnection extends Source {
  state = { name: "idle" };
  sent = [];
  did = [];
  send = (command) => Boolean(this.sent.push(command));
  start = () => this.become("open");
  stop = (reason) => this.did.push(["stop", reason]);
  pause = (reason) => this.did.push(["pause", reason]);
  redial = () => this.did.push(["redial"]);
  wake = () => this.become("open");
  joined() {}

  become(name) {
    this.state = { name };
    this.tell("state", this.state);
    if (name === "open") this.tell("open");
  }
}

const identity = { choose() {}, confirm() {}, rename: (...nicks) => renames.push(nicks), nick: "Alice", key: "k" };
const renames = [];

const time = (seq) => `2026-01-01T00:00:00.${String(seq).padStart(3, "0")}Z`;

const message = (seq) => ({ type: "message", seq, id: `id-${seq}`, member: ALICE, text: `${seq}`, at: time(seq) });

function welcome({ epoch = "e", seq = 0, at = time(seq), messages = [], resumed = false, gap, more = false } = {}) {
  const member = { member: ALICE, key: "k", members: [ALICE] };
  return { type: "welcome", epoch, seq, ...(seq > 0 && { at }), ...member, messages, resumed, gap, more };
}

function enter(first = welcome()) {
  const connection = new FakeConnection();
  const room = new Room("general", identity, connection);
  const told = [];
  for (const name of ["welcome", "message", "entry refused", "rename refused", "post refused", "history refused", "renamed", "out"]) {
    room.on(name, (...values) => told.push([name, ...values]));
  }
  room.enter("Alice");
  connection.tell("event", first);
  return { connection, room, told, say: (event) => connection.tell("event", event), last: () => told.at(-1) };
}

// What the next join names as seen, as the server reads it.
function resumesFrom(connection) {
  connection.become("waiting");
  connection.become("open");
  return JSON.parse(JSON.stringify(connection.sent.at(-1).after));
}

test("the first join has no `after`, the next one proves the last message seen by its time", () => {
  const { connection, say } = enter(welcome({ seq: 3 }));
  assert.equal(connection.sent[0].after, undefined);
  say(message(4));
  assert.deepEqual(resumesFrom(connection), { epoch: "e", seq: 4, at: time(4) });
  say(welcome({ seq: 6, resumed: true, messages: [message(5), message(6)] }));
  assert.deepEqual(resumesFrom(connection), { epoch: "e", seq: 6, at: time(6) });
});

test("the welcome has the time of an entry that is gone from the log; an empty log has none", () => {
  const { connection } = enter(welcome({ seq: 45, at: "2025-12-31T23:59:59.999Z" }));
  assert.deepEqual(resumesFrom(connection), { epoch: "e", seq: 45, at: "2025-12-31T23:59:59.999Z" });
  for (const at of [undefined, null]) {
    const { connection } = enter({ ...welcome(), at });
    assert.deepEqual(resumesFrom(connection), { epoch: "e", seq: 0 });
  }
});

test("the time of an event of an unknown kind proves it too", () => {
  const { connection, say } = enter(welcome({ seq: 3 }));
  say({ type: "removed", seq: 4, target: 1, at: time(4) });
  say(message(2));
  assert.deepEqual(resumesFrom(connection), { epoch: "e", seq: 4, at: time(4) });
});

test("the next message is fresh, but a message seen before is not", () => {
  const { say, last } = enter(welcome({ seq: 3 }));
  say(message(4));
  assert.deepEqual(last()[2], { fresh: true });
  say(message(2));
  assert.deepEqual(last()[2], { fresh: false });
  say(message(5));
  assert.deepEqual(last()[2], { fresh: true });
});

test("if a message is missing, nothing is shown and the page connects again", () => {
  const { connection, say, told } = enter(welcome({ seq: 3 }));
  const before = told.length;
  say(message(5));
  assert.deepEqual(connection.did, [["redial"]]);
  assert.equal(told.length, before);
});

test("an unknown event with a seq leaves no hole", () => {
  const { say, last, connection } = enter(welcome({ seq: 3 }));
  say({ type: "removed", seq: 4, target: 1 });
  say(message(5));
  assert.deepEqual(last()[2], { fresh: true });
  assert.deepEqual(connection.did, []);
});

test("after a join, a gap is told only if messages may be missing", () => {
  const again = (event) => {
    const { connection, say, last } = enter(welcome({ seq: 10 }));
    connection.become("waiting");
    connection.become("open");
    say(event);
    return last()[2];
  };
  assert.deepEqual(again(welcome({ seq: 12, resumed: true })), { first: false, resumed: true, gap: null });
  assert.equal(again(welcome({ seq: 12, resumed: true, gap: null })).gap, null);
  assert.equal(again(welcome({ seq: 900, gap: "skipped", more: true })).gap, "skipped");
  assert.equal(again(welcome({ seq: 900, gap: "skipped" })).gap, "gone");
  assert.equal(again(welcome({ epoch: "f", seq: 2, gap: "lost" })).gap, "lost");
  assert.equal(again(welcome({ seq: 4, gap: "lost", more: true })).gap, "lost");
  assert.equal(again(welcome({ seq: 12, gap: "changed", more: true })).gap, "changed");
});

test("a reset that gives no reason, or an unknown one, may have lost anything", () => {
  for (const gap of [undefined, null, "constructor"]) {
    const { connection, say, last } = enter(welcome({ seq: 10 }));
    resumesFrom(connection);
    say(welcome({ seq: 12, gap, messages: [message(11), message(12)] }));
    assert.equal(last()[2].gap, "lost");
  }
});

test("who had seen nothing has lost nothing, but may have missed much", () => {
  const again = (event) => {
    const { connection, say, last } = enter(welcome({ seq: 0 }));
    resumesFrom(connection);
    say(event);
    return last()[2].gap;
  };
  assert.equal(again(welcome({ epoch: "f", seq: 0, gap: "lost" })), null);
  assert.equal(again(welcome({ seq: 600, gap: "skipped", more: true })), "skipped");
});

test("after a reset, the page resumes from the new log", () => {
  const { connection, say } = enter(welcome({ seq: 10 }));
  resumesFrom(connection);
  say(welcome({ seq: 4, at: "2025-06-01T00:00:00.000Z", gap: "lost" }));
  assert.deepEqual(resumesFrom(connection), { epoch: "e", seq: 4, at: "2025-06-01T00:00:00.000Z" });
});

test("after a refused nick, a lost connection is not dialled again", () => {
  for (const code of ["nick_taken", "nick_invalid"]) {
    const { connection, told } = enter({ type: "error", code });
    assert.equal(told.at(-1)[0], "entry refused");
    connection.become("waiting");
    assert.deepEqual(connection.did, [["stop", undefined]]);
  }
});

test("a page whose nick is refused does not hold its connection while the reader thinks", () => {
  const { connection, room } = enter({ type: "error", code: "nick_invalid" });
  mock.timers.tick(9_000);
  assert.deepEqual(connection.did, []);
  room.enter("Bob"); // in time, it joins over the same connection
  mock.timers.tick(9_000);
  assert.deepEqual([connection.did, connection.sent.length], [[], 2]);
  connection.tell("event", { type: "error", code: "nick_taken" });
  mock.timers.tick(10_000);
  assert.deepEqual(connection.did, [["stop", undefined]]);
  connection.state = { name: "idle" };
  room.enter("Carl");
  assert.equal(connection.sent.length, 3);
});

test("each error is told as the refusal of what was asked", () => {
  const { room, say, last } = enter();
  say({ type: "error", code: "muted", command: "post", id: "a" });
  assert.equal(last()[0], "post refused");
  room.rename("Bob");
  say({ type: "error", code: "nick_taken", command: "rename", suggest: "Bob 2" });
  assert.equal(last()[0], "rename refused");
  room.history(7, 50);
  say({ type: "error", code: "rate_limited", command: "history" });
  assert.equal(last()[0], "history refused");
});

test("while a rename and older messages are asked for, a typing's refusal is not theirs", () => {
  const { room, say, told } = enter();
  room.rename("Bob");
  room.history(7, 50);
  room.typing();
  const before = told.length;
  const refusals = [];
  room.on("typing refused", (error) => refusals.push(error.retry_after));
  say({ type: "error", code: "rate_limited", command: "typing", retry_after: 0.1 });
  assert.deepEqual(refusals, [0.1]);
  say({ type: "error", code: "bad_json" });
  assert.equal(told.length, before);
  say({ type: "error", code: "nick_taken", command: "rename", suggest: "Bob 2" });
  assert.equal(told.at(-1)[0], "rename refused");
});

test("the member's own rename, from any tab, moves the key", () => {
  const { say, room } = enter();
  say({ type: "renamed", member: { id: "alice", nick: "Alix" }, was: "Alice" });
  assert.deepEqual(renames.at(-1), ["Alice", "Alix"]);
  assert.equal(room.member.nick, "Alix");
});

test("the page resumes from kept messages, and the welcome still counts as the first", () => {
  const recalled = (event) => {
    const connection = new FakeConnection();
    const room = new Room("general", identity, connection);
    const told = [];
    room.on("welcome", (_, how) => told.push(how));
    room.recall({ epoch: "e", seq: 7, at: time(7) }, ALICE);
    assert.equal(room.member, ALICE);
    room.enter("Alice");
    assert.deepEqual(connection.sent[0].after, { epoch: "e", seq: 7, at: time(7) });
    connection.tell("event", event);
    return told[0];
  };
  assert.deepEqual(recalled(welcome({ seq: 8, resumed: true, messages: [message(8)] })), { first: true, resumed: true, gap: null });
  const lost = { first: true, resumed: false, gap: "lost" };
  assert.deepEqual(recalled(welcome({ epoch: "f", seq: 0, gap: "lost" })), lost);
});
