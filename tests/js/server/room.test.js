import assert from "node:assert/strict";
import { test } from "node:test";

import { Room } from "../../../chat/static/js/server/room.js";
import { Source } from "../../../chat/static/js/base/source.js";

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
  retryNow = () => this.become("open");
  joined() {}

  become(name) {
    this.state = { name };
    this.tell("state", this.state);
    if (name === "open") this.tell("open");
  }
}

const identity = { choose() {}, confirm() {}, rename: (...nicks) => renames.push(nicks), nick: "Alice", key: "k" };
const renames = [];

const message = (seq) => ({ type: "message", seq, id: `id-${seq}`, member: ALICE, text: `${seq}`, at: "2026-01-01T00:00:00.000Z" });

function welcome({ epoch = "e", seq = 0, messages = [], resumed = false, more = false } = {}) {
  return { type: "welcome", epoch, seq, member: ALICE, key: "k", members: [ALICE], messages, resumed, more };
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

test("the first join has no `after`, the next one names the last message seen", () => {
  const { connection, say } = enter(welcome({ seq: 3 }));
  assert.equal(connection.sent[0].after, undefined);
  say(message(4));
  connection.become("waiting");
  connection.become("open");
  assert.deepEqual(connection.sent.at(-1).after, { epoch: "e", seq: 4 });
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
  assert.equal(again(welcome({ seq: 12, messages: [message(11), message(12)] })).gap, null);
  assert.equal(again(welcome({ seq: 900, messages: [message(850)], more: true })).gap, "skipped");
  assert.equal(again(welcome({ seq: 900, messages: [message(850)] })).gap, "lost");
  assert.equal(again(welcome({ epoch: "f", seq: 2, messages: [message(1)] })).gap, "lost");
  assert.equal(again(welcome({ seq: 4, messages: [message(4)], more: true })).gap, "lost");
});

test("an empty log that is replaced by another has lost nothing", () => {
  const { connection, say, last } = enter(welcome({ seq: 0 }));
  connection.become("waiting");
  connection.become("open");
  say(welcome({ epoch: "f", seq: 0 }));
  assert.equal(last()[2].gap, null);
});

test("after a refused nick, a lost connection is not dialled again", () => {
  const { connection, told } = enter({ type: "error", code: "nick_taken", suggest: "Alice 2" });
  assert.equal(told.at(-1)[0], "entry refused");
  connection.become("waiting");
  assert.deepEqual(connection.did, [["stop", undefined]]);
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

test("while a rename and older messages are asked for, a typing's refusal is nobody's", () => {
  const { room, say, told } = enter();
  room.rename("Bob");
  room.history(7, 50);
  room.typing();
  const before = told.length;
  say({ type: "error", code: "rate_limited", command: "typing", retry_after: 0.1 });
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
    room.recall({ epoch: "e", seq: 7 }, ALICE);
    assert.equal(room.member, ALICE);
    room.enter("Alice");
    assert.deepEqual(connection.sent[0].after, { epoch: "e", seq: 7 });
    connection.tell("event", event);
    return told[0];
  };
  assert.deepEqual(recalled(welcome({ seq: 8, resumed: true, messages: [message(8)] })), { first: true, resumed: true, gap: null });
  assert.deepEqual(recalled(welcome({ epoch: "f", seq: 0 })), { first: true, resumed: false, gap: "lost" });
});
