// Reads the nick and the key that another device of the reader handed over. They come in the
// address's fragment, which no server gets: /r/salon#key=…&nick=Ada.

import { isKey } from "../server/identity.js";
import { NICK_LIMIT } from "../people/nick-field.js";

// What no nick has: control characters, other directions of writing, halves of letters. The joiners
// and tags of emoji and some scripts are allowed.
const STRANGE = /[^\P{C}\u200c\u200d\u{e0020}-\u{e007f}]/u;

// Gives { key, nick }, or null if the fragment has none, and takes them out of the address bar and
// the history. A fragment that has a key of a wrong form is taken out too.
export function takeHanded() {
  const { hash, pathname, search } = location;
  if (!new URLSearchParams(hash.slice(1)).has("key")) return null;
  history.replaceState(history.state, "", pathname + search);
  return handedIn(hash);
}

// Gives what a fragment hands over, or null.
export function handedIn(hash) {
  const given = new URLSearchParams(hash.slice(1));
  const [key, ...keys] = given.getAll("key");
  const [nick, ...nicks] = given.getAll("nick");
  const isOne = keys.length === 0 && nicks.length === 0;
  return isOne && isKey(key) && isNick(nick) ? { key, nick } : null;
}

// Gives the address that hands a nick and its key over.
export function handingOver(link, { key, nick }) {
  return `${link}#${new URLSearchParams({ key, nick })}`;
}

function isNick(nick) {
  const { length } = Array.from(nick ?? "");
  const form = nick?.trim().replace(/\s+/g, " ").normalize("NFC");
  return length > 0 && length <= NICK_LIMIT && nick === form && !STRANGE.test(nick);
}
