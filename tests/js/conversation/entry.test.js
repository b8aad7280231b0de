import assert from "node:assert/strict";
import { test } from "node:test";

import { conversationText } from "../../../chat/static/js/rooms/later/conversation-text.js";
import { entry } from "../../../chat/static/js/conversation/later/entry.js";
import { Names } from "../../../chat/static/js/people/names.js";
import { Strings } from "../../../chat/static/js/base/strings.js";

const strings = new Strings({ textLine: "[{when}] {nick}: {text}" }, "en");
const page = { names: new Names(strings), strings };
const at = new Date(2026, 1, 3, 4, 5).toISOString();
const said = (nick, text) => ({ seq: 1, member: { id: nick, nick }, text, at });
const BREAKS = ["\n", "\r", "\r\n", "\v", "\f", "\u0085", "\u2028", "\u2029"];

test("an entry has when, who and what", () => {
  assert.equal(entry(said("Ada", "see  you"), page), "[2026-02-03 04:05] Ada: see  you");
});

test("no line of a text begins as another entry does", () => {
  for (const line of BREAKS) {
    const text = entry(said("Bob", `yes${line}[2026-02-03 04:06] Ada: no`), page);
    assert.equal(text, "[2026-02-03 04:05] Bob: yes\n    [2026-02-03 04:06] Ada: no");
  }
});

test("no nick makes an entry of somebody else", () => {
  for (const colon of [":", "：", "∶", "ː", "꞉", "﹕", "︓"]) {
    const page = { names: new Names(strings), strings };
    assert.match(entry(said(`Ada${colon} yes`, "no"), page), /^\[2026-02-03 04:05\] "Ada. yes": no$/);
  }
  for (const line of BREAKS) {
    const page = { names: new Names(strings), strings };
    assert.equal(entry(said(`Bob${line}Ada`, "no"), page), "[2026-02-03 04:05] Bob Ada: no");
  }
});

test("two members of one nick have their tags, outside of what a nick can be", () => {
  const text = (id, nick) => entry({ ...said(nick, "yes"), member: { id, nick } }, page);
  text("bbbbbbbb", "A: b");
  assert.match(text("cccccccc", "A: b"), /\] "A: b" #[0-9a-z]{6}: yes$/);
});

test("the whole conversation has one entry for each message that is not hidden", () => {
  const messages = [said("Ada", "one\ntwo"), said("Bob", "three")];
  const text = conversationText({ link: "link", messages, isHidden: () => false, ...page });
  const when = "[2026-02-03 04:05]";
  assert.equal(text, `link\n\n${when} Ada: one\n    two\n${when} Bob: three`);
});
