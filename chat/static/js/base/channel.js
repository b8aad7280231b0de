// Opens a channel to the other tabs of this browser. Gives null if the browser has none, or forbids
// it together with storage.
export function openChannel(name) {
  try {
    return new BroadcastChannel(name);
  } catch {
    return null;
  }
}
