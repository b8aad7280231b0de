import assert from "node:assert/strict";
import { test } from "node:test";

import { apart, Source } from "../../../chat/static/js/base/source.js";

// Gives what was thrown and never caught while `call` ran and a moment after.
async function uncaught(call) {
  const errors = [];
  const before = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", ({ message }) => errors.push(message));
  call();
  await new Promise((done) => setTimeout(done));
  process.removeAllListeners("uncaughtException");
  for (const each of before) process.on("uncaughtException", each);
  return errors;
}

test("a listener that throws keeps nothing from the others, and its error is reported", async () => {
  const source = new Source();
  const heard = [];
  source.on("news", (what) => heard.push(["first", what]));
  source.on("news", () => {
    throw new Error("broken");
  });
  source.on("news", (what) => heard.push(["last", what]));
  assert.deepEqual(await uncaught(() => source.tell("news", 1)), ["broken"]);
  assert.deepEqual(heard, [["first", 1], ["last", 1]]);
});

test("what runs apart says whether it came to its end", async () => {
  assert.equal(apart(() => false), true);
  assert.deepEqual(await uncaught(() => assert.equal(apart(() => null.x), false)), [
    "Cannot read properties of null (reading 'x')",
  ]);
});
