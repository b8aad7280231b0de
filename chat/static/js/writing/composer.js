// The form in which messages are written. It is never disabled: a message that cannot be sent yet
// waits in the list. Tells "aim" when something else is to be written than before: a message, an
// answer or another text of a message.

import { breaksLine, followKeys } from "./enter-key.js";
import { cleanText, hasInk } from "./clean-text.js";
import { Source } from "../base/source.js";

const COUNTED = 200; // the last characters before the limit are counted down

export class Composer extends Source {
  #form;
  #area;
  #counter;
  #drafts;
  #strings;
  #post;
  #edit;
  #typed;
  #about = {}; // what the text is for: see drafts.js

  // `post(text, reply)` and `edit(which, text)` say whether they took the text; `typed()` is called at
  // every change.
  constructor({ form, drafts, strings, limit, post, edit, typed }) {
    super();
    this.#form = form;
    this.#area = form.querySelector("textarea");
    this.#counter = form.querySelector("output");
    this.#drafts = drafts;
    this.#strings = strings;
    this.#post = post;
    this.#edit = edit;
    this.#typed = typed;
    this.limit = limit;
    this.#area.value = drafts.read();
    this.#about = drafts.about;
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

  get isEmpty() {
    return this.#area.value === "" && !this.isEditing;
  }

  // The quote of the message that is answered, or undefined.
  get reply() {
    return this.#about.reply;
  }

  get isEditing() {
    return this.#about.edit !== undefined;
  }

  // What is written answers the message of this quote. While a message is edited, that comes first.
  answer(quote) {
    if (this.isEditing) this.cancel();
    this.#become(this.#area.value, { reply: quote });
  }

  // Write another text for a message. The draft of before comes back afterwards. `which` says whose
  // text it is: { target }, or { post } if it is not in the log yet.
  edit(which, text) {
    if (this.isEditing) this.cancel();
    const before = { text: this.#area.value, about: this.#about };
    this.#become(text, { edit: which, before });
  }

  // Answer no message, or edit none any more.
  cancel() {
    const { edit, before } = this.#about;
    if (edit) this.#become(before.text, before.about);
    else this.#become(this.#area.value, {});
  }

  // Take back a text, and put it before the text that is being written; and what it answers, if
  // nothing is answered.
  take(text, reply) {
    if (this.isEditing) this.cancel();
    if (reply && !this.reply) this.#about = { reply };
    this.#area.value = [text, this.#area.value].filter(Boolean).join("\n");
    this.#changed();
    this.tell("aim");
    this.#area.focus();
    this.#area.setSelectionRange(text.length, text.length);
  }

  // A draft of a closed tab comes a moment later, and not if something was written meanwhile.
  async #takeOver() {
    if (!this.isEmpty) return;
    const text = await this.#drafts.takeOver(() => this.isEmpty);
    if (!text) return;
    this.#area.value = text;
    this.#about = this.#drafts.about;
    this.#show();
    this.tell("aim");
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
    const { edit, before, reply } = this.#about;
    if (edit && this.#edit(edit, text)) this.#become(before.text, before.about);
    else if (!edit && this.#post(text, reply)) this.#become("", {});
  }

  #become(text, about) {
    this.#area.value = text;
    this.#about = about;
    this.#changed();
    this.tell("aim");
    this.#area.focus();
  }

  #left(text) {
    return this.limit - Array.from(text).length;
  }

  #changed() {
    this.#drafts.write(this.#area.value, this.#about);
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
