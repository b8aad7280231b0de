import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { excerpt, placesIn, readQuery } from "../../../chat/static/js/search/later/found-words.js";

const FOUND = JSON.parse(readFileSync(new URL("../../corpus/found.json", import.meta.url)));

function mark(text, words) {
  const places = placesIn(text, readQuery(words)) ?? [];
  return places.reduceRight(
    (marked, [from, to]) => `${marked.slice(0, from)}⟦${marked.slice(from, to)}⟧${marked.slice(to)}`,
    text,
  );
}

test("words are marked where the server finds them", () => {
  for (const [words, marked] of FOUND) {
    assert.equal(mark(marked.replace(/[⟦⟧]/g, ""), words), marked, words);
  }
});

test("of a long text the piece around the first word is shown, between words", () => {
  const text = `${"before ".repeat(50)}needle ${"after ".repeat(80)}`;
  const parts = excerpt(text, placesIn(text, readQuery("needle")));
  const shown = parts.map(({ words }) => words).join("");
  assert.match(shown, /^… (before )+needle (after ?)+ …$/);
  assert.ok(shown.length <= 286, shown.length);
  assert.deepEqual(parts.filter(({ isFound }) => isFound), [{ words: "needle", isFound: true }]);
});

test("a short text is shown whole, and no sign is cut in two", () => {
  const whole = excerpt("one two", placesIn("one two", readQuery("two")));
  assert.equal(whole.map(({ words }) => words).join(""), "one two");
  const text = `${"😀".repeat(400)}x${"😀".repeat(400)}`;
  for (const found of ["😀", "x"]) {
    const shown = excerpt(text, placesIn(text, readQuery(found)) ?? [[800, 801]]);
    assert.ok(shown.every(({ words }) => words.isWellFormed?.() ?? true));
  }
});
