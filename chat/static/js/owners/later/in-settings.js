// The part of the settings that is about this room: taking back all of one's messages, and the way to
// what the operator does.

import { offerErase } from "./erase.js";

export const inSettings = (page) => new InSettings(page);

class InSettings {
  #page;

  constructor(page) {
    this.#page = page;
    offerErase(page);
    page.byId("operator-button").addEventListener("click", () => {
      page.byId("settings").close();
      void page.owners.operate();
    });
  }

  // Before the reader has entered, there is nothing to take back.
  open() {
    const { byId, room } = this.#page;
    byId("mine").hidden = byId("operator-button").hidden = room.member === null;
  }
}
