// Fetches the parts of the page that it has on demand. Tells "gone" where the server no longer has it, because it
// has another version of the page.

import { Source } from "./source.js";

const PATIENCE_MS = 3_000; // for the server to say what it has

export class Parts extends Source {
  #ask;
  #isGone = false;

  // `ask()` gives whether the server still has the page's version.
  constructor(ask) {
    super();
    this.#ask = ask;
  }

  get isGone() {
    return this.#isGone;
  }

  // Gives what `load()` gives. Where that fails, it fails too, and knows by then whether it is gone.
  async get(load) {
    try {
      return await load();
    } catch (error) {
      this.#isGone = !(await this.#ask().catch(() => true)); // no answer: it may be there
      if (this.#isGone) this.tell("gone");
      throw error;
    }
  }

  // The same for what no reader has asked for: once it is gone, it is left alone.
  async ahead(load) {
    if (this.#isGone) throw new Error("gone");
    return this.get(load);
  }
}

// The page of no room is there in the server's own version alone. What is not built has none.
export async function hasVersion(version, language) {
  if (!version) return true;
  const options = { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) };
  const answer = await fetch(`/shell/${version}/${language}`, options);
  return answer.status !== 404;
}
