// Finds out why the server refused a handshake. Browsers hide the HTTP status of a refused
// WebSocket, so the page asks for /status.

const PATIENCE_MS = 4_000;

// Gives "full" or "unreachable". `root`: the path of the chat.
export async function whyRefused(root) {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), PATIENCE_MS);
  try {
    const answer = await fetch(`${root}/status`, { cache: "no-store", signal: patience.signal });
    const status = await answer.json();
    return status.full === true ? "full" : "unreachable";
  } catch {
    return "unreachable";
  } finally {
    clearTimeout(timer);
  }
}
