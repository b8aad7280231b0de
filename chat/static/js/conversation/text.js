// The text of messages: as it was written at once, with its markup as soon as what that takes
// is there. It is no part of the page's first load: later/with-text.js and what it imports.

import { paragraph } from "./paragraph.js";

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
    this.#loading ??= this.#load().catch(() => (this.#loading = null));
  }

  async #load() {
    const { withText } = await import("./later/with-text.js");
    this.#rich = await withText(this.#page);
    this.#redraw(() => this.#waiting.forEach((text, element) => this.fill(element, text)));
    this.#waiting.clear();
  }
}
