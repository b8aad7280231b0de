// Shows the two links of a room that was just made: for everybody, and the owners'.

import { copyText } from "../../base/copy.js";
import { SecretLink } from "../../owners/later/secret-link.js";
import { roomPath } from "../room-name.js";

const SAID_MS = 2_000;

export class Made {
  #dialog;
  #page;
  #link = "";
  #owner = "";
  #secret;

  constructor(page) {
    this.#page = page;
    this.#dialog = page.byId("made");
    this.#secret = new SecretLink({
      ...page,
      box: this.#part("secret"),
      link: () => this.#link,
      secret: () => this.#owner,
    });
    this.#part("copy").addEventListener("click", () => this.#copy());
    this.#part("show").addEventListener("click", () => this.#show());
    this.#dialog.addEventListener("close", () => this.#secret.hide());
    this.#dialog.addEventListener("click", ({ target }) => {
      if (target.closest("[data-close]")) this.#dialog.close(); // not beside: the links are wanted
    });
  }

  open({ room, owner }) {
    const path = roomPath(room, this.#page.root);
    this.#link = location.origin + path;
    this.#owner = owner;
    this.#part("words").textContent = decodeURI(this.#link);
    this.#part("enter").href = path;
    this.#part("code").hidden = true;
    this.#part("show").hidden = false;
    this.#secret.hide();
    this.#dialog.showModal();
    this.#part("copy").focus();
  }

  // The first of that name: the others are of the secret.
  #part(name) {
    return this.#dialog.querySelector(`[data-part=${name}]`);
  }

  async #copy() {
    const isCopied = await copyText(this.#link, this.#part("copy"));
    const said = this.#part("copied");
    said.textContent = this.#page.strings.say(isCopied ? "linkCopied" : "conversationNotCopied");
    setTimeout(() => (said.textContent = ""), SAID_MS);
  }

  async #show() {
    let drawQr;
    try {
      ({ drawQr } = await this.#page.parts.get(() => import("./projection.js")));
    } catch {
      this.#part("copied").textContent = this.#page.strings.say("qrMissing");
      return;
    }
    drawQr(this.#part("code").querySelector("svg"), this.#link);
    this.#part("show").hidden = true;
    this.#part("code").hidden = false;
  }
}
