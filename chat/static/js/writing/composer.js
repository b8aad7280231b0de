// The form in which messages are written. It is never disabled: a message that cannot be sent yet
// waits in the list.

import { breaksLine, followKeys } from "./enter-key.js";
import { cleanText, hasInk } from "./clean-text.js";

const COUNTED = 200; // the last characters before the limit are counted down

export class Composer {
  #form;
  #area;
  #counter;
  #drafts;
  #strings;
  #post;
  #typed;

  // `post(text)` says whether it took the text; `typed()` is called at every change.
  constructor({ form, drafts, strings, limit, post, typed }) {
    this.#form = form;
    this.#area = form.querySelector("textarea");
    this.#counter = form.querySelector("output");
    this.#drafts = drafts;
    this.#strings = strings;
    this.#post = post;
    this.#typed = typed;
    this.limit = limit;
    this.#area.value = drafts.read();
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#area.addEventListener("keydown", (event) => this.#pressed(event));
    this.#area.addEventListener("input", () => {
      this.#changed();
      this.#typed();
    });
    followKeys(this.#area);
    this.#show();
    this.#takeOver();
  }

  focus() {
    this.#area.focus();
  }

  // Take back a text, and put it before the text that is being written.
  take(text) {
    this.#area.value = [text, this.#area.value].filter(Boolean).join("\n");
    this.#changed();
    this.#area.focus();
    this.#area.setSelectionRange(text.length, text.length);
  }

  // A draft of a closed tab comes a moment later, and not if something was written meanwhile.
  async #takeOver() {
    if (this.#area.value !== "") return;
    const text = await this.#drafts.takeOver(() => this.#area.value === "");
    if (!text) return;
    this.#area.value = text;
    this.#show();
  }

  // Enter also ends a composition (Japanese, Chinese, dead keys). Then it sends nothing. In
  // Safari, only the key code tells this.
  #pressed(event) {
    const composing = event.isComposing || event.keyCode === 229;
    if (event.key !== "Enter" || event.shiftKey || composing || breaksLine(event)) return;
    event.preventDefault();
    if (!event.repeat) this.#send();
  }

  #send() {
    const text = cleanText(this.#area.value);
    if (!hasInk(text) || this.#left(text) < 0) return;
    if (!this.#post(text)) return;
    this.#area.value = "";
    this.#changed();
    this.#area.focus();
  }

  #left(text) {
    return this.limit - Array.from(text).length;
  }

  #changed() {
    this.#drafts.write(this.#area.value);
    this.#show();
  }

  #show() {
    const left = this.#left(cleanText(this.#area.value));
    const shown = left <= COUNTED;
    this.#counter.textContent = !shown
      ? ""
      : left < 0
        ? this.#strings.count("charactersOver", -left)
        : this.#strings.count("charactersLeft", left);
    this.#form.classList.toggle("over", left < 0);
    this.#area.setAttribute("aria-invalid", left < 0);
    // For browsers without field-sizing. WebKit does not always draw attr() anew.
    this.#area.parentElement.style.setProperty("--text", cssString(this.#area.value));
  }
}

function cssString(text) {
  const escaped = text.replace(/["\\\n\r\f]/g, (sign) => `\\${sign.charCodeAt(0).toString(16)} `);
  return `"${escaped}"`;
}
