// The text of messages: as it was written at once, with its markup as soon as what that takes
// is there. It is no part of the page's first load: later/with-text.js and what it imports.

import { READ_MS } from "./message-list.js";
import { paragraph } from "./paragraph.js";

const AT_ONCE = 10; // messages whose markup is drawn without a pause

export class Text {
  #page;
  #redraw;
  #rich = null;
  #loading = null;
  #waiting = new Map(); // element → its text

  // `page`: what the rest is wired to; `redraw(change)` lets `change` alter what is shown.
  constructor(page) {
    this.#page = page;
    this.#redraw = page.redraw;
  }

  fill(element, text) {
    if (this.#rich) return this.#rich.fill(element, text);
    this.#waiting.set(element, text);
    element.replaceChildren(paragraph(text));
    this.prepare();
  }

  // Where it fails, the text stays as it is, and the next one asks again.
  prepare() {
    this.#loading ??= this.#page.parts.ahead(() => this.#load()).catch(() => (this.#loading = null));
  }

  async #load() {
    const { withText } = await import("./later/with-text.js");
    this.#rich = withText(this.#page);
    this.#dress(isRead);
    setTimeout(() => this.#dress(() => true), READ_MS);
  }

  // What a screen reader may be about to read is drawn again a moment later: it is read once.
  // The newest first, some at a time: somebody may be writing already.
  async #dress(isReady) {
    const ready = [...this.#waiting].filter(([element]) => isReady(element));
    for (const [element] of ready) this.#waiting.delete(element);
    while (ready.length > 0) {
      const some = ready.splice(-AT_ONCE);
      this.#redraw(() => some.forEach(([element, text]) => this.fill(element, text)));
      await new Promise((done) => setTimeout(done));
    }
  }
}

const isRead = (element) => element.closest("[aria-live=off]") !== null;
