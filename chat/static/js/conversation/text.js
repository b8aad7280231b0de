// Shows the text of messages: at first as it was written, then with its markup. The code for markup
// (later/with-text.js and its imports) is no part of the page's first load.

import { READ_MS } from "./message-list.js";
import { apart } from "../base/source.js";
import { mentionsIn } from "./mentions.js";
import { paragraph } from "./paragraph.js";

const AT_ONCE = 10; // messages whose markup is drawn without a pause

export class Text {
  #page;
  #redraw;
  #long = null;
  #rich = null;
  #loading = null;
  #waiting = new Map(); // element → its text
  #texts = new WeakMap(); // element → the text that it shows now

  // `page`: what with-text.js needs; `page.redraw(change)` lets `change` alter what is shown, and
  // gives a promise, because it waits while the reader selects something.
  constructor(page) {
    this.#page = page;
    this.#redraw = page.redraw;
  }

  // A text whose markup cannot be shown stays as it was written.
  fill(element, text) {
    if (this.#texts.has(element) && this.#texts.get(element) !== text) this.#clear(element);
    this.#texts.set(element, text);
    this.#long?.watch(element, text);
    if (this.#rich && apart(() => this.#rich.fill(element, text))) return;
    element.replaceChildren(paragraph(text));
    if (this.#rich) return;
    this.#waiting.set(element, text);
    this.prepare();
  }

  // Fill an element that is on no page, for a copy, as the page would show it.
  async fillApart(element, text) {
    this.prepare();
    await this.#loading;
    if (this.#rich) await this.#rich.fillApart(element, text);
    else element.replaceChildren(paragraph(text));
  }

  // The text is gone. Nothing of it stays in the element, which says so instead.
  erase(element, words) {
    this.#clear(element);
    this.#texts.delete(element);
    const said = paragraph(words);
    said.lang = document.documentElement.lang;
    element.replaceChildren(said);
  }

  #clear(element) {
    this.#waiting.delete(element);
    this.#rich?.forget(element);
    this.#long?.forget(element);
    element.classList.remove("for-me");
  }

  // If this fails, the text stays as it is, and the next text tries again. Gives a promise: it settles
  // when all that comes after the first view is here, or cannot be fetched.
  prepare() {
    this.#loading ??= this.#page.parts.ahead(() => this.#load()).catch(() => (this.#loading = null));
    return this.#loading;
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
    const fetched = [import("./later/with-text.js"), this.#page.later()];
    const [{ withText }] = await Promise.all(fetched);
    const { rich, long } = withText(this.#page);
    this.#rich = rich;
    this.#long = long;
    for (const [element, text] of this.#waiting) long.watch(element, text);
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
      const isSame = ([element, text]) => this.#texts.get(element) === text;
      await this.#redraw(() => some.filter(isSame).forEach(([element, text]) => this.fill(element, text)));
      await new Promise((done) => setTimeout(done));
    }
  }
}

const isRead = (element) => element.closest("[aria-live=off]") !== null;
