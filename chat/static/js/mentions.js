// Whether a text calls somebody: "@" and the nick, not in the middle of a longer word.

const WORD = /[\p{L}\p{M}\p{N}_]/u;

export function mentions(text, nick) {
  const [said, called] = [fold(text), `@${fold(nick)}`];
  for (let at = said.indexOf(called); at >= 0; at = said.indexOf(called, at + 1)) {
    const before = Array.from(said.slice(0, at)).at(-1) ?? "";
    const [after = ""] = said.slice(at + called.length);
    if (!WORD.test(before) && !WORD.test(after)) return true;
  }
  return false;
}

function fold(text) {
  return text.normalize("NFKC").replace(/\s+/gu, " ").toLowerCase();
}
