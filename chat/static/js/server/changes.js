// Remembers what was told of edits and removals, and applies it to messages, in whatever order they
// come, once or twice. So a text never comes back here once its removal was told.

const MOST = 1_000; // messages; those that were changed longest ago are forgotten first
const QUOTED = 140; // characters of a message above an answer to it, as the server cuts it

export class Changes {
  #known = new Map(); // seq of a message → { text, edited } or { removed: true }

  // An entry of the log was told.
  note({ type, target, text, at }) {
    if (type === "removed" && target) this.#keep(target, { removed: true });
    else if (type === "edited") {
      const isGone = text === undefined || text === null;
      this.#keep(target, isGone ? { removed: true } : { text, edited: at });
    }
  }

  // The messages that come now are as they are, and perhaps of another log.
  forget() {
    this.#known.clear();
  }

  // Gives the message as it is now; the same object if nothing is new.
  apply(message) {
    const now = changed(message, this.#known.get(message.seq));
    if (!now.reply) return now;
    const reply = this.applyToQuote(now.reply);
    return reply === now.reply ? now : { ...now, reply };
  }

  applyToQuote(quote) {
    const change = this.#known.get(quote.seq);
    if (!change || quote.removed || !quote.member) return quote;
    if (change.removed) return { seq: quote.seq, member: quote.member, removed: true };
    const text = cut(change.text);
    return text === quote.text ? quote : { ...quote, text };
  }

  #keep(seq, change) {
    const before = this.#known.get(seq);
    if (before?.removed || (!change.removed && before?.edited > change.edited)) return;
    this.#known.delete(seq);
    this.#known.set(seq, change);
    if (this.#known.size > MOST) this.#known.delete(this.#known.keys().next().value);
  }
}

// Times are compared as they are written: all are UTC, with milliseconds.
function changed(message, change) {
  if (!change || message.removed) return message;
  if (change.removed) return withoutText(message);
  const isOld = message.edited > change.edited || (message.edited === change.edited && message.text === change.text);
  return isOld ? message : { ...message, text: change.text, edited: change.edited };
}

export function withoutText({ seq, id, member, at }) {
  return { type: "message", seq, id, member, text: "", at, removed: true };
}

export function cut(text) {
  return Array.from(text).slice(0, QUOTED).join("");
}
