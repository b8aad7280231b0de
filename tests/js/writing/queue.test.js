import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { Backoff } from "../../../chat/static/js/server/backoff.js";
import { Queue } from "../../../chat/static/js/writing/queue.js";
import { Sender } from "../../../chat/static/js/writing/sender.js";
import { Store } from "../../../chat/static/js/base/store.js";
import { Area } from "../fakes.js";

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
});

function page(area = new Area()) {
  const queue = new Queue(new Store(() => area), "general");
  const sent = [];
  const given = [];
  let takes = false;
  const giveBack = (post, refusal) => takes && Boolean(given.push([post.text, refusal]));
  const options = { giveBack, backoff: new Backoff(() => 1) };
  const sender = new Sender(queue, (command) => Boolean(sent.push(command)), options);
  const settle = (id, member = "m") => sender.answered({ type: "message", seq: 7, id, member: { id: member } });
  const posts = {
    add: (text) => queue.add({ type: "post", text }),
    retry: (id) => queue.retry(id),
    drop: (id) => queue.drop(id),
    get all() {
      return queue.all;
    },
  };
  const answer = (event) => sender.answered({ member: { id: "m" }, ...event });
  const takeBack = () => (takes = true);
  return { queue, posts, sender, sent, given, takeBack, settle, answer, texts: () => sent.map(({ text }) => text) };
}

test("posts leave in order, once, as soon as there is a member", () => {
  const { posts, sender, sent, settle, texts } = page();
  posts.add("one");
  posts.add("two");
  assert.deepEqual(sent, []);
  sender.joined("key", "m");
  posts.add("three");
  assert.deepEqual(texts(), ["one", "two", "three"]);
  for (const { id } of [...sent]) settle(id);
  assert.deepEqual(posts.all, []);
  assert.equal(sent.length, 3);
});

test("a reload sends again, with the same id", () => {
  const area = new Area();
  const before = page(area);
  before.sender.joined("key", "m");
  before.posts.add("one");
  const after = page(area);
  after.sender.joined("key", "m");
  assert.deepEqual(after.sent, before.sent);
});

test("only the member's own message with that id acknowledges a post", () => {
  const { posts, sender, sent, settle } = page();
  sender.joined("key", "m");
  posts.add("one");
  settle(sent[0].id, "somebody else");
  assert.equal(posts.all.length, 1);
  settle(sent[0].id);
  assert.equal(posts.all.length, 0);
});

test("under another key a sent post waits for its writer, but an unsent one is sent", () => {
  const { posts, sender, sent, texts } = page();
  sender.joined("key", "m");
  posts.add("sent");
  sender.out();
  posts.add("unsent");
  sender.joined("other key", "n");
  assert.deepEqual(texts(), ["sent", "unsent"]);
  assert.equal(posts.all[0].reason, "other_nick");
  posts.retry(sent[0].id);
  assert.deepEqual(texts(), ["sent", "unsent", "sent"]);
  assert.notEqual(sent[2].id, sent[0].id);
});

test("back under the first key, a sent post is sent again by itself, with its first id", () => {
  const { posts, sender, sent } = page();
  sender.joined("key", "m");
  posts.add("one");
  sender.out();
  sender.joined("other key", "n");
  sender.out();
  sender.joined("key", "m");
  assert.deepEqual(sent, [sent[0], sent[0]]);
});

test("at most twenty are in flight", () => {
  const { posts, sender, sent, settle } = page();
  for (let i = 0; i < 30; i += 1) posts.add(`${i}`);
  sender.joined("key", "m");
  assert.equal(sent.length, 20);
  settle(sent[0].id);
  assert.equal(sent.length, 21);
});

test("a rate limit holds up all posts, and they keep their order", () => {
  const { posts, sender, sent, settle, texts } = page();
  sender.joined("key", "m");
  posts.add("one");
  posts.add("two");
  for (const { id } of [...sent]) sender.refused({ id, code: "rate_limited", retry_after: 2 });
  posts.add("three");
  mock.timers.tick(1_999);
  assert.equal(sent.length, 2);
  mock.timers.tick(1);
  // One asks again, so that a server that still refuses has to do it only once.
  assert.deepEqual(texts(), ["one", "two", "one"]);
  settle(sent[2].id);
  assert.deepEqual(texts().slice(3), ["two", "three"]);
});

test("a post that waits for minutes may be taken back, and the others are sent when it is time", () => {
  const { posts, sender, sent, texts } = page();
  sender.joined("key", "m");
  posts.add("one");
  posts.add("two");
  for (const { id } of [...sent]) sender.refused({ id, code: "rate_limited", retry_after: 240 });
  assert.deepEqual(posts.all.map(({ reason, until }) => [reason, until]), [["rate_limited", 240_000], ["rate_limited", 240_000]]);
  posts.drop(posts.all[0].id);
  posts.add("three");
  assert.deepEqual(posts.all.map(({ until }) => until), [240_000, 240_000]); // it waits as long
  mock.timers.tick(239_999);
  assert.equal(sent.length, 2);
  mock.timers.tick(1);
  assert.deepEqual(texts().slice(2), ["two"]);
  assert.deepEqual([posts.all[0].reason, posts.all[0].until], [undefined, undefined]); // it is on its way
});

