import assert from "node:assert/strict";
import { test } from "node:test";

import { hasVersion, Parts } from "../../../chat/static/js/base/parts.js";

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

test("a part that can be fetched is given, and the server is not asked for its version", async () => {
  const { parts, asked } = make(async () => true);
  assert.equal(await parts.get(async () => "a box"), "a box");
  assert.deepEqual(asked, { times: 0, gone: 0 });
});

test("if the server still has the page's version, a missing part may be fetched later", async () => {
  const { parts, asked } = make(async () => true);
  await assert.rejects(parts.get(failing), /Failed to fetch/);
  assert.equal(parts.isGone, false);
  await assert.rejects(parts.ahead(failing), /Failed to fetch/);
  assert.equal(await parts.ahead(async () => "text"), "text");
  assert.deepEqual(asked, { times: 2, gone: 0 });
});

test("if the server has another version, the part is gone; a reader who asks again is told again", async () => {
  const { parts, asked } = make(async () => false);
  await assert.rejects(parts.get(failing), /Failed to fetch/);
  assert.equal(parts.isGone, true);
  await assert.rejects(parts.get(failing), /Failed to fetch/);
  assert.deepEqual(asked, { times: 2, gone: 2 });
  await assert.rejects(parts.ahead(() => assert.fail("asked for in vain")), /gone/);
  assert.deepEqual(asked, { times: 2, gone: 2 });
});

test("without an answer from the server, no part counts as gone", async () => {
  const { parts, asked } = make(failing);
  await assert.rejects(parts.get(failing), /Failed to fetch/);
  assert.equal(parts.isGone, false);
  assert.equal(asked.gone, 0);
});

// Lets servers answer in turn, and gives what was asked for.
function answering(context, ...statuses) {
  const asked = [];
  context.mock.method(globalThis, "fetch", async (address) => {
    asked.push(address);
    return { status: statuses[(asked.length - 1) % statuses.length] };
  });
  return asked;
}

test("one server of another version is enough to say that the page's is on its way out", async (context) => {
  const asked = answering(context, 200, 404);
  assert.equal(await hasVersion({ version: "1f", root: "/chat" }, "fr"), false);
  assert.deepEqual(asked, ["/chat/shell/1f/fr", "/chat/shell/1f/fr"]);
});

test("a server that has the version, each time, has it", async (context) => {
  const asked = answering(context, 200);
  assert.equal(await hasVersion({ version: "1f", root: "" }, "en"), true);
  assert.equal(asked.length, 3);
});

test("the unbuilt page has no version, and nobody is asked", async (context) => {
  const asked = answering(context, 404);
  assert.equal(await hasVersion({ version: "", root: "" }, "en"), true);
  assert.deepEqual(asked, []);
});
