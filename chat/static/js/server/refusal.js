// Finds out why the server refused a handshake. Browsers hide the HTTP status of a refused
// WebSocket, so the page asks for /status.

const PATIENCE_MS = 4_000;

// Gives "full", "unreachable", or "refused": the server answers, but not to WebSockets from here,
// perhaps because there were too many. `root`: the path of the chat.
export async function whyRefused(root) {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), PATIENCE_MS);
  try {
    const answer = await fetch(`${root}/status`, { cache: "no-store", signal: patience.signal });
    const status = await answer.json();
    return status.full === true ? "full" : "refused";
  } catch {
    return "unreachable";
  } finally {
    clearTimeout(timer);
  }
}
