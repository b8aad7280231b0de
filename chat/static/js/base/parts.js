// Fetches the parts of the page that are loaded on demand. Tells "gone" when the server no longer
// has a part, because it now has another version of the page.

import { Source } from "./source.js";

const PATIENCE_MS = 3_000; // for the server's answer about its version
const TIMES = 3; // that it is asked: while servers are replaced one by one, each may be another

export class Parts extends Source {
  #ask;
  #isGone = false;

  // `ask()` says whether the server still has the page's version.
  constructor(ask) {
    super();
    this.#ask = ask;
  }

  get isGone() {
    return this.#isGone;
  }

  // Gives what `load()` gives. If `load()` fails, it first learns whether the part is gone, then
  // fails too.
  async get(load) {
    try {
      return await load();
    } catch (error) {
      this.#isGone = !(await this.#ask().catch(() => true)); // no answer: it may still be there
      if (this.#isGone) this.tell("gone");
      throw error;
    }
  }

  // The same for a part that no reader has asked for. Once a part is gone, it fails at once.
  async ahead(load) {
    if (this.#isGone) throw new Error("gone");
    return this.get(load);
  }

  // Gives a function that fetches such a part when it is first called, and gives it. If it cannot be
  // fetched, the function gives null, and the next call tries again.
  once(load) {
    let loading = null;
    return () => (loading ??= this.ahead(load).catch(() => (loading = null)));
  }
}

// Says whether the server has this version of the page, and no server behind the same address has
// another one: /shell/… exists for the server's own version only. The unbuilt page has no version.
export async function hasVersion({ version, root }, language) {
  if (!version) return true;
  const options = { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) };
  for (let times = 0; times < TIMES; times += 1) {
    const answer = await fetch(`${root}/shell/${version}/${language}`, options);
    if (answer.status === 404) return false;
  }
  return true;
}
