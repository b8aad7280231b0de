// Fills an element with a message's text and its markup. A language's colours and the emoji's
// names are fetched when the first text needs them. Then the texts that waited are drawn again.

import { mentionsIn } from "../mentions.js";
import { READ_MS } from "../message-list.js";
import { paragraph } from "../paragraph.js";
import { CodeBlock } from "./code-block.js";
import { render } from "./markup.js";
import { sanitise } from "./sanitise.js";

const MARKUP = /[*_~`>[]|https?:\/\/|www\.|:[a-z0-9_+-]+:|^\s*(?:[-+•]|\d{1,9}[.)])\s/im;

export class RichText {
  #nicks;
  #emoji;
  #strings;
  #spoken;
  #redraw;
  #colours = null;
  #waiting = new Map(); // for the emoji: element → its text

  // `redraw(change)` lets `change` alter what is shown already, as soon as nothing is selected.
  constructor({ nicks, emoji, strings, spoken, redraw }) {
    this.#nicks = nicks;
    this.#emoji = emoji;
    this.#strings = strings;
    this.#spoken = spoken;
    this.#redraw = redraw;
  }

  fill(element, text) {
    element.replaceChildren(drawn(text));
    for (const pre of element.querySelectorAll("pre")) this.#dressCode(pre);
    if (element.querySelector("[data-code]")) this.#replaceCodes(element, text);
    element.classList.toggle("for-me", this.#markMentions(element));
    for (const each of element.querySelectorAll("code, .mention")) each.translate = false;
  }

  // Fill an element that is on no page, for a copy: with all that is fetched for its text.
  async fillApart(element, text) {
    element.replaceChildren(drawn(text));
    for (const pre of [...element.querySelectorAll("pre")]) {
      const block = new CodeBlock(pre, { spoken: this.#spoken, strings: this.#strings });
      if (block.language) await this.#paint(block, (paint) => paint());
    }
    if (element.querySelector("[data-code]")) {
      await this.#emoji.load().catch(() => {}); // the codes stay
      if (this.#emoji.isLoaded) this.#replaceCodes(element, text);
    }
    this.#markMentions(element);
  }

  // The element shows another text from now on, or none.
  forget(element) {
    this.#waiting.delete(element);
  }

  // Whether a text mentions the reader: exactly if that is highlighted.
  callsMe(text) {
    const element = document.createElement("div");
    element.append(drawn(text));
    return this.#markMentions(element);
  }

  #dressCode(pre) {
    const block = new CodeBlock(pre, { spoken: this.#spoken, strings: this.#strings });
    if (!block.language) return;
    void this.#paint(block, async (paint) => {
      await read();
      await this.#redraw(paint);
    });
  }

  // If the language's colours are loaded already, this happens at once. Else `later(paint)` does it.
  async #paint(block, later) {
    try {
      this.#colours ??= await import("./highlight.js");
      const { highlight, isReady, nameOf, prepare } = this.#colours;
      const name = nameOf(block.language);
      if (!name) return;
      const paint = () => block.colour(sanitise(highlight(block.text, name)));
      if (isReady(name)) return void paint();
      await prepare(name);
      await later(paint);
    } catch {
      // The code stays without colours.
    }
  }

  #replaceCodes(element, text) {
    if (!this.#emoji.isLoaded) return void this.#waitForEmoji(element, text);
    for (const word of element.querySelectorAll("[data-code]")) {
      const emoji = this.#emoji.byCode(word.dataset.code);
      if (!emoji) continue;
      word.dataset.written = word.textContent;
      word.textContent = emoji;
    }
  }

  async #waitForEmoji(element, text) {
    this.#waiting.set(element, text);
    if (this.#waiting.size > 1) return;
    try {
      await Promise.all([this.#emoji.load(), read()]);
      await this.#redraw(() => this.#waiting.forEach((each, one) => this.fill(one, each)));
    } catch {
      // The codes stay as they are. The next text with codes tries again.
    } finally {
      this.#waiting.clear();
    }
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

const read = () => new Promise((done) => setTimeout(done, READ_MS));

const drawn = (text) => (MARKUP.test(text) && marked(text)) || paragraph(text);

// If the markup fails, the text is shown without it.
function marked(text) {
  try {
    return render(text);
  } catch (error) {
    console.error(error);
    return null;
  }
}

// The text nodes in which somebody can be mentioned.
function proseOf(element) {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const nodes = [];
  while (walker.nextNode()) nodes.push(walker.currentNode);
  return nodes.filter((node) => !node.parentElement.closest("code, a, button, .sign, [data-code]"));
}
