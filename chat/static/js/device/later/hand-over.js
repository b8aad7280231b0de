// Lets another device become the reader: shows the reader's nick and key as a QR code, after a press,
// so that nobody reads it over a shoulder.

import { copyText } from "../../base/copy.js";
import { handingOver } from "./handing.js";

const SAID_MS = 2_000;

export class HandOver {
  #button;
  #dialog;
  #link;
  #identity;
  #ownerKeys;
  #strings;
  #parts;
  #missing;

  // `link`: the room's address.
  constructor({ button, dialog, link, identity, ownerKeys, strings, parts, missing }) {
    this.#button = button;
    this.#dialog = dialog;
    this.#link = link;
    this.#identity = identity;
    this.#ownerKeys = ownerKeys;
    this.#strings = strings;
    this.#parts = parts;
    this.#missing = missing;
    button.addEventListener("click", () => dialog.showModal());
    this.#part("show").addEventListener("click", () => this.#show());
    this.#part("copy").addEventListener("click", () => this.#copy());
    dialog.addEventListener("close", () => this.#hide());
    dialog.addEventListener("click", ({ target }) => {
      if (target === dialog || target.closest("[data-close]")) dialog.close();
    });
    this.#hide();
  }

  // Before the reader has entered, there is nobody to hand over.
  offer() {
    this.#button.hidden = !this.#identity.key;
  }

  #part(name) {
    return this.#dialog.querySelector(`[data-part=${name}]`);
  }

  get #secret() {
    const { key, nick } = this.#identity;
    return handingOver(this.#link, { key, nick, owner: this.#ownerKeys.kept });
  }

  async #show() {
    let drawQr;
    try {
      ({ drawQr } = await this.#parts.get(() => import("../../rooms/later/projection.js")));
    } catch {
      this.#dialog.close();
      this.#missing("unavailable");
      return;
    }
    if (!this.#dialog.open) return;
    drawQr(this.#dialog.querySelector("svg"), this.#secret);
    this.#part("show").hidden = true;
    this.#part("code").hidden = false;
    this.#part("copy").focus();
  }

  #hide() {
    this.#dialog.querySelector("svg").replaceChildren();
    this.#part("show").hidden = false;
    this.#part("code").hidden = true;
  }

  async #copy() {
    const [button, said] = [this.#part("copy"), this.#part("said")];
    const isCopied = await copyText(this.#secret, button);
    said.textContent = this.#strings.say(isCopied ? "linkCopied" : "conversationNotCopied");
    setTimeout(() => (said.textContent = ""), SAID_MS);
  }
}
