import assert from "node:assert/strict";
import { test } from "node:test";

import { ownerIn, takeOwner } from "../../../chat/static/js/owners/owner-link.js";
import { OwnerKeys } from "../../../chat/static/js/owners/owner-keys.js";
import { becomeOperator, judge, keepKey } from "../../../chat/static/js/owners/later/judging.js";
import { Store } from "../../../chat/static/js/base/store.js";
import { Area } from "../fakes.js";

const [MINE, OTHER] = ["m".repeat(22), "o".repeat(22)];

function keys(room = "salon", everywhere = new Store(() => new Area())) {
  const tab = new Store(() => new Area());
  return { everywhere, tab, keys: new OwnerKeys({ everywhere, tab, room }) };
}

test("a key that came with a link is kept once the server has accepted it", () => {
  const { keys: own } = keys();
  assert.equal(own.next(), undefined);
  own.hand(MINE);
  assert.equal(own.kept, null);
  assert.equal(own.next(), MINE);
  assert.deepEqual(judge(own, own.sent, { owner: true }), { wrong: null, again: false });
  assert.equal(own.kept, MINE);
  assert.equal(own.next(), MINE);
});

test("a false link takes nobody's own key away", () => {
  const { keys: own } = keys();
  keepKey(own, "salon", MINE);
  own.hand(OTHER);
  assert.equal(own.next(), OTHER);
  assert.deepEqual(judge(own, own.sent, { owner: false }), { wrong: "key", again: true });
  assert.equal(own.next(), MINE);
  assert.deepEqual(judge(own, own.sent, { owner: true }), { wrong: null, again: false });
});

test("a key that is nobody's any more is forgotten, and that is said", () => {
  const { keys: own } = keys();
  keepKey(own, "salon", MINE);
  own.next();
  assert.deepEqual(judge(own, own.sent, { owner: false }), { wrong: "key", again: false });
  assert.deepEqual([own.kept, own.next()], [null, undefined]);
});

test("another tab that has changed the key meanwhile does not lose it", () => {
  const { keys: own } = keys();
  keepKey(own, "salon", MINE);
  own.next();
  keepKey(own, "salon", OTHER); // what another tab wrote
  assert.deepEqual(judge(own, own.sent, { owner: false }), { wrong: "key", again: true });
  assert.equal(own.next(), OTHER);
});

test("a new key whose answer was lost is tried first, and quietly", () => {
  const { keys: own } = keys();
  keepKey(own, "salon", MINE);
  own.hand(OTHER, true);
  own.next();
  assert.deepEqual(judge(own, own.sent, { owner: false }), { wrong: null, again: true });
  assert.equal(own.next(), MINE);
});

test("the operator's token is this tab's alone, and a wrong one is forgotten", () => {
  const { keys: own, everywhere, tab } = keys();
  keepKey(own, "salon", MINE);
  becomeOperator(own, "operator-token");
  assert.equal(own.next(), "operator-token");
  assert.deepEqual(judge(own, own.sent, { owner: true, operator: true }), { wrong: null, again: false });
  assert.equal(tab.read("operator", Boolean), "operator-token");
  assert.equal(everywhere.read("operator", Boolean), undefined);
  own.next();
  assert.deepEqual(judge(own, own.sent, { owner: false, operator: false }), { wrong: "token", again: true });
  assert.equal(own.next(), MINE);
});

test("the keys of the rooms owned last are kept", () => {
  const everywhere = new Store(() => area);
  const area = new Area();
  for (let number = 0; number < 120; number += 1) keepKey({ everywhere }, `room-${number}`, MINE);
  assert.equal(keys("room-0", everywhere).keys.kept, null);
  assert.equal(keys("room-119", everywhere).keys.kept, MINE);
  assert.ok(area.length < 105);
});

test("an owners' link is read once, and taken out of the address", () => {
  const took = [];
  globalThis.history = { state: null, replaceState: (...given) => took.push(given.at(-1)) };
  const open = (hash) => {
    globalThis.location = { hash, pathname: "/r/salon", search: "" };
    return takeOwner();
  };
  assert.equal(open(`#owner=${MINE}`), MINE);
  assert.equal(open("#owner=short"), null);
  assert.deepEqual(took, ["/r/salon", "/r/salon"]);
  for (const other of ["", "#m12", `#key=${"k".repeat(32)}&nick=Ada&owner=${MINE}`]) assert.equal(open(other), null);
  assert.equal(took.length, 2);
  for (const wrong of ["owner=", `owner=${MINE}=`, `owner=${MINE}a`]) {
    assert.equal(ownerIn(new URLSearchParams(wrong)), null);
  }
});
