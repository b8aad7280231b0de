// Gathers all messages of a room for a copy, the newest first, a page at a time.

const PAGE = 100; // messages that the server gives at once, at most
const BREATH_MS = 1_000; // before it asks again, if the server does not say when

export class Gathering {
  #room;
  #messages = new Map(); // seq → message
  #isOver = false;

  constructor(room) {
    this.#room = room;
  }

  // Gives the messages, oldest first, up to the newest one of now; null if `stop` was called.
  // `told(number, share)`: so many are here, and so much of the room's numbers is gone through.
  async all(told) {
    this.#messages.clear();
    this.#isOver = false;
    const head = this.#room.last.seq;
    let before = head + 1;
    for (let more = head > 0; more; ) {
      const page = await this.#page(before);
      if (this.#isOver) return null;
      for (const message of page.messages) this.#messages.set(message.seq, message);
      more = page.more && page.messages.length > 0;
      before = page.messages[0]?.seq ?? before;
      told(this.#messages.size, more ? (head - before) / head : 1);
    }
    return [...this.#messages.values()].sort((one, other) => one.seq - other.seq);
  }

  stop() {
    this.#isOver = true;
    this.#messages.clear();
  }

  // Asks again for what was refused for now. Fails if it is refused for good, or nobody answers.
  async #page(before) {
    for (;;) {
      try {
        return await this.#room.ask({ type: "history", before, limit: PAGE });
      } catch (error) {
        if (error.code !== "rate_limited" || this.#isOver) throw error;
        await pause((error.retry_after ?? 0) * 1000 + BREATH_MS);
      }
    }
  }
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