test("a refusal that goes on costs one command each time, also after a reconnect", () => {
  const { posts, sender, sent } = page();
  sender.joined("key", "m");
  for (let i = 0; i < 20; i += 1) posts.add(`${i}`);
  for (let n = 0; n < 5; n += 1) {
    for (const { id } of sent.splice(0)) sender.refused({ id, code: "storage_unavailable", retry_after: 2 });
    mock.timers.tick(2_000);
    assert.equal(sent.length, 1);
  }
  sender.out();
  sent.length = 0;
  sender.joined("key", "m");
  assert.equal(sent.length, 1);
});

test("a post that is refused for good fails, keeps its text, and may be tried again or deleted", () => {
  for (const code of ["text_too_long", "text_empty", "muted", "banned", "something new"]) {
    const { posts, sender, sent } = page();
    sender.joined("key", "m");
    posts.add("one");
    sender.refused({ id: sent[0].id, code });
    assert.deepEqual([posts.all[0].state, posts.all[0].reason, posts.all[0].text], ["failed", code, "one"]);
    posts.retry(sent[0].id);
    assert.equal(sent.length, 2);
    assert.equal(sent[1].id, sent[0].id);
    posts.drop(sent[0].id);
    assert.equal(posts.all.length, 0);
  }
});

test("without any answer a post is sent again", () => {
  const { posts, sender, sent } = page();
  sender.joined("key", "m");
  posts.add("one");
  mock.timers.tick(15_000);
  assert.deepEqual(sent, [sent[0], sent[0]]);
});

test("hostile contents of the storage are ignored", () => {
  for (const value of ["[1]", "{}", '[{"id":1}]', '[{"id":"a","text":"b","at":"c","state":"waiting"}]', "["]) {
    const area = new Area();
    area.setItem("tchat:posts:general", value);
    assert.deepEqual(page(area).posts.all, []);
  }
});

test("posts, edits, removals and pins leave in one order, as commands", () => {
  const { queue, sender, sent, answer } = page();
  queue.add({ type: "post", text: "one", reply: { seq: 3, member: { id: "b", nick: "Bob" }, text: "?" } });
  queue.add({ type: "edit", target: 4, text: "two" });
  queue.add({ type: "remove", target: 5 });
  queue.add({ type: "pin", target: null });
  sender.joined("key", "m");
  assert.deepEqual(sent.map(({ id, ...command }) => command), [
    { type: "post", text: "one", reply: 3 },
    { type: "edit", target: 4, text: "two" },
    { type: "remove", target: 5 },
    { type: "pin", target: null },
  ]);
  const types = ["message", "edited", "removed", "pinned"];
  sent.forEach(({ id }, i) => answer({ type: types[i], seq: 10 + i, id }));
  assert.deepEqual(queue.all, []);
});

test("what waits survives a reload, and a command without an entry is settled by `done`", () => {
  const area = new Area();
  page(area).queue.add({ type: "remove", target: 5 });
  const { queue, sender, sent } = page(area);
  sender.joined("key", "m");
  sender.answered({ type: "done", id: sent[0].id });
  assert.deepEqual(queue.all, []);
});

test("a post that never left is changed or dropped where it waits", () => {
  const { queue, sender, texts } = page();
  const [one, two] = ["one", "two", "three"].map((text) => queue.add({ type: "post", text }));
  assert.equal(queue.change(one.id, "first"), true);
  queue.takeBack(two.id);
  sender.joined("key", "m");
  assert.deepEqual(texts(), ["first", "three"]);
  assert.equal(queue.change(one.id, "too late"), false);
});

test("a post that may have left is removed by its id, and is not gone before the server says so", () => {
  const { queue, sender, sent, answer } = page();
  sender.joined("key", "m");
  const { id } = queue.add({ type: "post", text: "one" });
  sender.out();
  queue.takeBack(id);
  assert.deepEqual(queue.posts.map(({ text, type }) => [text, type]), [["one", "remove"]]);
  sender.joined("key", "m");
  assert.deepEqual([sent.at(-1).type, sent.at(-1).post, sent.length], ["remove", id, 2]);
  answer({ type: "removed", seq: 9, id, target: null });
  assert.deepEqual(queue.all, []);
});

test("if it became a message meanwhile, its removal goes on there", () => {
  const { queue, sender, sent, answer } = page();
  sender.joined("key", "m");
  const { id } = queue.add({ type: "post", text: "one" });
  queue.takeBack(id);
  answer({ type: "message", seq: 9, id, text: "one" });
  assert.deepEqual([queue.posts, queue.of(9).map(({ type }) => type)], [[], ["remove"]]);
  answer({ type: "removed", seq: 10, id: sent.at(-1).id, target: 9 });
  assert.deepEqual(queue.all, []);
});

