import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { Nicks } from "../../../chat/static/js/people/nicks.js";
import { Emoji, hasCodes } from "../../../chat/static/js/writing/later/emoji.js";
import { highlight, isReady, nameOf, prepare } from "../../../chat/static/js/conversation/later/highlight.js";
import { toHtml } from "../../../chat/static/js/conversation/later/markdown.js";
import { mentionsIn } from "../../../chat/static/js/conversation/mentions.js";
import { NickCompletion } from "../../../chat/static/js/writing/later/nick-completion.js";
import { Source } from "../../../chat/static/js/base/source.js";

const VENDOR = new URL("../../../chat/static/vendor/", import.meta.url);
const FAST_MS = 200; // on a busy machine

function emojiIn(language) {
  const emoji = new Emoji("");
  emoji.use(JSON.parse(readFileSync(new URL(`emoji/${language}.json`, VENDOR), "utf8")));
  return emoji;
}

const html = (text) => toHtml(text).trim();

test("only the Markdown that a chat needs is rendered", () => {
  assert.equal(html("**b** *i* ~~s~~ `c`"), "<p><strong>b</strong> <em>i</em> <del>s</del> <code>c</code></p>");
  assert.equal(html("one\ntwo"), "<p>one<br>two</p>");
  assert.match(html("> said\n\n- one\n- two"), /^<blockquote>[^]*said[^]*<ul>[^]*two/);
  assert.match(html("```js\nx\n```"), /^<pre><code class="language-js">x\n<\/code><\/pre>$/);
  for (const text of ["# title", "a\n===", "| a |\n|---|\n| b |", "---", "    code", "<b>x</b>"]) {
    assert.doesNotMatch(html(text), /<(?!p>|\/p>|br>)/, text);
  }
});

test("links lead to http and https only", () => {
  assert.match(html("see https://example.org/a_b."), /href="https:\/\/example\.org\/a_b">/);
  for (const url of ["javascript:alert(1)", "data:text/html,x", "//x.org", "/r/a", "ftp://x.org", "vbscript:x", "JaVaScRiPt:x"]) {
    for (const text of [`[x](${url})`, `<${url}>`, url, `![x](${url})`]) {
      assert.doesNotMatch(html(text), /<a |<img/, text);
    }
  }
  assert.doesNotMatch(html("![x](https://example.org/x.png)"), /<img/);
});

test("addresses are shown as people read them, but hosts are not decoded", () => {
  const shown = (url) => />([^<]+)<\/a>/.exec(html(url))[1];
  assert.equal(shown("https://fr.wikipedia.org/wiki/%C3%89t%C3%A9%20x"), "https://fr.wikipedia.org/wiki/Été%20x");
  assert.equal(shown("https://xn--pple-43d.com/%E2%80%AE%FF"), "https://xn--pple-43d.com/%E2%80%AE%FF");
});

test("faces are not quotes", () => {
  assert.equal(html(">_< >:("), "<p>&gt;_&lt; &gt;:(</p>");
});

test("a text that is nested too deeply stays as it was written", () => {
  assert.equal(toHtml("> ".repeat(1000)), null);
  assert.equal(toHtml(`${"- ".repeat(40)}x`), null);
});

test("any two thousand characters are rendered fast", () => {
  const parts = ["*", "_", "[", "]", "(", ">", "`", "~", "<", "\\", "![", "[](", "- ", "1. ", "\n>", "**a", "a**b", "[a](", "<https://", "http://", "*a _b ", "&", ":", "@", "https://a.b/("];
  for (const part of parts) {
    const text = part.repeat(2000 / part.length);
    const start = performance.now();
    toHtml(text);
    assert.ok(performance.now() - start < FAST_MS, part);
  }
});

test("short codes become emoji, times stay", () => {
  const emoji = emojiIn("en");
  assert.equal(emoji.replaceCodes(":tada: :+1::100:"), "🎉 👍️💯");
  assert.equal(emoji.replaceCodes("10:100:45 :nothing: a:tada:"), "10:100:45 :nothing: a:tada:");
  assert.ok(hasCodes("(:tada:"));
  assert.ok(!hasCodes("10:30:45"));
  assert.equal(emojiIn("fr").replaceCodes(":tada:"), "🎉");
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
  const nicks = ["Bob", "Bob 2", "Zoé"];
  const said = (text) => mentionsIn(text, nicks).map(({ nick }) => nick);
  assert.deepEqual(said("@Bob 2, @bob: and @ZOÉ."), ["Bob 2", "Bob", "Zoé"]);
  assert.deepEqual(said("x@Bob @Bobby @nobody @"), []);
});

test("a nick is completed by any of its words, but the reader's own nick is not", () => {
  const room = new Source();
  room.member = { id: "1", nick: "Alice" };
  const nicks = new Nicks(room);
  const mentions = new NickCompletion(nicks);
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
