import assert from "node:assert/strict";
import { test } from "node:test";

import { Store } from "../../../chat/static/js/base/store.js";
import { Area, FULL, happen } from "../fakes.js";

const isText = (value) => typeof value === "string";

test("the next page reads what was written", () => {
  const area = new Area();
  new Store(() => area).write("nick", "Zoé");
  assert.equal(new Store(() => area).read("nick", isText), "Zoé");
});

test("damaged and hostile contents read as absent", () => {
  const area = new Area();
  const store = new Store(() => area);
  for (const contents of ["{", "12", "null", '{"__proto__":1}', ""]) {
    area.setItem("tchat:nick", contents);
    assert.equal(store.read("nick", isText), undefined);
  }
});

test("with blocked or full storage, values are remembered while the page is open", () => {
  const blocked = new Store(() => {
    throw new DOMException("denied", "SecurityError");
  });
  for (const store of [blocked, new Store(() => FULL), new Store(() => null)]) {
    store.write("nick", "Zoé");
    assert.equal(store.read("nick", isText), "Zoé");
    store.remove("nick");
    assert.equal(store.read("nick", isText), undefined);
  }
});

test("a value is read again before it is changed, so no tab undoes another", () => {
  const area = new Area();
  const [one, other] = [new Store(() => area), new Store(() => new Area(area))];
  const add = (each) => (list = []) => [...list, each];
  assert.deepEqual(one.update("list", Array.isArray, add("a")), ["a"]);
  assert.deepEqual(other.update("list", Array.isArray, add("b")), ["a", "b"]);
  assert.deepEqual(one.update("list", Array.isArray, add("c")), ["a", "b", "c"]);
  assert.deepEqual(other.read("list", Array.isArray), ["a", "b", "c"]);
});

test("a tab is told what another tab wrote, and not what it wrote itself", () => {
  const area = new Area();
  const [one, other] = [new Store(() => area), new Store(() => new Area(area))];
  const told = [];
  one.on("change", (name) => told.push(name));
  one.follow("nick", () => told.push("follows"));
  one.write("nick", "Zoé");
  assert.deepEqual(told, []);
  other.write("nick", "Bob");
  other.write("rooms", []);
  other.remove("nick");
  area.setItem("another program's", "1");
  new Area(area).setItem("another program's", "2");
  assert.deepEqual(told, ["nick", "follows", "rooms", "nick", "follows"]);
});

test("if the storage is emptied, or the page slept in the browser's cache, any name may have changed", () => {
  const area = new Area();
  const store = new Store(() => area);
  const told = [];
  store.follow("nick", () => told.push(store.read("nick", isText)));
  store.write("nick", "Zoé");
  happen("pageshow", { persisted: true });
  happen("pageshow", { persisted: false });
  new Area(area).clear();
  assert.deepEqual(told, ["Zoé", undefined]);
});

test("what another tab could write replaces what this one only remembered", () => {
  const area = new Area();
  const store = new Store(() => area);
  area.setItem = FULL.setItem;
  store.write("nick", "Zoé");
  new Area(area).setItem("tchat:nick", '"Bob"');
  assert.equal(store.read("nick", isText), "Bob");
});

test("of each kind the names used last stay, also those of before there was an order", () => {
  const area = new Area();
  const store = new Store(() => area);
  for (const name of ["read:old", "read:older", "key:zoé"]) store.write(name, 1);
  const names = () => Array.from({ length: area.length }, (_, i) => area.key(i)).sort();
  const use = (name) => {
    store.write(`read:${name}`, 1);
    store.keepLatest("read", name, 3);
  };
  for (const name of ["a", "b", "a", "c"]) use(name);
  const beside = ["tchat:key:zoé", "tchat:latest:read"];
  const reads = (...all) => all.map((name) => `tchat:read:${name}`);
  assert.deepEqual(names(), [...beside, ...reads("a", "b", "c")]);
  for (let i = 0; i < 100; i += 1) use(`room${i}`);
  assert.deepEqual(names(), [...beside, ...reads("room97", "room98", "room99")]);
  area.setItem("tchat:latest:read", '{"hostile": 1}');
  use("b");
  assert.deepEqual(names(), [...beside, ...reads("b", "room97", "room98")]);
});
