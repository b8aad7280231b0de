import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { makeId } from "../../../chat/static/js/base/ids.js";
import { Store } from "../../../chat/static/js/base/store.js";
import { lockOf } from "../../../chat/static/js/base/this-tab.js";
import { Area } from "../fakes.js";

const DAY_MS = 24 * 3_600_000;

// What pages listen to; in these tests they are one.
const listeners = new Map();
globalThis.addEventListener = (type, listener) => {
  listeners.set(type, [...(listeners.get(type) ?? []), listener]);
};
const happen = (type) => listeners.get(type).forEach((listener) => listener({}));
const { Drafts } = await import("../../../chat/static/js/writing/drafts.js");

// The tabs that are open: a browser's locks.
const open = new Set();
const withLocks = {
  query: async () => ({ held: [...open].map((name) => ({ name })), pending: [] }),
};
let locks;
Object.defineProperty(globalThis, "navigator", { get: () => ({ locks }), configurable: true });

beforeEach(() => {
  open.clear();
  listeners.clear();
  locks = withLocks;
  mock.timers.reset();
  mock.timers.enable({ apis: ["Date"], now: 1e12 });
});

const isFree = () => true;

function browser() {
  const everywhere = new Area();
  return function tab({ own = new Area(), room = "general" } = {}) {
    const [store, mine] = [everywhere, own].map((area) => new Store(() => area));
    const id = mine.read("tab", Boolean) ?? makeId();
    mine.write("tab", id);
    open.add(lockOf(id));
    const drafts = new Drafts({ store, own: mine, tab: id, room });
    return { drafts, own, close: () => open.delete(lockOf(id)) };
  };
}

test("each tab has its own draft in each room, also after a reload", () => {
  const tab = browser();
  const [one, other] = [tab(), tab()];
  one.drafts.write("one");
  other.drafts.write("other");
  assert.equal(tab({ own: one.own, room: "garden" }).drafts.read(), "");
  one.drafts.write("one, again");
  assert.equal(tab({ own: one.own }).drafts.read(), "one, again");
  assert.equal(tab({ own: other.own }).drafts.read(), "other");
  one.drafts.write("");
  assert.equal(tab({ own: one.own }).drafts.read(), "");
  assert.equal(other.drafts.read(), "other");
});

test("the newest draft of a closed tab is taken over, once, by a tab that is free", async () => {
  const tab = browser();
  const [older, newer, still, garden] = [tab(), tab(), tab(), tab({ room: "garden" })];
  older.drafts.write("older");
  newer.drafts.write("newer");
  still.drafts.write("still open");
  garden.drafts.write("elsewhere");
  for (const { close } of [older, newer, garden]) close();
  assert.equal(await tab().drafts.takeOver(() => false), "");
  const next = tab();
  assert.equal(await next.drafts.takeOver(isFree), "newer");
  assert.equal(tab({ own: next.own }).drafts.read(), "newer");
  assert.equal(await tab().drafts.takeOver(isFree), "older");
  assert.equal(await tab().drafts.takeOver(isFree), "");
  assert.equal(still.drafts.read(), "still open");
  assert.equal(tab({ own: newer.own }).drafts.read(), "", "a tab that is restored does not send it again");
});

test("without locks, closing tabs say so", async () => {
  locks = undefined;
  const tab = browser();
  const one = tab();
  one.drafts.write("one");
  assert.equal(await tab().drafts.takeOver(isFree), "");
  happen("pagehide");
  happen("pageshow"); // it came back from the browser's cache
  assert.equal(await tab().drafts.takeOver(isFree), "");
  happen("pagehide");
  assert.equal(await tab().drafts.takeOver(isFree), "one");
  assert.equal(one.drafts.read(), "");
});

test("drafts are bounded in number, in length and in age", async () => {
  const tab = browser();
  const tabs = Array.from({ length: 25 }, (_, i) => {
    const each = tab();
    each.drafts.write(`draft ${i}`);
    return each;
  });
  assert.equal(tabs.filter(({ drafts }) => drafts.read() !== "").length, 20);
  assert.equal(tabs.at(-1).drafts.read(), "draft 24");
  tabs[23].drafts.write("x".repeat(499_990));
  assert.equal(tabs.filter(({ drafts }) => drafts.read() !== "").length, 2);
  mock.timers.tick(31 * DAY_MS);
  assert.equal(tabs[23].drafts.read(), "");
});

test("a draft of an older page, and nothing that is damaged, is read", async () => {
  const tab = browser();
  const own = new Area();
  own.setItem("tchat:draft:general", '"half a sen"');
  assert.equal(tab({ own }).drafts.read(), "half a sen");
  assert.equal(own.getItem("tchat:draft:general"), null);
  assert.equal(tab({ own }).drafts.read(), "half a sen");
  for (const damaged of ["{}", "[null]", '[{"room":"general","tab":"t","text":7,"at":1e12}]', "["]) {
    const everywhere = new Area();
    everywhere.setItem("tchat:drafts", damaged);
    const drafts = new Drafts({ store: new Store(() => everywhere), own: new Store(() => new Area()), tab: "t", room: "general" });
    assert.equal(drafts.read(), "");
    assert.equal(await drafts.takeOver(isFree), "");
  }
});
