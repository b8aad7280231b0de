import assert from "node:assert/strict";
import { test } from "node:test";

import { Parts } from "../../../chat/static/js/base/parts.js";

const failing = async () => {
  throw new TypeError("Failed to fetch dynamically imported module");
};

function make(ask) {
  const asked = { times: 0, gone: 0 };
  const parts = new Parts(() => {
    asked.times += 1;
    return ask();
  });
  parts.on("gone", () => (asked.gone += 1));
  return { parts, asked };
}

test("a part that comes is given, and nobody is asked anything", async () => {
  const { parts, asked } = make(async () => true);
  assert.equal(await parts.get(async () => "a box"), "a box");
  assert.deepEqual(asked, { times: 0, gone: 0 });
});

test("a part that does not come, of a version that the server has, may come another time", async () => {
  const { parts, asked } = make(async () => true);
  await assert.rejects(parts.get(failing), /Failed to fetch/);
  assert.equal(parts.isGone, false);
  await assert.rejects(parts.ahead(failing), /Failed to fetch/);
  assert.equal(await parts.ahead(async () => "text"), "text");
  assert.deepEqual(asked, { times: 2, gone: 0 });
});

test("a part of another version than the server's is gone; a reader who asks again is told again", async () => {
  const { parts, asked } = make(async () => false);
  await assert.rejects(parts.get(failing), /Failed to fetch/);
  assert.equal(parts.isGone, true);
  await assert.rejects(parts.get(failing), /Failed to fetch/);
  assert.deepEqual(asked, { times: 2, gone: 2 });
  await assert.rejects(parts.ahead(() => assert.fail("asked for in vain")), /gone/);
  assert.deepEqual(asked, { times: 2, gone: 2 });
});

test("without an answer nothing is known to be gone", async () => {
  const { parts, asked } = make(failing);
  await assert.rejects(parts.get(failing), /Failed to fetch/);
  assert.equal(parts.isGone, false);
  assert.equal(asked.gone, 0);
});
