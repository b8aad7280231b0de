// Tells a reader who looks elsewhere that a message came, by a sound or a notification, as chosen
// in the settings.

import { callsMe } from "../conversation/mentions.js";
import { calls } from "../state/settings.js";

export class Alerts {
  #settings;
  #chime;
  #desktop;
  #nicks;

  constructor({ settings, chime, desktop, nicks }) {
    this.#settings = settings;
    this.#chime = chime;
    this.#desktop = desktop;
    this.#nicks = nicks;
    addEventListener("focus", () => desktop.clear());
  }

  arrived(message) {
    if (!document.hidden && document.hasFocus()) return;
    const isMention = callsMe(message.text, this.#nicks);
    if (calls(this.#settings.get("sound"), isMention)) this.#chime.ring();
    if (calls(this.#settings.get("notify"), isMention)) this.#desktop.show(message);
  }
}
