// The button that copies the conversation.

import { copyFrom } from "../../base/copy.js";
import { conversationText } from "./conversation-text.js";

const SAID_MS = 2_000;

export class ConversationCopy {
  #button;
  #said;
  #page;
  #words;
  #timer;

  // `said`: the element that a screen reader speaks, within the button's own dialog; `page`:
  // { link, messages, muted, strings }.
  constructor({ button, said, ...page }) {
    this.#button = button;
    this.#said = said;
    this.#page = page;
    this.#words = button.textContent;
    button.addEventListener("click", () => this.#copy());
  }

  offer() {
    this.#button.hidden = this.#page.messages.isEmpty;
  }

  async #copy() {
    const { link, messages, muted, strings } = this.#page;
    const text = conversationText({
      link,
      messages: messages.views.map(({ message }) => message),
      isHidden: ({ id }) => muted.has(id),
      strings,
    });
    const isCopied = await this.#through(text);
    this.#say(strings.say(isCopied ? "conversationCopied" : "conversationNotCopied"));
  }

  // Without the Clipboard API, the page copies a selection. So the text must be on the page, and
  // within the dialog: while the dialog is open, nothing outside it can be selected.
  async #through(text) {
    const paper = document.createElement("pre");
    paper.className = "spoken";
    paper.setAttribute("aria-hidden", "true");
    paper.textContent = text;
    this.#button.after(paper);
    try {
      return await copyFrom(paper);
    } finally {
      paper.remove();
      this.#button.focus();
    }
  }

  #say(words) {
    clearTimeout(this.#timer);
    this.#button.textContent = this.#said.textContent = words;
    this.#timer = setTimeout(() => {
      this.#button.textContent = this.#words;
      this.#said.textContent = "";
    }, SAID_MS);
  }
}
