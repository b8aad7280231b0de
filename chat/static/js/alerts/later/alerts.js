// Tells a reader who looks elsewhere that a message came, by a sound or a notification, as chosen
// in the settings. If the room is open in several tabs, one of them does it (beside.js).

import { isLookedAt } from "../../base/looked-at.js";
import { calls } from "../../state/settings.js";

export class Alerts {
  #settings;
  #text;
  #beside;

  // `text` knows which messages mention the reader.
  constructor({ settings, ring, show, text, beside }) {
    this.#settings = settings;
    this.#text = text;
    this.#beside = beside;
    beside.on("ring", ({ message, sound, notify }) => {
      if (sound) void ring();
      if (notify) void show(message);
    });
  }

  async arrived(message) {
    if (isLookedAt()) return;
    const isMention = await this.#text.callsMe(message.text);
    const sound = calls(this.#settings.get("sound"), isMention);
    const notify = calls(this.#settings.get("notify"), isMention);
    if ((sound || notify) && !(await this.#beside.isRead())) {
      this.#beside.ring({ message, sound, notify });
    }
  }
}
