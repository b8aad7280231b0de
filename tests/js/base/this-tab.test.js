import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Store } from "../../../chat/static/js/base/store.js";
import { thisTab } from "../../../chat/static/js/base/this-tab.js";
import { Area, happen } from "../fakes.js";

const ME = { nick: "Ada", key: "k".repeat(32) };
let came; // how the browser says that it came to the page

beforeEach(() => {
  came = "navigate";
  performance.getEntriesByType = () => [{ type: came }];
});

// The storage of a tab that has a nick, and posts that wait.
function storage() {
  const area = new Area();
  const store = new Store(() => area);
  store.write("me", ME);
  store.write("posts:general", ["a post"]);
  area.setItem("another program's", "1");
  return area;
}

function copyOf(area) {
  const copy = new Area();
  for (let i = 0; i < area.length; i += 1) copy.setItem(area.key(i), area.getItem(area.key(i)));
  return copy;
}

const has = (area, name) => area.getItem(`tchat:${name}`) !== null;

test("a reload and another room are the same tab, and nobody is asked", async (t) => {
  const area = storage();
  const store = new Store(() => area);
  const id = await thisTab(store);
  t.mock.timers.enable({ apis: ["setTimeout"] }); // nobody's answer is waited for
  for (const each of ["reload", "navigate", "back_forward"]) {
    came = each;
    happen("pagehide");
    assert.equal(await thisTab(store), id);
    assert.ok(has(area, "me") && has(area, "posts:general"));
  }
});

test("a duplicated tab is a tab of its own, of the same person, without the original's posts", async () => {
  const area = storage();
  const id = await thisTab(new Store(() => area));
  const copy = copyOf(area);
  came = "back_forward";
  assert.notEqual(await thisTab(new Store(() => copy)), id);
  assert.deepEqual(JSON.parse(copy.getItem("tchat:me")), ME);
  assert.ok(!has(copy, "posts:general"));
  assert.equal(copy.getItem("another program's"), "1");
  assert.ok(has(area, "posts:general"));
});

test("a new tab that came with a copy of another's storage asks for a nick", async () => {
  const area = storage();
  const id = await thisTab(new Store(() => area));
  const copy = copyOf(area);
  assert.notEqual(await thisTab(new Store(() => copy)), id);
  assert.ok(!has(copy, "me") && !has(copy, "posts:general"));
});

test("a tab that the browser ended without a word goes on with what it had", async () => {
  const area = storage();
  const store = new Store(() => area);
  store.write("tab", "the id of a tab that is open nowhere");
  store.write("open", true);
  assert.equal(await thisTab(store), "the id of a tab that is open nowhere");
  assert.ok(has(area, "me") && has(area, "posts:general"));
});
