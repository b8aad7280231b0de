import assert from "node:assert/strict";
import { test } from "node:test";

import { handedIn, handingOver } from "../../../chat/static/js/device/later/handing.js";

const KEY = "abcDEF0123456789_-abcDEF01234567";

test("what one device hands over, the other one reads", () => {
  for (const nick of ["Ada", "Ada & Bob=#1", "é 100%", "שלום", "👩‍👩‍👧", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "W".repeat(32), "+ +"]) {
    const { hash } = new URL(handingOver("http://localhost/r/salon", { key: KEY, nick }));
    assert.deepEqual(handedIn(hash), { key: KEY, nick, owner: null }, nick);
  }
  const owner = "abcDEF0123456789_-abcD";
  const { hash } = new URL(handingOver("http://localhost/r/salon", { key: KEY, nick: "Ada", owner }));
  assert.deepEqual(handedIn(hash), { key: KEY, nick: "Ada", owner });
});

test("a fragment that is not of the right form hands nothing over", () => {
  const nicks = ["", " Ada", "A  B", "A\nB", "A\u202eB", "A\u200bB", "A\u0000", "e\u0301", "W".repeat(33)];
  const strange = nicks.map((nick) => `#${new URLSearchParams({ key: KEY, nick })}`);
  for (const hash of [
    "", "#", "#x", `#key=${KEY}`, "#nick=Ada", "#key=short&nick=Ada", `#key=${KEY}!&nick=Ada`,
    `#key=${"a".repeat(129)}&nick=Ada`, `#key=${KEY}&key=${KEY}&nick=Ada`, `#key=${KEY}&nick=a&nick=b`,
    ...strange,
  ]) {
    assert.equal(handedIn(hash), null, hash);
  }
});
