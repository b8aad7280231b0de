// Reads the owner key that a link has in its fragment, which no server gets: /r/salon#owner=…

const KEY = /^[A-Za-z0-9_-]{22}$/; // 128 bits

export const isOwnerKey = (value) => typeof value === "string" && KEY.test(value);

// Gives the key, or null, and takes the fragment out of the address bar and the history, also if what
// it has is no key. A fragment that hands over a person too is left to device/handed.js.
export function takeOwner() {
  const { hash, pathname, search } = location;
  const given = new URLSearchParams(hash.slice(1));
  if (!given.has("owner") || given.has("key")) return null;
  history.replaceState(history.state, "", pathname + search);
  return ownerIn(given);
}

// Gives the owner key among the parts of a fragment, or null.
export function ownerIn(given) {
  const key = given.get("owner");
  return isOwnerKey(key) ? key : null;
}
