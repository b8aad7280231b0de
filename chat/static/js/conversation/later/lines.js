// Splits a text into blocks, which are whole lines: quotes, lists, code, and prose.

const DEEPEST = 8; // quotes within each other

export const INK = /(?!\p{DI})[^\p{C}\p{Z}\u2800]/u; // something to see
const FENCE = /^(`{3,})([^\s`]*)[ \t]*$/; // begins code; it may end code if it names no language
const QUOTE = /^> /;
const QUOTED = /^>(?: |$)/; // after the first line of a quote, a line may be empty
const NUMBER = /^> *[-+−~≈]?\p{N}/u; // « > 18 ans » compares
const ITEM = /^\s*(?:([-*+•])|\d{1,9}([.)]))\s+(?=\S)/;

const KINDS = [
  { end: endOfCode, draw: drawCode },
  { end: endOfQuote, draw: drawQuote },
  { end: endOfList, draw: drawList },
];

// A rule of markdown-it's core. Its own rules for blocks drop empty lines and white space.
export function splitLines({ src, tokens, Token }) {
  const add = (type, tag, nesting, more) => {
    tokens.push(Object.assign(new Token(type, tag, nesting), { children: [] }, more));
  };
  drawBlocks(src.split("\n").map((text) => ({ quotes: "", text, ...fenceOf(text) })), 0, add);
}

function fenceOf(text) {
  const [, ticks, language] = FENCE.exec(text) ?? [];
  return { ticks: ticks?.length, language };
}

// A line is { quotes, text, … }; `quotes` has the marks of the quotes that the line is in.
function drawBlocks(lines, depth, add) {
  let prose = 0; // where the prose begins that is not drawn yet
  for (let at = 0; at < lines.length; ) {
    const [end, draw] = blockAt(lines, at, depth);
    if (draw) {
      drawProse(lines, prose, at, add);
      draw(lines.slice(at, end), depth, add);
      if (end < lines.length) sign("\n", add); // a block breaks the line by itself
      prose = end;
    }
    at = end;
  }
  drawProse(lines, prose, lines.length, add);
}

function blockAt(lines, at, depth) {
  for (const { end, draw } of KINDS) {
    const found = end(lines, at, depth);
    if (found > at) return [found, draw];
  }
  return [at + 1, null];
}

const isSeen = ({ text }) => INK.test(text);

function sign(text, add) {
  add("sign", "", 0, { markup: text });
}

function drawLine({ quotes, text }, add) {
  if (quotes) sign(quotes, add);
  add("inline", "", 0, { content: text });
}

// The line break before another block is hidden, because a block breaks the line by itself. It is
// shown after an empty line, which would not be seen otherwise.
function drawProse(lines, from, to, add) {
  if (from === to) return;
  const isHidden = to < lines.length && isSeen(lines[to - 1]);
  const breaks = Math.min(isHidden ? to - 1 : to, lines.length - 1);
  add("prose", "p", 1);
  for (let at = from; at < to; at += 1) {
    drawLine(lines[at], add);
    if (at < breaks) add("text", "", 0, { content: "\n" });
  }
  add("prose", "p", -1);
  if (isHidden) sign("\n", add);
}

// Gives the first line from `at` on that passes the test.
function find(lines, at, test) {
  while (at < lines.length && !test(lines[at])) at += 1;
  return at;
}

// Code that no line ends stays as it was typed.
function endOfCode(lines, at, depth) {
  const { ticks } = lines[at];
  if (depth > 0 || !ticks) return at;
  const end = find(lines, at + 1, (line) => line.ticks >= ticks && !line.language);
  return find(lines, at + 1, isSeen) < end && end < lines.length ? end + 1 : at;
}

function drawCode(lines, _depth, add) {
  const [{ language }] = lines;
  const [first, ...rest] = lines.map(({ text }) => text);
  const last = rest.pop();
  sign(`${first}\n`, add);
  add("fence", "", 0, { content: rest.join("\n"), info: language });
  sign(`\n${last}`, add);
}

function endOfQuote(lines, at, depth) {
  const { text } = lines[at];
  const begins = QUOTE.test(text) && !NUMBER.test(text) && INK.test(text.slice(1));
  if (depth === DEEPEST || !begins) return at;
  return find(lines, at + 1, (line) => !QUOTED.test(line.text));
}

function drawQuote(lines, depth, add) {
  add("quote", "blockquote", 1);
  const within = lines.map(({ quotes, text }) => {
    const [mark] = QUOTED.exec(text);
    return { quotes: quotes + mark, text: text.slice(mark.length) };
  });
  drawBlocks(within, depth + 1, add);
  add("quote", "blockquote", -1);
}

// One item alone may be anything: « - 12 °C », « 2026. ».
function endOfList(lines, at) {
  const kind = kindOf(lines[at]);
  if (!kind) return at;
  const end = find(lines, at + 1, (line) => kindOf(line) !== kind);
  return end - at >= 2 ? end : at;
}

function kindOf({ text }) {
  const [, bullet, stop] = ITEM.exec(text) ?? [];
  return bullet ?? stop;
}

// An item's mark stays as it was typed: it may be a minus, or a number that means something.
function drawList(lines, _depth, add) {
  const tag = /^\s*\d/.test(lines[0].text) ? "ol" : "ul";
  add("list", tag, 1);
  lines.forEach(({ quotes, text }, index) => {
    const [mark] = ITEM.exec(text);
    add("item", "li", 1);
    if (quotes) sign(quotes, add);
    add("mark", "", 0, { content: mark });
    add("inline", "", 0, { content: text.slice(mark.length) });
    if (index < lines.length - 1) sign("\n", add);
    add("item", "li", -1);
  });
  add("list", tag, -1);
}