test("after a lost connection, a removed message settles the removal of its post", () => {
  const { queue, sender, answer } = page();
  sender.joined("key", "m");
  const { id } = queue.add({ type: "post", text: "one" });
  queue.takeBack(id);
  sender.out();
  answer({ type: "message", seq: 9, id, text: "", removed: true });
  assert.deepEqual(queue.all, []);
});

test("a post that was refused is not in the log, unless an earlier sending was not answered", () => {
  const { queue, sender } = page();
  sender.joined("key", "m");
  const { id } = queue.add({ type: "post", text: "one" });
  sender.refused({ id, code: "muted" });
  assert.deepEqual([queue.all[0].open, queue.all[0].key], [0, null]);
  queue.retry(id);
  sender.out();
  sender.joined("key", "m");
  sender.refused({ id, code: "muted" });
  assert.equal(queue.all[0].open, 1);
});

test("of several changes of a message that wait, the last one leaves", () => {
  const { queue, sender, sent } = page();
  queue.add({ type: "edit", target: 4, text: "a" });
  queue.add({ type: "pin", target: 4 });
  queue.add({ type: "edit", target: 4, text: "b" });
  sender.joined("key", "m");
  assert.deepEqual(sent.map(({ type, text }) => [type, text]), [["pin", undefined], ["edit", "b"]]);
  queue.add({ type: "edit", target: 4, text: "c" }); // the one before may be done already
  assert.equal(sent.length, 3);
});

test("a refused post may be given back, with the reason and the time", () => {
  const { queue, sender, sent, given, takeBack } = page();
  sender.joined("key", "m");
  queue.add({ type: "post", text: "one" });
  takeBack();
  sender.refused({ id: sent[0].id, code: "too_soon", retry_after: 30 });
  assert.deepEqual(given, [["one", { reason: "too_soon", until: 30_000 }]]);
  assert.deepEqual(queue.all, []);
});

test("a pace makes a post wait that nobody took back, and a refused edit says when it may be tried", () => {
  const { queue, sender, sent } = page();
  sender.joined("key", "m");
  queue.add({ type: "post", text: "one" });
  sender.refused({ id: sent[0].id, code: "too_soon", retry_after: 30 });
  assert.deepEqual([queue.all[0].state, queue.all[0].until], ["waiting", 30_000]);
  mock.timers.tick(30_000);
  assert.equal(sent.length, 2);
  queue.add({ type: "edit", target: 3, text: "x" });
  sender.answered({ type: "message", seq: 8, id: sent[0].id, member: { id: "m" } });
  sender.refused({ id: sent[2].id, code: "muted", retry_after: 10 });
  assert.deepEqual([queue.all[0].state, queue.all[0].until], ["failed", 40_000]);
});

test("what an older page kept is understood", () => {
  const area = new Area();
  const at = "2026-01-01T00:00:00.000Z";
  const kept = [
    { id: "a", text: "sent", at, key: "key", member: "m", state: "waiting" },
    { id: "b", text: "not sent", at, key: null, member: null, state: "waiting" },
  ];
  area.setItem("tchat:posts:general", JSON.stringify(kept));
  assert.deepEqual(page(area).queue.all.map(({ type, open }) => [type, open]), [["post", 1], ["post", 0]]);
});

test("an answer to what is gone becomes a message of its own when it is tried again", () => {
  const { queue, sender, sent } = page();
  sender.joined("key", "m");
  queue.add({ type: "post", text: "one", reply: { seq: 3, member: { id: "b", nick: "Bob" }, text: "?" } });
  sender.refused({ id: sent[0].id, code: "target_unknown" });
  queue.retry(sent[0].id);
  assert.deepEqual([sent[1].id, sent[1].reply], [sent[0].id, undefined]);
});

test("in another log nothing is done to a message that has the number now", () => {
  const { queue, sender, sent } = page();
  queue.add({ type: "edit", target: 3, text: "changed" });
  queue.add({ type: "remove", target: 4 });
  queue.add({ type: "pin", target: null });
  queue.add({ type: "post", text: "an answer", reply: { seq: 3, member: { id: "b", nick: "Bob" }, text: "?" } });
  queue.add({ type: "post", text: "a message" });
  queue.loseTargets();
  sender.joined("key", "m");
  assert.deepEqual(sent.map(({ type, text }) => text ?? type), ["pin", "a message"]);
  const failed = queue.all.filter(({ state }) => state === "failed");
  assert.deepEqual(failed.map(({ type, reason }) => [type, reason]), [
    ["edit", "target_unknown"], ["remove", "target_unknown"], ["post", "target_unknown"],
  ]);
});
