// All boxes of made rooms in one script: what they share would else be loaded with the first view.

import { keeping } from "../../rooms/later/keeping.js";
import { makeRoom } from "../../rooms/later/make-room.js";
import { ended } from "./ended.js";
import { ending } from "./ending.js";
import { inSettings } from "./in-settings.js";
import { judge } from "./judging.js";
import { operatorBox } from "./operator-box.js";
import { panel } from "./panel.js";
import { personBox } from "./person-box.js";
import { reportBox } from "./report-box.js";

const ALL = {
  make: makeRoom,
  keep: keeping,
  manage: panel,
  operate: operatorBox,
  moderate: personBox,
  report: reportBox,
  settings: inSettings,
  ending,
  ended,
};

export const boxesOf = (page) => new Boxes(page);

class Boxes {
  #page;
  #made = new Map();

  constructor(page) {
    this.#page = page;
  }

  // Gives a box, which is made when it is first asked for.
  get(name) {
    if (!this.#made.has(name)) this.#made.set(name, ALL[name](this.#page));
    return this.#made.get(name);
  }

  // The server has let the page in. Do what follows from what was `sent` to prove an owner.
  judge(sent, standing) {
    const { byId, ownerKeys, connection, notice, strings } = this.#page;
    const { wrong, again } = judge(ownerKeys, sent, standing);
    const isSaid = wrong === "token" && byId("operator-box").open; // where it was typed
    if (wrong && !isSaid) notice.show(strings.say(wrong === "token" ? "tokenWrong" : "ownerKeyWrong"));
    if (again) connection.redial();
  }
}
