// Mentions: an at sign and the nick of somebody who is known here.

import { lower } from "../nicks.js";

const LETTER = /[\p{L}\p{M}\p{N}_]/u;
const ASKED = /(?:^|[\s([{«"'’])@([^@\n]{0,32})$/u; // before the caret
const MOST = 6;

// Without accents too: « @zoe » finds Zoé.
const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

export class Mentions {
  #nicks;

  constructor(nicks) {
    this.#nicks = nicks;
  }

  // What completes the text before the caret, as completion.js wants it.
  complete(before) {
    const asked = ASKED.exec(before)?.[1];
    if (asked === undefined) return null;
    const query = plain(asked);
    const fits = (nick) => ` ${plain(nick)}`.includes(` ${query}`);
    const nicks = this.#nicks.all.filter((nick) => !this.#nicks.isMine(nick) && fits(nick));
    if (nicks.length === 0 || (nicks.length === 1 && lower(nicks[0]) === lower(asked))) return null;
    const isSure = asked !== "" && !nicks.some((nick) => lower(nick) === lower(asked));
    nicks.sort((one, other) => one.localeCompare(other));
    return {
      from: before.length - asked.length - 1,
      isSure,
      options: nicks.slice(0, MOST).map((nick) => ({ text: `@${nick} `, words: nick, sign: "@" })),
    };
  }
}

// Where `text` mentions one of `nicks`: [{ from, to, nick }], the longest nick that fits.
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
