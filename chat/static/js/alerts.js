// A message came while somebody looks elsewhere: a sound, a notification, as they chose.

import { mentions } from "./mentions.js";
import { calls } from "./settings.js";

export class Alerts {
  #settings;
  #chime;
  #desktop;
  #nick;

  // `nick()`: what this member is called at the moment.
  constructor({ settings, chime, desktop, nick }) {
    this.#settings = settings;
    this.#chime = chime;
    this.#desktop = desktop;
    this.#nick = nick;
    addEventListener("focus", () => desktop.clear());
  }

  arrived(message) {
    if (!document.hidden && document.hasFocus()) return;
    const isMention = mentions(message.text, this.#nick());
    if (calls(this.#settings.get("sound"), isMention)) this.#chime.ring();
    if (calls(this.#settings.get("notify"), isMention)) this.#desktop.show(message);
  }
}
