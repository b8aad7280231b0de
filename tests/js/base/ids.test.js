import assert from "node:assert/strict";
import { test } from "node:test";

import { makeId, makeKey } from "../../../chat/static/js/base/ids.js";

const MINUTE_MS = 60_000;

test("an id has 22 digits of base 32, without I, L, O and U", () => {
  for (let i = 0; i < 1_000; i += 1) assert.match(makeId(), /^[0-9A-HJKMNP-TV-Z]{22}$/);
});

test("ids sort as text by their minute", () => {
  const now = Date.parse("2026-11-26T12:00:00Z");
  const later = [1, 40, 1e6].map((minutes) => now + minutes * MINUTE_MS);
  const moments = [0, now, ...later, Date.parse("4000-01-01")];
  const ids = moments.map((moment) => makeId(moment));
  assert.deepEqual([...ids].reverse().sort(), ids);
});

test("an id tells the minute and nothing finer", () => {
  const now = Date.parse("2026-11-26T12:00:00Z");
  const time = (moment) => makeId(moment).slice(0, 6);
  assert.equal(time(0), "000000");
  assert.equal(time(33 * MINUTE_MS), "000011");
  assert.equal(time(now), time(now + MINUTE_MS - 1));
  assert.notEqual(time(now), time(now + MINUTE_MS));
});

test("no two ids of a minute are the same, and all digits are used", () => {
  const ids = Array.from({ length: 10_000 }, () => makeId(0));
  assert.equal(new Set(ids).size, ids.length);
  for (let place = 6; place < 22; place += 1) {
    assert.equal(new Set(ids.map((id) => id[place])).size, 32);
  }
});

test("a clock that is far off makes a valid id too", () => {
  for (const now of [-1, Date.parse("-000100-01-01"), 8.64e15]) {
    assert.match(makeId(now), /^[0-9A-HJKMNP-TV-Z]{22}$/);
  }
});

test("a key is as the server wants it, and never the same", () => {
  const keys = Array.from({ length: 100 }, makeKey);
  for (const key of keys) assert.match(key, /^[A-Za-z0-9_-]{32}$/);
  assert.equal(new Set(keys).size, keys.length);
});
