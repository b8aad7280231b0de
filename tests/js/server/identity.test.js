import assert from "node:assert/strict";
import { test } from "node:test";

import { Identity } from "../../../chat/static/js/server/identity.js";
import { Store } from "../../../chat/static/js/base/store.js";
import { Area } from "../fakes.js";

function browser() {
  const everywhere = new Store(() => shared);
  const shared = new Area();
  return { tab: (area = new Area()) => new Identity(everywhere, new Store(() => area)) };
}

test("each nick has its own key, also in another tab", () => {
  const { tab } = browser();
  const [one, two, three] = [tab(), tab(), tab()];
  one.choose("Alice");
  one.confirm("Alice", one.key);
  two.choose("Bob");
  two.confirm("Bob", two.key);
  assert.match(one.key, /^[A-Za-z0-9_-]{22,128}$/);
  assert.notEqual(one.key, two.key);
  three.choose("  ALICE ");
  assert.equal(three.key, one.key);
});

test("a reload keeps the tab's nick and key, even before the server accepts them", () => {
  const { tab } = browser();
  const area = new Area();
  const before = tab(area);
  before.choose("Alice");
  const after = tab(area);
  assert.equal(after.nick, "Alice");
  assert.equal(after.key, before.key);
});

test("a new tab is offered the last nick", () => {
  const { tab } = browser();
  const one = tab();
  assert.equal(one.lastNick, "");
  one.choose("Alice");
  one.confirm("Alice", one.key);
  const two = tab();
  assert.equal(two.nick, null);
  assert.equal(two.lastNick, "Alice");
});

test("a rename moves the member's key to the new nick", () => {
  const { tab } = browser();
  const [one, other] = [tab(), tab()];
  one.choose("Alice");
  one.confirm("Alice", one.key);
  one.rename("Alice", "Alix");
  other.choose("Alice");
  assert.notEqual(other.key, one.key);
  other.choose("Alix");
  assert.equal(other.key, one.key);
});

test("a nick and key from another device are this browser's from now on", () => {
  const { tab } = browser();
  const [one, other] = [tab(), tab()];
  one.choose("Ada");
  one.confirm("Ada", one.key);
  const [before, key] = [one.key, "k".repeat(32)];
  assert.equal(one.owns("Bob"), false);
  assert.equal(one.take({ nick: "ada", key }), true);
  assert.deepEqual([one.nick, one.key], ["ada", key]);
  other.choose("Ada");
  assert.equal(other.key, key);
  assert.ok(other.owns(" ADA "));
  assert.notEqual(before, key);
  for (const wrong of [{ nick: "", key }, { nick: "Ada", key: "short" }, { nick: 1, key }, {}]) {
    assert.equal(one.take(wrong), false);
  }
  assert.deepEqual([one.nick, one.key], ["ada", key]);
});
