// Finds the addresses in a line, and says how an address is drawn, so that it does not lie.

import MarkdownIt from "../../../vendor/markdown-it/markdown-it.js";

const START = /https?:\/\/|www\./i;
const BEFORE_WWW = /(?:^|[\s\p{Ps}\p{Pi}\p{Pf}"'*_~`|,;])$/u;
const PARTS = /^((?:https?:\/\/)?)(\[[^\]]*\]|[^/?#:]*)(.*)$/isu;
const LETTERS = /[^\0-\x7f]/; // that are not ASCII
const UNSEEN = /([\p{C}\p{Z}\p{DI}\u2800]+)/u;

// A host cannot be mistaken if all its letters are of one of these scripts: those of its ending
// too. Of the Latin letters, these are the ones of Europe that do not look like others.
const ONE_SCRIPT = [
  "a-zß-öø-įĵ-ķĺ-ľłńņňŋ-ž",
  "\u03ac-\u03ce", // Greek
  "\u0430-\u045f", // Cyrillic
  "\\p{Script=Han}",
  "\\p{Script=Hangul}",
].map((letters) => new RegExp(`^[${letters}0-9.-]+$`, "u"));

const { linkify } = new MarkdownIt("zero");
linkify
  .set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false })
  .add("ftp:", null)
  .add("mailto:", null)
  .add("//", null)
  .add("www.", { validate: lengthAfterWww });

function lengthAfterWww(text, at, { re }) {
  if (!BEFORE_WWW.test(text.slice(Math.max(0, at - 6), at - 4))) return 0;
  const rest = re.get_relative_proto_validator();
  rest.lastIndex = at;
  return rest.exec(text)?.[0].length ?? 0;
}

// Gives the addresses in order: [{ from, to, url }].
export function addressesIn(line) {
  if (!START.test(line)) return [];
  const found = [];
  for (const { index: from, lastIndex, raw } of linkify.match(line) ?? []) {
    const to = lastIndex - marksAtEnd(raw, line.slice(0, from)).length;
    const url = urlOf(line.slice(from, to));
    if (url && !hidesHost(line, lastIndex)) found.push({ from, to, url });
  }
  return found;
}

// Marks that begin before an address end after it: `*https://example.org/a*`.
function marksAtEnd(address, before) {
  const [marks] = /(?:\*+|_+|~+|)$/.exec(address);
  return before.includes(marks.slice(0, 1)) ? marks : "";
}

// `www.` leads to https: nearly every site has it, and nobody on the way can change what is read.
function urlOf(address) {
  try {
    return new URL(/^www\./i.test(address) ? `https://${address}` : address);
  } catch {
    return null; // not a host
  }
}

// In https://bank.example@other.example, what looks like the host is a user's name.
function hidesHost(line, to) {
  return /^[^\s/?#]*@/u.test(line.slice(to));
}

// Gives what is drawn of an address, in pieces: [{ written, drawn }].
export function piecesOf(address, url) {
  const [, scheme, host, rest] = PARTS.exec(address);
  const path = rest.split(UNSEEN).map((written, index) => ({
    written,
    drawn: index % 2 === 0 ? written : encodeURIComponent(written),
  }));
  return [{ written: scheme, drawn: scheme }, { written: host, drawn: safe(host, url) }, ...path];
}

// Gives the host of an address as a reader may trust it.
export function hostOf(address, url) {
  return safe(PARTS.exec(address)[2], url);
}

// A host that can be mistaken is drawn as the browser asks for it, in punycode.
function safe(host, url) {
  const plain = host.toLowerCase().normalize("NFC");
  if (plain === url.hostname) return host;
  return LETTERS.test(plain) && ONE_SCRIPT.some((one) => one.test(plain)) ? host : url.hostname;
}
