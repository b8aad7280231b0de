// An owners' link that is copied, or shown as a QR code after a press.

import { copyText } from "../../base/copy.js";

const SAID_MS = 2_000;

export class SecretLink {
  #box;
  #page;

  // `secret()`: the owner key, or null; `link`: the room's address.
  constructor({ box, ...page }) {
    this.#box = box;
    this.#page = page;
    this.#part("copy").addEventListener("click", () => this.#copy());
    this.#part("show").addEventListener("click", () => this.#show());
    this.hide();
  }

  hide() {
    this.#box.querySelector("svg").replaceChildren();
    this.#part("code").hidden = true;
    this.#part("show").hidden = false;
    this.#part("copied").textContent = "";
  }

  #part(name) {
    return this.#box.querySelector(`[data-part=${name}]`);
  }

  get #secret() {
    const { link, secret } = this.#page;
    return `${typeof link === "function" ? link() : link}#owner=${secret()}`;
  }

  async #copy() {
    const { strings } = this.#page;
    const isCopied = await copyText(this.#secret, this.#part("copy"));
    this.#part("copied").textContent = strings.say(isCopied ? "linkCopied" : "conversationNotCopied");
    setTimeout(() => (this.#part("copied").textContent = ""), SAID_MS);
  }

  async #show() {
    let drawQr;
    try {
      ({ drawQr } = await this.#page.parts.get(() => import("../../rooms/later/projection.js")));
    } catch {
      this.#part("copied").textContent = this.#page.strings.say("qrMissing");
      return;
    }
    drawQr(this.#box.querySelector("svg"), this.#secret);
    this.#part("show").hidden = true;
    this.#part("code").hidden = false;
  }
}
