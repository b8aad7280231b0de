// Shows the text of messages: at first as it was written, then with its markup. The code for markup
// (later/with-text.js and its imports) is no part of the page's first load.

import { LongTexts } from "./long-texts.js";
import { READ_MS } from "./message-list.js";
import { apart } from "../base/source.js";
import { mentionsIn } from "./mentions.js";
import { paragraph } from "./paragraph.js";

const AT_ONCE = 10; // messages whose markup is drawn without a pause

export class Text {
  #page;
  #redraw;
  #long;
  #rich = null;
  #loading = null;
  #waiting = new Map(); // element → its text

  // `page`: what with-text.js needs; `page.redraw(change)` lets `change` alter what is shown, and
  // gives a promise, because it waits while the reader selects something.
  constructor(page) {
    this.#page = page;
    this.#redraw = page.redraw;
    this.#long = new LongTexts(page);
  }

  // A text whose markup cannot be shown stays as it was written.
  fill(element, text) {
    this.#long.watch(element, text);
    if (this.#rich && apart(() => this.#rich.fill(element, text))) return;
    element.replaceChildren(paragraph(text));
    if (this.#rich) return;
    this.#waiting.set(element, text);
    this.prepare();
  }

  // If this fails, the text stays as it is, and the next text tries again.
  prepare() {
    this.#loading ??= this.#page.parts.ahead(() => this.#load()).catch(() => (this.#loading = null));
  }

  // Whether a text mentions the reader. That is so exactly if the mention is highlighted, which the
  // code for markup knows. Without that code, nothing in a text is an address or code.
  async callsMe(text) {
    this.prepare();
    await this.#loading;
    if (this.#rich) return this.#rich.callsMe(text);
    const { nicks } = this.#page;
    return mentionsIn(text, nicks.all).some(({ nick }) => nicks.isMine(nick));
  }

  async #load() {
    const { withText } = await import("./later/with-text.js");
    this.#rich = withText(this.#page);
    this.#dress(isRead);
    setTimeout(() => this.#dress(() => true), READ_MS);
  }

  // A text that a screen reader may be about to read is drawn again a moment later, so that it is
  // read once. The newest texts come first, a few at a time, because the reader may be writing.
  async #dress(isReady) {
    const ready = [...this.#waiting].filter(([element]) => isReady(element));
    for (const [element] of ready) this.#waiting.delete(element);
    while (ready.length > 0) {
      const some = ready.splice(-AT_ONCE);
      await this.#redraw(() => some.forEach(([element, text]) => this.fill(element, text)));
      await new Promise((done) => setTimeout(done));
    }
  }
}

const isRead = (element) => element.closest("[aria-live=off]") !== null;
