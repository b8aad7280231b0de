import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { cleanText, hasInk } from "../../../chat/static/js/writing/clean-text.js";

const TEXTS = JSON.parse(readFileSync(new URL("../../corpus/texts.json", import.meta.url)));

test("a text is cleaned as the server cleans it", () => {
  for (const [written, kept] of TEXTS) {
    const clean = cleanText(written);
    const name = JSON.stringify(written);
    assert.equal(hasInk(clean), kept !== null, name);
    if (kept !== null) assert.equal(clean, kept, name);
    assert.equal(cleanText(clean), clean, name);
  }
});

test("half a surrogate pair becomes a sign that can be sent", () => {
  assert.equal(cleanText("a\ud83db"), "a\ufffdb");
});
