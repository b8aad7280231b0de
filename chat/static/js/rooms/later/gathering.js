// Gathers all messages of a room for a copy, the newest first, a page at a time.

const PAGE = 100; // messages that the server gives at once, at most
const BREATH_MS = 1_000; // before it asks again, if the server does not say when

// Gives the messages, oldest first, up to the newest one of now. Fails as soon as `signal` (an
// AbortSignal) says so, also in the middle of a wait.
// `told(number, share)`: so many are here, and so much of the room's numbers is gone through.
export async function gathered(room, told, signal) {
  const head = room.last.seq;
  if (head === 0) return [];
  const stopped = new Promise((_, fail) => {
    signal.addEventListener("abort", () => fail(signal.reason), { once: true });
  });
  const messages = new Map(); // seq → message
  let before = head + 1;
  for (let more = true; more; ) {
    const page = await Promise.race([older(room, before, signal), stopped]);
    for (const message of page.messages) messages.set(message.seq, message);
    more = page.more && page.messages.length > 0;
    before = page.messages[0]?.seq ?? before;
    told(messages.size, more ? (head - before) / head : 1);
  }
  return [...messages.values()].sort((one, other) => one.seq - other.seq);
}

// Asks again for what was refused for now. Fails if it is refused for good, or nobody answers.
async function older(room, before, signal) {
  for (;;) {
    try {
      return await room.ask({ type: "history", before, limit: PAGE });
    } catch (error) {
      if (error.code !== "rate_limited" || signal.aborted) throw error;
      await pause((error.retry_after ?? 0) * 1000 + BREATH_MS);
      signal.throwIfAborted();
    }
  }
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
