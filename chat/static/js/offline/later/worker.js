// Registers the page's service worker and lets the next version's worker replace it. Without one
// (plain http, except on localhost, or a browser that keeps nothing) all else works.

const PATIENCE_MS = 3_000; // for a change of workers; then the page is reloaded anyway

export class Worker {
  #version;
  #address;
  #registration = null;

  // `version`: the version of this page; `root`: the path of the chat, which the worker is for.
  constructor({ version, root }) {
    this.#version = version;
    this.#address = vouched(`${root}/sw.js`);
  }

  async register() {
    if (this.#registration || !("serviceWorker" in navigator)) return;
    try {
      const options = { updateViaCache: "none" };
      this.#registration = (await navigator.serviceWorker.register(this.#address, options)) ?? null;
    } catch {
      return; // the browser keeps nothing, or the server is gone: the next welcome tries again
    }
    this.#registration?.addEventListener("updatefound", () => this.#found());
    this.#greet(this.#registration?.waiting);
  }

  // Ask the server for its worker, and wait until that worker has kept its page.
  async update() {
    try {
      await this.#registration?.update();
    } catch {
      return; // the server is gone again
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

  // If the waiting worker has this page's version, it need not wait: the reader has that version
  // already. Tabs of the version before go on, because the files that they still need are kept.
  #greet(worker) {
    if (worker?.state === "installed") worker.postMessage({ type: "take over", version: this.#version });
  }
}

async function settled(worker) {
  while (worker?.state === "installing") {
    await new Promise((done) => worker.addEventListener("statechange", done, { once: true }));
  }
}

// Under Trusted Types, the address of a worker must come from a policy. This policy gives this one
// address, whatever it is asked for. A page may create the policy once.
function vouched(address) {
  const rules = { createScriptURL: () => address };
  return globalThis.trustedTypes?.createPolicy("tchat-worker", rules).createScriptURL("") ?? address;
}
