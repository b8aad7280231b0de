// Asks whether this browser shall be the person whose key its address handed over. It must ask:
// somebody else may have sent the link, to let the reader write in their name.

import { handedIn } from "./handing.js";
import { isolate } from "../../base/strings.js";

export class TakeOver {
  #dialog;
  #identity;
  #ownerKeys;
  #strings;

  constructor({ dialog, identity, ownerKeys, strings }) {
    this.#dialog = dialog;
    this.#identity = identity;
    this.#ownerKeys = ownerKeys;
    this.#strings = strings;
  }

  // `hash`: the fragment of the address.
  ask(hash) {
    const pair = handedIn(hash);
    if (!pair || pair.key === this.#identity.key) return;
    const [enter, cancel] = this.#dialog.querySelectorAll("button");
    const nick = isolate(pair.nick);
    this.#dialog.querySelector("h2").textContent = this.#strings.say("handedTitle", { nick });
    this.#dialog.querySelector("p").textContent = this.#strings.say("handedWords", { nick });
    enter.textContent = this.#strings.say("handedEnter", { nick });
    enter.onclick = () => this.#become(pair);
    cancel.onclick = () => this.#dialog.close();
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  // The page starts anew as that person. What is written here stays.
  #become(pair) {
    this.#identity.take(pair);
    if (pair.owner) this.#ownerKeys.hand(pair.owner);
    location.reload();
  }
}
