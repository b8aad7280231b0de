// Finds the markup in a text and gives markdown-it's tokens. docs/markup.md has the rules. Each
// character of the text is in exactly one token, in order: in `markup` if it is hidden, else in
// `content`.

import MarkdownIt from "../../../vendor/markdown-it/markdown-it.js";
import { codeAt } from "../../writing/later/emoji.js";
import { addressesIn } from "./addresses.js";
import { INK, splitLines } from "./lines.js";

const DEEPEST = 8; // parts of a line within each other

const TAGS = new Map([["*", "em"], ["_", "em"], ["**", "strong"], ["~~", "del"]]);

const WORD = /(?!\p{DI})[\p{L}\p{N}\p{Extended_Pictographic}]/u; // something to stress
const LETTER_FIRST = /^[\p{L}\p{N}]/u;
const LETTER_LAST = /[\p{L}\p{M}\p{N}]$/u;

// Scripts that put no space between words, and their punctuation.
const SPACELESS =
  "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Hangul}\\p{Script=Thai}" +
  "\\u3001-\\u3003\\uff01\\uff0c\\uff0e\\uff1a\\uff1b\\uff1f";
// What may stand outside of marks, beside white space.
const EDGE = `\\s\\p{Pi}\\p{Pf}"'–—\\p{Extended_Pictographic}\\p{EMod}\\ufe0f${SPACELESS}`;
const STOP = ".,;:!?…";
const BEFORE = new RegExp(`(?:^|[${EDGE}\\p{Ps}¿¡])[*_~]{0,6}$`, "u");
const END = `[${STOP}]+(?![${STOP}\\p{L}\\p{N}_])`; // but not the dot in *.py
const AFTER = new RegExp(`^[*_~]{0,6}(?:$|[${EDGE}\\p{Pe}]|${END})`, "u");
// What may stand inside of marks. A bracket or a quote may, but not if there is one outside too:
// the star in ("*") marks nothing.
const OPENS = new RegExp(`^[^\\s${STOP}/\\\\\\p{Pe}]`, "u");
const CLOSES = /[^\s/\\\p{Ps}¿¡]$/u;
const BRACKET_FIRST = /^["'\p{Ps}\p{Pi}\p{Pf}]/u;
const BRACKET_LAST = /["'\p{Pe}\p{Pi}\p{Pf}]$/u;
const BRACKET_BEFORE = /["'\p{Ps}\p{Pi}\p{Pf}]$/u;
const BRACKET_AFTER = /^["'\p{Pe}\p{Pi}\p{Pf}]/u;
const NEAR = 16; // so many characters around a mark decide

const markdown = new MarkdownIt("zero");
const { core, inline } = markdown;
const RULES = { address, code, link, emoji, mark };
for (const [name, rule] of Object.entries(RULES)) inline.ruler.push(`chat ${name}`, rule);
inline.ruler.enableOnly(Object.keys(RULES).map((name) => `chat ${name}`));
inline.ruler2.after("balance_pairs", "chat pairs", pairs);
inline.ruler2.enableOnly(["balance_pairs", "chat pairs", "fragments_join"]);
core.ruler.at("block", splitLines);
core.ruler.enableOnly(["block", "inline"]);

// Gives null if parts are nested too deeply to mean anything.
export function parse(text) {
  const tokens = markdown.parse(text, {});
  const isDeep = tokens.some(({ children }) => children.some(({ level }) => level > DEEPEST));
  return isDeep ? null : tokens;
}

// The rules for one line. Each looks at `state.pos`. What no rule takes is text.

const before = (src, pos) => src.slice(Math.max(0, pos - NEAR), pos);
const after = (src, pos) => src.slice(pos, pos + NEAR);

function addressAt(state, from) {
  state.addresses ??= new Map(addressesIn(state.src).map((each) => [each.from, each]));
  return state.addresses.get(from);
}

function address(state) {
  const found = state.linkLevel === 0 && addressAt(state, state.pos);
  if (!found) return false;
  const { from, to, url } = found;
  Object.assign(state.push("address", "", 0), { content: state.src.slice(from, to), meta: url });
  state.pos = to;
  return true;
}

function code(state) {
  const { src, pos, posMax } = state;
  if (src[pos] !== "`") return false;
  const [ticks] = match(/`+/y, src, pos);
  const from = pos + ticks.length;
  const opens = !LETTER_LAST.test(before(src, pos)) && /^\S/.test(after(src, from));
  const to = opens ? closeOfCode(state, from, ticks) : posMax;
  if (to < posMax && INK.test(src.slice(from, to))) {
    Object.assign(state.push("code", "", 0), { markup: ticks, content: src.slice(from, to) });
    state.pos = to + ticks.length;
  } else {
    state.pending += ticks;
    state.pos = from;
  }
  return true;
}

function closeOfCode(state, from, ticks) {
  state.closes ??= closesOfCode(state.src);
  const closes = state.closes.get(ticks) ?? [];
  while (closes[0] <= from) closes.shift();
  return closes[0] ?? Infinity;
}

// Gives, for each number of ticks, where they may end code.
function closesOfCode(src) {
  const closes = new Map();
  for (const { 0: ticks, index } of src.matchAll(/`+/g)) {
    const outside = after(src, index + ticks.length);
    if (/\s$/.test(before(src, index)) || LETTER_FIRST.test(outside)) continue;
    if (!closes.has(ticks)) closes.set(ticks, []);
    closes.get(ticks).push(index);
  }
  return closes;
}

function link(state) {
  const { src, pos } = state;
  if (src[pos] !== "[" || src[pos - 1] === "!" || state.linkLevel > 0) return false;
  const [words] = match(/\[[^[\]]+\]\(/y, src, pos) ?? [];
  const found = words && INK.test(words.slice(1, -2)) && addressAt(state, pos + words.length);
  if (!found || src[found.to] !== ")") return false;
  const { from, to, url } = found;
  const { posMax } = state;
  state.push("link", "a", 1).markup = "[";
  state.linkLevel += 1;
  state.pos = pos + 1;
  state.posMax = from - 2;
  state.md.inline.tokenize(state);
  state.linkLevel -= 1;
  const meta = { url, address: src.slice(from, to) };
  Object.assign(state.push("link", "a", -1), { markup: src.slice(from - 2, to + 1), meta });
  state.pos = to + 1;
  state.posMax = posMax;
  return true;
}

function emoji(state) {
  const [content, name] = (state.src[state.pos] === ":" && codeAt(state.src, state.pos)) || [];
  if (!name) return false;
  Object.assign(state.push("emoji", "", 0), { content, info: name });
  state.pos += content.length;
  return true;
}

// Notes where a pair of marks may begin or end. `balance_pairs` of markdown-it then finds pairs
// that do not cross.
function mark(state) {
  const { src, pos } = state;
  const [run] = match(/\*+|_+|~+/y, src, pos) ?? [];
  if (!run) return false;
  state.pos += run.length;
  const open = opens(src, pos, run);
  const close = closes(src, pos, run);
  if (!TAGS.has(run) || !(open || close)) {
    state.pending += run;
    return true;
  }
  state.push("text", "", 0).content = run;
  const token = state.tokens.length - 1;
  state.delimiters.push({ marker: run, length: 0, token, end: -1, open, close, pos });
  return true;
}

function opens(src, pos, run) {
  const [outside, inside] = [before(src, pos), after(src, pos + run.length)];
  if (!BEFORE.test(outside) || !OPENS.test(inside)) return false;
  return !(BRACKET_BEFORE.test(outside) && BRACKET_FIRST.test(inside));
}

function closes(src, pos, run) {
  const [inside, outside] = [before(src, pos), after(src, pos + run.length)];
  if (!AFTER.test(outside) || !CLOSES.test(inside)) return false;
  return !(BRACKET_LAST.test(inside) && BRACKET_AFTER.test(outside));
}

// Makes pairs around words into elements. Other pairs stay as they were typed, like *_*.
function pairs(state) {
  const lists = [state, ...state.tokens_meta].map((each) => each?.delimiters ?? []);
  for (const list of lists) {
    for (const opener of list) {
      const closer = list[opener.end];
      if (!closer || !WORD.test(state.src.slice(opener.pos, closer.pos))) continue;
      const tag = TAGS.get(opener.marker);
      for (const [{ token, marker }, nesting] of [[opener, 1], [closer, -1]]) {
        const made = Object.assign(new state.Token("pair", tag, nesting), { markup: marker });
        state.tokens[token] = made;
      }
    }
  }
}

function match(regexp, src, pos) {
  regexp.lastIndex = pos;
  return regexp.exec(src);
}
