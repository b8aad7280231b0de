// Finds mentions: an at sign and a whole nick that is known here.

import { lower } from "../people/nicks.js";

const LETTER = /[\p{L}\p{M}\p{N}_]/u;
// White space; a letter with its marks; the parts of Korean letters, which may be written singly.
const LETTERS = /\s+|[\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff]+|\P{M}\p{M}*|\p{M}+/gu;

// Gives where `text` mentions one of `nicks`: [{ from, to, nick }]. It takes the longest nick that
// fits. It does not matter how Unicode composes the letters, or which spaces there are. An address
// mentions nobody, with or without https:// (example.org/@bob).
export function mentionsIn(text, nicks) {
  if (!text.includes("@")) return [];
  const known = new Map(nicks.map((nick) => [fold(nick), nick]));
  const lengths = [...new Set([...known.keys()].map(({ length }) => length))].sort((a, b) => b - a);
  const { said, places } = folded(text);
  const found = [];
  for (const { index: at } of withoutAddresses(said).matchAll(/@/g)) {
    if (LETTER.test(letterBefore(said, at))) continue;
    const fits = (end) =>
      places.has(end) && known.has(said.slice(at + 1, end)) && !LETTER.test(letterAt(said, end));
    const end = lengths.map((length) => at + 1 + length).find(fits);
    if (!end) continue;
    const nick = known.get(said.slice(at + 1, end));
    found.push({ from: places.get(at), to: places.get(end), nick });
  }
  return found;
}

const fold = (letters) => lower(letters).replaceAll("ς", "σ");

// Gives the text as it is compared, and for each letter's place in it the place in `text`.
function folded(text) {
  let said = "";
  const places = new Map();
  for (const { 0: letter, index } of text.matchAll(LETTERS)) {
    places.set(said.length, index);
    said += /^\s/.test(letter) ? (letter.includes("\n") ? "\n" : " ") : fold(letter);
  }
  return { said, places: places.set(said.length, text.length) };
}

// The same length, without at signs after the first slash of a word like example.org/@bob.
function withoutAddresses(said) {
  return said.replace(/\S+/g, (word) => {
    const [host] = /^[^.:]*[.:][^/]*\//.exec(word) ?? [word];
    return host + word.slice(host.length).replaceAll("@", " ");
  });
}

const letterAt = (text, at) => (at < text.length ? String.fromCodePoint(text.codePointAt(at)) : "");
const letterBefore = (text, at) => [...text.slice(Math.max(0, at - 2), at)].at(-1) ?? "";
