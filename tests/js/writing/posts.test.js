import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { Backoff } from "../../../chat/static/js/server/backoff.js";
import { Posts } from "../../../chat/static/js/writing/posts.js";
import { Sender } from "../../../chat/static/js/writing/sender.js";
import { Store } from "../../../chat/static/js/base/store.js";
import { Area } from "../fakes.js";

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
});

function page(area = new Area()) {
  const posts = new Posts(new Store(() => area), "general");
  const sent = [];
  const sender = new Sender(posts, (id, text) => Boolean(sent.push({ id, text })), new Backoff(() => 1));
  const settle = (id, member = "m") => posts.settle({ id, member: { id: member } }) && sender.settled(id);
  return { posts, sender, sent, settle, texts: () => sent.map(({ text }) => text) };
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
