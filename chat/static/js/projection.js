// The room's QR code, as large as the window: to be scanned from across a hall.

import { drawQr } from "./qr.js";

export class Projection {
  #dialog;
  #text;
  #preview;
  #drawn = null;

  // `buttons` open it; `preview` is the one that shows the code itself, small.
  // The code says `text`; people read `words` under it.
  constructor({ dialog, buttons, preview, text, words, missing }) {
    this.#dialog = dialog;
    this.#text = text;
    this.#preview = preview;
    for (const button of [...buttons, preview]) {
      button.addEventListener("click", async () => {
        if (!(await this.#draw())) return missing();
        dialog.querySelector(".link").textContent = words;
        dialog.showModal();
      });
    }
    dialog.addEventListener("click", ({ target }) => target.closest(".link") || dialog.close());
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
