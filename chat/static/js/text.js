// The text of messages: as it was written at once, with its markup as soon as what that takes
// is there. It is no part of the page's first load: on-demand/with-text.js and what it imports.

// What with-text.js imports. Named here, it arrives together; found by import, one after the other.
const TOGETHER = [
  ...["code-block", "completion", "copy", "emoji", "emoji-button", "markdown", "markup"],
  ...["nick-completion", "rich-text", "sanitise", "with-text"],
  ...["../../vendor/dompurify/purify.min", "../../vendor/markdown-it/markdown-it.min"],
];

function preload(name) {
  const link = document.createElement("link");
  link.rel = "modulepreload";
  link.href = new URL(`./on-demand/${name}.js`, import.meta.url).href;
  document.head.append(link);
}

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
    for (const name of TOGETHER) preload(name);
    const { withText } = await import("./on-demand/with-text.js");
    this.#rich = await withText(this.#page);
    this.#redraw(() => this.#waiting.forEach((text, element) => this.fill(element, text)));
    this.#waiting.clear();
  }
}

export function paragraph(text) {
  const element = document.createElement("p");
  element.dir = "auto";
  element.textContent = text;
  return element;
}
