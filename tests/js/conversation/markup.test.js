import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { FakeDocument } from "../fakes.js";
import { addressesIn } from "../../../chat/static/js/conversation/later/addresses.js";
import { render } from "../../../chat/static/js/conversation/later/markup.js";
import { written } from "../../../chat/static/js/conversation/written.js";

globalThis.document = new FakeDocument();

const corpus = (name) => readFileSync(new URL(`../../corpus/${name}`, import.meta.url), "utf8");
const PLAIN = corpus("plain.txt").trimEnd().split("\n%%\n");
const STYLED = JSON.parse(corpus("styled.json"));

// What a reader sees. A hidden line break is one that the end of a block shows.
function visible(node) {
  if (node.nodeType === 3) return node.data;
  const inner = node.childNodes.map(visible).join("");
  return node.hidden && inner !== "\n" ? "" : inner;
}

const all = (node, name) =>
  node.childNodes.flatMap((each) => [...(each.localName === name ? [each] : []), ...all(each, name)]);
const links = (text) => all(render(text) ?? { childNodes: [] }, "a").map(({ href }) => href);

test("texts that mark nothing are shown exactly as they were written", () => {
  assert.ok(PLAIN.length > 80);
  for (const text of PLAIN) {
    const shown = render(text);
    assert.equal(visible(shown), text);
    assert.equal(written(shown), text);
    for (const name of ["em", "strong", "del", "code", "pre", "blockquote"]) {
      assert.equal(all(shown, name).length, 0, text);
    }
  }
});

test("marks are hidden only around what they style", () => {
  for (const [text, expected] of STYLED) {
    const shown = render(text);
    assert.equal(visible(shown), expected, text);
    assert.equal(written(shown), text);
  }
});

// Gives numbers from 0 to 1, the same in each run.
function random(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const PIECES = [
  ..."*_~`>[]()-+.:;!?#|\\/<&@\"'«»…—0123  \t\n\n\nabçЖ漢ー한ท",
  ...["**", "~~", "__", "```", "\n```\n", "\n```js\n", "> ", "\n> ", "\n- ", "\n* ", "\n1. ", "\n2) "],
  ...["](https://", "https://", "http://a.example/", "www.", "www.a.example", ":tada:", "@Ada", "\r\n", "\0"],
  ...["\u200b", "\u202e", "\u00a0", "\u2028", "\u0301", "👍🏽", "👨‍👩‍👧", "م", "mot", "prix", "été", " mot ", "5*3"],
];

test("what is shown and the hidden marks are what was written, whatever it is", () => {
  const next = random(12);
  const real = [...PLAIN, ...STYLED.map(([text]) => text)];
  const pick = (list) => list[Math.floor(next() * list.length)];
  for (let round = 0; round < 6_000; round += 1) {
    const parts = Array.from({ length: 1 + Math.floor(next() * 24) }, () => pick(PIECES));
    if (round % 3 === 0) parts.splice(1, 0, pick(real));
    const text = parts.join("");
    const shown = render(text);
    assert.ok(shown, JSON.stringify(text));
    assert.equal(written(shown), text);
    if (/[\p{L}\p{N}]/u.test(text)) assert.match(visible(shown), /[^\s]/);
  }
});

test("a text that is nested too deeply stays as it was written", () => {
  assert.equal(all(render(`${"> ".repeat(500)}x`), "blockquote").length, 8);
  assert.equal(render(`${"*a _b ".repeat(6)}x${" b_ a*".repeat(6)}`), null);
});

test("a quote ends with its line", () => {
  const shown = render("> cité\nréponse\n> encore\n\nfin");
  assert.deepEqual(all(shown, "blockquote").map(visible), ["cité", "encore"]);
});

test("a list has two items or more, and each ends with its line", () => {
  const items = (text) => all(render(text), "li").map((each) => visible(each).trimEnd());
  assert.deepEqual(items("1. a\n1. b\n3. c\nd"), ["1. a", "1. b", "3. c"]);
  assert.deepEqual(items("- a\nb\n- c"), []);
  assert.deepEqual(items("- a\n* b"), []);
});

test("addresses lead to http and https only", () => {
  assert.deepEqual(links("see https://example.org/a_b. HTTP://X.example"), ["https://example.org/a_b", "http://x.example/"]);
  assert.deepEqual(links("www.example.org, (WWW.Example.org/a)"), ["https://www.example.org/", "https://www.example.org/a"]);
  assert.deepEqual(links("https://a.example/(x)_ [b](https://b.example/(y))"), ["https://a.example/(x)_", "https://b.example/(y)"]);
  for (const url of ["javascript:alert(1)", "data:text/html,x", "//x.org", "/r/a", "ftp://x.org", "JaVaScRiPt:x"]) {
    for (const text of [`[x](${url})`, `<${url}>`, url, `![x](${url})`]) assert.deepEqual(links(text), [], text);
  }
  for (const text of ["https://bank.example@evil.example", "https://a:b@evil.example/", "https://", "www.", "awww.x.fr", "a@www.x.fr"]) {
    assert.deepEqual(links(text), [], text);
  }
});

test("a link tells no other site where it was clicked, and hides nothing in a title", () => {
  for (const link of all(render("https://a.example [b](https://b.example)"), "a")) {
    assert.equal(link.rel, "noopener noreferrer nofollow");
    assert.equal(link.target, "_blank");
    assert.equal(link.title, undefined);
  }
});

// How often code of ours and of the libraries looks something up in the text.
function workOf(action) {
  const counted = [[RegExp.prototype, "exec"], [RegExp.prototype, "test"], [String.prototype, "slice"], [Array.prototype, "push"]];
  let count = 0;
  const originals = counted.map(([owner, name]) => owner[name]);
  counted.forEach(([owner, name], index) => {
    owner[name] = function (...rest) {
      count += 1;
      return originals[index].apply(this, rest);
    };
  });
  try {
    action();
  } finally {
    counted.forEach(([owner, name], index) => (owner[name] = originals[index]));
  }
  return count;
}

test("the work for a text grows with its length and no faster", () => {
  const parts = [
    ...["*", "_", "~~", "`", "``` ", "[", "]", "(", ">", "> ", "<", "\\", "![", "[](", "- ", "1. ", "\n>", "\n> a", "\n- b"],
    ...["**a", "a**b", " **a", "*a _b ", "a* b_ ", "[a](", "[a](https://a.b/", "https://a.b/(", "https://", "www.", "www.a", "&", ":", "@", ":a: ", "`a` ", "``a` ", "\n```\n", "\n```a\n"],
  ];
  for (const part of parts) {
    const [short, long] = [500, 2000].map((length) => {
      const text = part.repeat(length).slice(0, length);
      return workOf(() => written(render(text) ?? document.createElement("p")));
    });
    assert.ok(long < 5 * short + 200, `${JSON.stringify(part)}: ${short}, ${long}`);
    assert.ok(long < 60_000, `${JSON.stringify(part)}: ${long}`);
  }
});

test("an address is found once, whatever stands around it", () => {
  const found = (text) => addressesIn(text).map(({ from, to }) => text.slice(from, to));
  assert.deepEqual(found("(https://a.example), https://b.example/x?y=1&z=2#w! « www.c.example »"), [
    "https://a.example", "https://b.example/x?y=1&z=2#w", "www.c.example",
  ]);
  assert.deepEqual(found("**https://a.example/b**"), ["https://a.example/b"]);
});
