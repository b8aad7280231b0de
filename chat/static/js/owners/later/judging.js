// What becomes of the keys by which a reader owns rooms (owner-keys.js).

import { secret } from "../../base/ids.js";

const KEY_BYTES = 16; // 128 bits
const MOST = 100; // rooms whose keys are kept: those owned last

// The server has let the page in, with the proof that was `sent` or in spite of it. Gives { wrong, again }:
// `wrong` is "token", "key" or null; `again`: another proof is left, for another join.
export function judge(keys, sent, { owner = false, operator = false }) {
  const isToken = sent.what === "token";
  if (isToken && operator) return { wrong: null, again: false };
  if (isToken) leaveOperator(keys);
  if (sent.what === "handed") dropHanded(keys);
  if (!isToken && owner) {
    keepKey(keys, keys.room, sent.key);
    return { wrong: null, again: false };
  }
  if (keys.kept === sent.key) keys.everywhere.remove(keys.name);
  const wrong = isToken ? "token" : sent.quietly ? null : "key";
  return { wrong, again: Boolean(keys.first()) };
}

// The page proposes the key. If the server made it and its answer was lost, nobody would own the room.
export const makeOwnerKey = () => secret(KEY_BYTES);

export function keepKey({ everywhere }, room, key) {
  everywhere.write(`owner:${room}`, key);
  everywhere.keepLatest("owner", room, MOST);
}

// The key that was handed is not tried any more.
export const dropHanded = ({ tab, name }) => tab.remove(name);

// The operator's token was typed.
export const becomeOperator = ({ tab }, token) => tab.write("operator", token);

// The operator is nobody in particular again.
export const leaveOperator = ({ tab }) => tab.remove("operator");

// The room has ended, so nobody owns it.
export function forgetKeys(keys) {
  dropHanded(keys);
  keys.everywhere.remove(keys.name);
}
