// The button that copies the conversation.

import { copyText } from "../../base/copy.js";
import { conversationText } from "./conversation-text.js";

const SAID_MS = 2_000;

export class ConversationCopy {
  #button;
  #said;
  #page;
  #words;
  #timer;

  // `said`: the element that a screen reader speaks, within the button's own dialog; `page`:
  // { link, messages, muted, names, strings }.
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
    const { link, messages, muted, names, strings } = this.#page;
    const text = conversationText({
      link,
      messages: messages.views.map(({ message }) => message),
      isHidden: ({ id }) => muted.has(id),
      names,
      strings,
    });
    const isCopied = await copyText(text, this.#button);
    this.#say(strings.say(isCopied ? "conversationCopied" : "conversationNotCopied"));
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
