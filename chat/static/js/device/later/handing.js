// Reads and writes the nick and the key that one device of the reader hands over to another. They are
// in the address's fragment: /r/salon#key=…&nick=Ada. If they own the room, its owner key comes with
// them: &owner=….

import { ownerIn } from "../../owners/owner-link.js";
import { isKey } from "../../server/identity.js";
import { NICK_LIMIT } from "../../people/nick-limit.js";

// What no nick has: control characters, other directions of writing, halves of letters. The joiners
// and tags of emoji and some scripts are allowed.
const STRANGE = /[^\P{C}\u200c\u200d\u{e0020}-\u{e007f}]/u;

// Gives { key, nick, owner }, or null if the fragment hands nobody over.
export function handedIn(hash) {
  const given = new URLSearchParams(hash.slice(1));
  const [key, ...keys] = given.getAll("key");
  const [nick, ...nicks] = given.getAll("nick");
  const isOne = keys.length === 0 && nicks.length === 0;
  return isOne && isKey(key) && isNick(nick) ? { key, nick, owner: ownerIn(given) } : null;
}

// Gives the address that hands a nick and its key over, and the key of the room's owners, or null.
export function handingOver(link, { key, nick, owner }) {
  return `${link}#${new URLSearchParams({ key, nick, ...(owner && { owner }) })}`;
}

function isNick(nick) {
  const { length } = Array.from(nick ?? "");
  const form = nick?.trim().replace(/\s+/g, " ").normalize("NFC");
  return length > 0 && length <= NICK_LIMIT && nick === form && !STRANGE.test(nick);
}
