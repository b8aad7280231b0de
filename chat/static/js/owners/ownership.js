// Knows what the reader may do in the room, and what holds in it. Tells "change", and "wrong" ("token"
// or "key") when what should prove an owner proves nothing.

import { Source } from "../base/source.js";

const OPEN = { write: "all", pace_s: 0, locked: false, ends_at: null };

export class Ownership extends Source {
  isOwner = false;
  isOperator = false;
  isMade = false; // on purpose: it has an owner
  title = ""; // of a private room
  rules = OPEN;

  // `rejoin()` joins anew, with the proof that is left.
  constructor({ room, keys, rejoin }) {
    super();
    room.on("welcome", (welcome) => {
      const { wrong, again } = keys.judge(welcome);
      this.isOwner = welcome.owner === true;
      this.isOperator = welcome.operator === true;
      this.isMade = welcome.made === true;
      this.title = welcome.title ?? "";
      this.rules = { ...OPEN, ...welcome.rules };
      this.tell("change");
      if (wrong) this.tell("wrong", wrong);
      if (again) rejoin();
    });
    room.on("rules", ({ rules }, { fresh }) => {
      if (!fresh) return;
      this.rules = { ...OPEN, ...rules };
      this.tell("change");
    });
  }
}
