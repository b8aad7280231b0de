import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { Names } from "../../../chat/static/js/people/names.js";
import { Nicks } from "../../../chat/static/js/people/nicks.js";
import { Emoji, codeAt } from "../../../chat/static/js/writing/later/emoji.js";
import { highlight, isReady, nameOf, prepare } from "../../../chat/static/js/conversation/later/highlight.js";
import { mentionsIn } from "../../../chat/static/js/conversation/mentions.js";
import { NickCompletion } from "../../../chat/static/js/writing/later/nick-completion.js";
import { Source } from "../../../chat/static/js/base/source.js";

const VENDOR = new URL("../../../chat/static/vendor/", import.meta.url);

function emojiIn(language) {
  const emoji = new Emoji("");
  emoji.use(JSON.parse(readFileSync(new URL(`emoji/${language}.json`, VENDOR), "utf8")));
  return emoji;
}

test("short codes are whole words between spaces", () => {
  const codes = (text) =>
    [...text.matchAll(/:/g)].map(({ index }) => codeAt(text, index)?.[1]).filter(Boolean);
  assert.deepEqual(codes(":tada: :+1:\n:100:"), ["tada", "+1", "100"]);
  assert.deepEqual(codes("10:30:45 a:tada: (:tada:) :tada:! :+1::100: ::"), []);
  assert.equal(emojiIn("en").byCode("tada"), "🎉");
  assert.equal(emojiIn("fr").byCode("tada"), "🎉");
  assert.equal(emojiIn("en").byCode("nothing"), undefined);
});

test("emoji are found by code, name and word, without accents", async () => {
  const [first] = emojiIn("fr").search("fête");
  assert.ok(first);
  const hearts = emojiIn("fr").search("coeur").slice(0, 3);
  assert.ok(hearts.some(([emoji]) => emoji.startsWith("❤")));
  assert.equal(emojiIn("en").search("tada")[0][0], "🎉");
  const found = await emojiIn("en").complete("well done :tad");
  assert.equal(found.from, 10);
  assert.equal(found.options[0].text, "🎉 ");
  for (const text of ["10:30", "a:tada", ":)", ":d"]) assert.equal(await emojiIn("en").complete(text), null);
});

test("only known nicks are mentioned, and the longest one that fits is taken", () => {
  const nicks = ["Bob", "Bob 2", "Zoé", "한글", "ΟΔΟΣ", "𝒳"];
  const said = (text) =>
    mentionsIn(text, nicks).map(({ from, to, nick }) => [text.slice(from, to), nick].join(" "));
  assert.deepEqual(said("@Bob 2, @bob: and @ZOÉ."), ["@Bob 2 Bob 2", "@bob Bob", "@ZOÉ Zoé"]);
  assert.deepEqual(said("x@Bob @Bobby @nobody @"), []);
  for (const [text, place, nick] of [
    ["(@Zoe\u0301)", "@Zoe\u0301", "Zoé"],
    ["@Bob \u00a02!", "@Bob \u00a02", "Bob 2"],
    ["@Bob\n2", "@Bob", "Bob"],
    ["@한글 !", "@한글", "한글"],
    ["🎉@𝒳🎉", "@𝒳", "𝒳"],
    ["@οδος", "@οδος", "ΟΔΟΣ"],
    ["a@b? @Bob.", "@Bob", "Bob"],
  ]) {
    assert.deepEqual(said(text), [`${place} ${nick}`], text);
  }
  assert.deepEqual(said("@Zoe\u0301e @Bob\u0301"), []);
});

test("an address mentions nobody, but a slash alone makes no address", () => {
  const said = (text) => mentionsIn(text, ["Ada", "Bob"]).map(({ nick }) => nick);
  for (const text of ["bob@ada.fr", "social.example/@ada", "x:y/z/@ada", "ftp://x/@Ada,@Bob"]) {
    assert.deepEqual(said(text), [], text);
  }
  assert.deepEqual(said("@Ada/@Bob et/@Ada"), ["Ada", "Bob", "Ada"]);
});

test("a nick is completed by any of its words, but the reader's own nick is not", () => {
  const room = new Source();
  room.member = { id: "1", nick: "Alice" };
  const nicks = new Nicks(room);
  const mentions = new NickCompletion(nicks, new Names(null));
  const members = [room.member, { id: "2", nick: "Zoé Martin" }, { id: "3", nick: "Bob" }];
  room.tell("welcome", { member: room.member, members, messages: [{ member: { id: "4", nick: "Bob 2" } }] });
  const words = (text) => mentions.complete(text)?.options.map((option) => option.words) ?? null;
  assert.deepEqual(words("hello @zoe"), ["Zoé Martin"]);
  assert.deepEqual(words("@mar"), ["Zoé Martin"]);
  assert.deepEqual(words("@al"), null);
  assert.deepEqual(words("me@bo"), null);
  assert.deepEqual(words("@bo"), ["Bob", "Bob 2"]);
  assert.equal(mentions.complete("@bo").isSure, true);
  assert.equal(mentions.complete("@Bob").isSure, false); // the nick is complete: Enter sends
  assert.equal(words("@Bob 2"), null);
  // The one who is here now is suggested, not the one who wrote long ago.
  room.tell("joined", { member: { id: "5", nick: "Bob 2" } });
  room.tell("history", { messages: [{ member: { id: "6", nick: "Bob 2" } }] });
  assert.deepEqual(nicks.owner("Bob 2"), { id: "5", nick: "Bob 2" });
});

test("each language that can be coloured is there, by its own name and by its aliases", async () => {
  const languages = readdirSync(new URL("highlight/languages/", VENDOR));
  assert.ok(languages.length > 20);
  for (const file of languages) {
    const name = file.replace(/\.js$/, "");
    assert.equal(nameOf(name.toUpperCase()), name);
    await prepare(name);
    assert.ok(isReady(name), name);
  }
  assert.equal(nameOf("c++"), "cpp");
  assert.equal(nameOf("constructor"), null);
  assert.match(highlight("let a = 1", "javascript"), /<span class="hljs-keyword">let<\/span>/);
});

test("vendored packages are pinned, have their licences and name no registry", () => {
  const lock = readFileSync(new URL("../../../tools/vendor/package-lock.json", import.meta.url), "utf8");
  for (const each of Object.entries(JSON.parse(lock).packages)) {
    if (each[0]) assert.match(each[1].integrity, /^sha512-/, each[0]);
  }
  assert.doesNotMatch(lock, /"resolved"/);
  const licences = readFileSync(new URL("licences.txt", VENDOR), "utf8");
  for (const name of Object.keys(JSON.parse(lock).packages[""].dependencies)) {
    assert.match(licences, new RegExp(`^${name}: LICENSE`, "m"));
  }
});
