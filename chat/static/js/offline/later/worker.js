// The service worker, as the page sees it: registered, replaced by the next version's. Without
// one (plain http elsewhere than on localhost, a browser that keeps nothing) all else works.

const ADDRESS = "/sw.js";
const PATIENCE_MS = 3_000; // for a change of workers; then the page is reloaded all the same

export class Worker {
  #version;
  #address = vouched();
  #registration = null;

  // `version`: this page's.
  constructor(version) {
    this.#version = version;
  }

  async register() {
    if (this.#registration || !("serviceWorker" in navigator)) return;
    try {
      const options = { updateViaCache: "none" };
      this.#registration = (await navigator.serviceWorker.register(this.#address, options)) ?? null;
    } catch {
      return; // the browser keeps nothing, or the server went: the next welcome asks again
    }
    this.#registration?.addEventListener("updatefound", () => this.#found());
    this.#greet(this.#registration?.waiting);
  }

  // Ask the server for its worker, and wait until that has kept its page.
  async update() {
    try {
      await this.#registration?.update();
    } catch {
      return; // the server went again
    }
    await settled(this.#registration?.installing);
  }

  // The reader wants the new version.
  async takeOver() {
    const worker = this.#registration?.waiting;
    if (!worker) return;
    const changed = new Promise((done) => {
      navigator.serviceWorker.addEventListener("controllerchange", done, { once: true });
    });
    worker.postMessage({ type: "take over" });
    await Promise.race([changed, new Promise((done) => setTimeout(done, PATIENCE_MS))]);
  }

  async #found() {
    const { installing } = this.#registration;
    await settled(installing);
    this.#greet(installing);
  }

  // A worker that waits and is of this page's version need not wait: the reader has it already.
  // Tabs of the version before go on; what they still need is kept.
  #greet(worker) {
    if (worker?.state === "installed") worker.postMessage({ type: "take over", version: this.#version });
  }
}

async function settled(worker) {
  while (worker?.state === "installing") {
    await new Promise((done) => worker.addEventListener("statechange", done, { once: true }));
  }
}

// A script's address has to be vouched for. This policy vouches for this one, and for no other;
// a page may make it once.
function vouched() {
  const rules = { createScriptURL: () => ADDRESS };
  return globalThis.trustedTypes?.createPolicy("tchat-worker", rules).createScriptURL("") ?? ADDRESS;
}
