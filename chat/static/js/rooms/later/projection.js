// The room's QR code, as large as the window: to be scanned from across a hall.

import { drawQr } from "./qr.js";

export class Projection {
  #dialog;
  #text;
  #words;
  #preview;
  #missing;
  #drawn = null;

  // `preview` is a button that shows the code itself, small. The code says `text`; people read
  // `words` under it.
  constructor({ dialog, preview, text, words, missing }) {
    this.#dialog = dialog;
    this.#text = text;
    this.#words = words;
    this.#preview = preview;
    this.#missing = missing;
    dialog.addEventListener("click", ({ target }) => target.closest(".link") || dialog.close());
  }

  async open() {
    if (!(await this.#draw())) return this.#missing();
    this.#dialog.querySelector(".link").textContent = this.#words;
    this.#dialog.showModal();
  }

  async preview() {
    if (await this.#draw()) this.#preview.hidden = false;
  }

  // Once; again only after it failed.
  async #draw() {
    const svgs = [this.#dialog, this.#preview].map((element) => element.querySelector("svg"));
    this.#drawn ??= Promise.all(svgs.map((svg) => drawQr(svg, this.#text)));
    const drawn = (await this.#drawn).every(Boolean);
    if (!drawn) this.#drawn = null;
    return drawn;
  }
}
