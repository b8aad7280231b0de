// The button that opens the emoji picker. The picker and its data are fetched when it is first
// pressed.

import { insert } from "./completion.js";

export class EmojiButton {
  #button;
  #panel;
  #area;
  #emoji;
  #store;
  #strings;
  #parts;
  #missing;
  #picker = null;
  #opening = false;

  constructor({ button, panel, area, emoji, store, strings, parts, missing }) {
    this.#button = button;
    this.#panel = panel;
    this.#area = area;
    this.#emoji = emoji;
    this.#store = store;
    this.#strings = strings;
    this.#parts = parts;
    this.#missing = missing;
    button.hidden = false;
    button.addEventListener("click", () => (panel.hidden ? this.#open() : this.#close()));
    panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#close();
    });
    panel.addEventListener("focusout", ({ relatedTarget: next }) => {
      if (next && !panel.contains(next) && next !== button) this.#hide();
    });
    document.addEventListener("pointerdown", ({ target }) => {
      if (panel.hidden || panel.contains(target) || button.contains(target)) return;
      this.#hide();
    });
  }

  async #open() {
    if (this.#opening) return;
    this.#opening = true;
    try {
      this.#picker ??= await this.#parts.get(() => this.#make());
    } catch {
      return this.#missing("emojiUnavailable");
    } finally {
      this.#opening = false;
    }
    this.#panel.hidden = false;
    this.#button.setAttribute("aria-expanded", "true");
    this.#picker.open();
  }

  async #make() {
    const [{ EmojiPicker }] = await Promise.all([
      import("./emoji-picker.js"),
      this.#emoji.load(),
    ]);
    return new EmojiPicker({
      panel: this.#panel,
      emoji: this.#emoji,
      store: this.#store,
      strings: this.#strings,
      picked: (emoji) => this.#picked(emoji),
      close: () => this.#close(),
    });
  }

  #picked(emoji) {
    this.#hide();
    insert(this.#area, emoji);
  }

  #close() {
    this.#hide();
    this.#area.focus();
  }

  #hide() {
    this.#panel.hidden = true;
    this.#button.setAttribute("aria-expanded", "false");
  }
}
