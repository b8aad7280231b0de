import assert from "node:assert/strict";
import { test } from "node:test";

import { Store } from "../../../chat/static/js/base/store.js";
import { Area, FULL } from "../fakes.js";

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
