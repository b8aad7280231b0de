// Finds mentions: an at sign and a whole nick that is known here.

import { lower } from "../people/nicks.js";

const LETTER = /[\p{L}\p{M}\p{N}_]/u;

// Gives where `text` mentions one of `nicks`: [{ from, to, nick }]. It takes the longest nick that
// fits.
export function mentionsIn(text, nicks) {
  const found = [];
  const longestFirst = [...nicks].sort((one, other) => other.length - one.length);
  for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", at + 1)) {
    if (at > 0 && LETTER.test(text[at - 1])) continue;
    const nick = longestFirst.find((each) => {
      const end = at + 1 + each.length;
      return lower(text.slice(at + 1, end)) === lower(each) && !LETTER.test(text.slice(end, end + 1));
    });
    if (nick) found.push({ from: at, to: at + 1 + nick.length, nick });
  }
  return found;
}

// Whether a text mentions the reader. It does not matter how Unicode composes the letters, or which
// spaces there are.
export function callsMe(text, nicks) {
  const said = text.normalize("NFC").replace(/\s+/gu, " ");
  return mentionsIn(said, nicks.all).some(({ nick }) => nicks.isMine(nick));
}
