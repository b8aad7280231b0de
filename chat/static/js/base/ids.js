// Makes ids and keys. It does not use crypto.randomUUID, which exists only on https and localhost:
// people open a chat at home as http://192.168.…

export const DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; // Crockford's base 32: sorts as its numbers
const TIME_BITS = 30; // enough for 2,000 years of minutes
const RANDOM_DIGITS = 16; // 80 bits
const KEY_BYTES = 24;

// Makes an id that nobody else makes: the minute, then chance. Ids sort by their time as text, so a
// database writes new ones side by side. It is the minute only, because the exact time would tell
// when something was written offline.
export function makeId(now = Date.now()) {
  const minutes = Math.floor(now / 60_000);
  let id = "";
  for (let bit = TIME_BITS - 5; bit >= 0; bit -= 5) id += DIGITS[(minutes >> bit) & 31];
  for (const byte of crypto.getRandomValues(new Uint8Array(RANDOM_DIGITS))) id += DIGITS[byte & 31];
  return id;
}

// The page makes its own key. If the server made it and the welcome was lost on the way, the nick
// would stay reserved for a key that this page never received.
export const makeKey = () => secret(KEY_BYTES);

// Gives so many random bytes in base64url.
export function secret(bytes) {
  const random = String.fromCharCode(...crypto.getRandomValues(new Uint8Array(bytes)));
  return btoa(random).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
