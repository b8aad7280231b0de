import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff } from "../../../chat/static/js/server/backoff.js";

test("the ceiling doubles from half a second to fifteen", () => {
  const backoff = new Backoff(() => 1);
  assert.deepEqual(
    Array.from({ length: 7 }, () => backoff.next()),
    [500, 1000, 2000, 4000, 8000, 15000, 15000],
  );
  backoff.reset();
  assert.equal(backoff.next(), 500);
});

test("the whole span below the ceiling is used", () => {
  const waits = [0, 0.25, 0.5, 0.99].map((part) => new Backoff(() => part).next());
  assert.deepEqual(waits, [100, 125, 250, 495]);
});
