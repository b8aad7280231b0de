// Completes a mention: an at sign, and the beginning of a nick that is known here.

import { lower } from "../../people/nicks.js";

const ASKED = /(?:^|[\s([{«"'’])@([^@\n]{0,32})$/u; // before the caret
const MOST = 6;

// Accents do not matter: « @zoe » finds Zoé.
const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

export class NickCompletion {
  #nicks;
  #names;

  constructor(nicks, names) {
    this.#nicks = nicks;
    this.#names = names;
  }

  // Gives what completes the text before the caret, as completion.js wants it, or null.
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
      options: nicks.slice(0, MOST).map((nick) => ({
        text: `@${nick} `,
        words: this.#names.text(this.#nicks.owner(nick)),
        sign: "@",
      })),
    };
  }
}
