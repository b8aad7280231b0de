// Fills an element with a message's text: plain text at once, markup once its renderer is there.
// What it needs for that (the renderer, a language's colours, the emoji's names) is fetched when
// the first text asks for it; then those that waited are drawn again, quietly.

import { CodeBlock } from "./code-block.js";
import { hasCodes } from "./emoji.js";
import { mentionsIn } from "./mentions.js";

const MARKUP = /[*_~`>[\\]|https?:\/\/|^\s*(?:[-+]|\d{1,9}[.)])(?:\s|$)/im;

export class RichText {
  #nicks;
  #emoji;
  #strings;
  #spoken;
  #redraw;
  #render = null;
  #colours = null;
  #waiting = new Map(); // what for → elements and their texts

  // `redraw(change)` lets `change` alter what is shown already.
  constructor({ nicks, emoji, strings, spoken, redraw }) {
    this.#nicks = nicks;
    this.#emoji = emoji;
    this.#strings = strings;
    this.#spoken = spoken;
    this.#redraw = redraw;
  }

  // Fetch the renderer before it is needed.
  async prepare() {
    ({ render: this.#render } = await import("./on-demand/markup.js"));
  }

  // Says whether the reader is mentioned.
  fill(element, text) {
    const marked = MARKUP.test(text);
    if (marked && !this.#render) this.#later("markup", element, text, () => this.prepare());
    element.replaceChildren((marked && this.#render?.(text)) || paragraph(text));
    for (const pre of element.querySelectorAll("pre")) this.#dressCode(pre);
    if (hasCodes(text)) this.#replaceCodes(element, text);
    return text.includes("@") && this.#markMentions(element);
  }

  #later(what, element, text, fetchIt) {
    const waiting = this.#waiting.get(what);
    if (waiting) return void waiting.set(element, text);
    this.#waiting.set(what, new Map([[element, text]]));
    fetchIt().then(
      () => this.#redraw(() => this.#release(what).forEach((each, one) => this.fill(one, each))),
      () => this.#release(what), // it stays as it is; the next text asks again
    );
  }

  #release(what) {
    const waiting = this.#waiting.get(what);
    this.#waiting.delete(what);
    return waiting;
  }

  #dressCode(pre) {
    const block = new CodeBlock(pre, { spoken: this.#spoken, strings: this.#strings });
    if (block.language) this.#colour(block);
  }

  async #colour(block) {
    if (this.#colours) {
      const file = this.#colours.fileOf(block.language);
      if (file && this.#colours.isReady(file)) block.colour(this.#colours.highlight(block.text, file));
      if (!file || this.#colours.isReady(file)) return;
    }
    try {
      this.#colours ??= await import("./on-demand/highlight.js");
      const file = this.#colours.fileOf(block.language);
      if (!file) return;
      await this.#colours.prepare(file);
      this.#redraw(() => block.colour(this.#colours.highlight(block.text, file)));
    } catch {
      // Code without colours is code all the same.
    }
  }

  #replaceCodes(element, text) {
    if (!this.#emoji.isLoaded) return this.#later("emoji", element, text, () => this.#emoji.load());
    for (const node of proseOf(element)) node.data = this.#emoji.replaceCodes(node.data);
  }

  #markMentions(element) {
    let isMe = false;
    for (const node of proseOf(element)) {
      for (const { from, to, nick } of mentionsIn(node.data, this.#nicks.all).reverse()) {
        const mine = this.#nicks.isMine(nick);
        const mention = document.createElement(mine ? "mark" : "span");
        mention.className = "mention";
        node.splitText(to);
        const middle = node.splitText(from);
        middle.replaceWith(mention);
        mention.append(middle);
        isMe ||= mine;
      }
    }
    return isMe;
  }
}

function paragraph(text) {
  const element = document.createElement("p");
  element.dir = "auto";
  element.textContent = text;
  return element;
}

// The text nodes that are neither code nor links.
function proseOf(element) {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const nodes = [];
  while (walker.nextNode()) nodes.push(walker.currentNode);
  return nodes.filter((node) => !node.parentElement.closest("code, a, button"));
}
