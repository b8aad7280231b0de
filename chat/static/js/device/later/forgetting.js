// Lets this browser forget the reader, in all its tabs: keys, nicks, drafts, posts that wait, kept
// messages and pages, settings, the language. Asks once, in the button itself.

import { writeLanguage } from "./language-choice.js";

const PATIENCE_MS = 5_000; // for the browser, which waits for other tabs
const OURS = "tchat"; // begins the name of each cache

export class Forgetting {
  #button;
  #said;
  #page;
  #words;
  #isAsked = false;

  // `page`: { root, queue, strings, parts, missing, end, tellOthers }.
  constructor({ button, said, ...page }) {
    this.#button = button;
    this.#said = said;
    this.#page = page;
    this.#words = button.textContent;
    button.addEventListener("click", () => (this.#isAsked ? this.#forget() : this.#ask()));
  }

  // Take the question back.
  calm() {
    this.#isAsked = false;
    this.#button.classList.remove("asked");
    this.#button.textContent = this.#words;
    this.#said.textContent = "";
  }

  async #ask() {
    const { queue, strings } = this.#page;
    this.#isAsked = true;
    this.#button.classList.add("asked");
    this.#button.textContent = strings.say("forgetAll");
    const kept = await this.#kept();
    const waiting = Math.max(queue.posts.length, (await kept?.countLeft()) ?? 0);
    const lost = waiting > 0 ? ` ${strings.count("forgetWaiting", waiting)}` : "";
    if (!this.#isAsked) return;
    this.#said.textContent = strings.say("forgetWords") + lost;
    this.#said.scrollIntoView({ block: "nearest" });
  }

  // Gives the part that keeps messages and posts, or undefined if it cannot be fetched.
  #kept() {
    const fetched = () => import("../../offline/later/offline.js");
    return this.#page.parts.get(fetched).catch(() => undefined);
  }

  async #forget() {
    const { root, strings, end, tellOthers, missing } = this.#page;
    const kept = await this.#kept();
    if (!kept) return missing("unavailable");
    this.#button.disabled = true;
    end();
    tellOthers();
    writeLanguage(root, "");
    try {
      await inTime(Promise.all([kept.dropDatabase(), dropWorkers()]));
      await inTime(dropCaches()); // last: a worker that still runs may keep a file
      location.reload();
    } catch {
      this.#said.textContent = strings.say("forgetFailed");
    }
  }
}

// The site may have other workers. Ours is beside what it is for.
async function dropWorkers() {
  const all = (await navigator.serviceWorker?.getRegistrations()) ?? [];
  const ours = all.filter(({ scope, active, waiting, installing }) => {
    const worker = active ?? waiting ?? installing;
    return worker?.scriptURL === new URL("sw.js", scope).href;
  });
  await Promise.all(ours.map((each) => each.unregister()));
}

async function dropCaches() {
  if (!globalThis.caches) return;
  const ours = (await caches.keys()).filter((name) => name.startsWith(OURS));
  await Promise.all(ours.map((name) => caches.delete(name)));
}

function inTime(promise) {
  const late = new Promise((_, failed) => setTimeout(() => failed(new Error("late")), PATIENCE_MS));
  return Promise.race([promise, late]);
}
