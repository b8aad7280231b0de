// Takes what another device of the reader handed over out of the address: its fragment, which no
// server gets. later/handing.js reads it.

// Gives the fragment, or null if it has no key, and takes it out of the address bar and the history. A
// fragment that has a key of a wrong form is taken out too.
export function takeHanded() {
  const { hash, pathname, search } = location;
  if (!new URLSearchParams(hash.slice(1)).has("key")) return null;
  history.replaceState(history.state, "", pathname + search);
  return hash;
}
