// Shows the room's QR code as large as the window, so that it can be scanned from across a hall.

import { drawQr } from "./qr.js";

export { drawQr };

export class Projection {
  #dialog;
  #text;
  #words;
  #preview;
  #isDrawn = false;

  // `preview` is a button with a small copy of the code on it. The code contains `text`; people
  // read `words` under it.
  constructor({ dialog, preview, text, words }) {
    this.#dialog = dialog;
    this.#text = text;
    this.#words = words;
    this.#preview = preview;
    dialog.addEventListener("click", ({ target }) => target.closest(".link") || dialog.close());
  }

  open() {
    this.#draw();
    this.#dialog.querySelector(".link").textContent = this.#words;
    this.#dialog.showModal();
  }

  preview() {
    this.#draw();
    this.#preview.hidden = false;
  }

  #draw() {
    if (this.#isDrawn) return;
    this.#isDrawn = true;
    for (const each of [this.#dialog, this.#preview]) drawQr(each.querySelector("svg"), this.#text);
  }
}
