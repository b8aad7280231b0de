// The button that takes back all of one's own messages in the room.

import { makeId } from "../../base/ids.js";
import { AskOnce } from "./ask-once.js";
import { whyNot } from "./refusals.js";

export function offerErase({ byId, room, strings, ...page }) {
  const say = (words) => (byId("erase-hint").textContent = words);
  const erasing = new Erasing(room);
  const button = new AskOnce(byId("erase"), {
    question: strings.say("eraseSure"),
    warning: strings.say("eraseWarning"),
    warn: say,
    async act() {
      try {
        const count = await erasing.all();
        say(count > 0 ? strings.count("erased", count) : strings.say("erasedNone"));
      } catch (error) {
        if (error instanceof Error) throw error;
        say(whyNot(error, { strings, ...page }));
      }
    },
  });
  byId("settings").addEventListener("close", () => button.calm());
}

// Each message is told as removed, the first one under the id of the command, and then that it is
// done. That alone is the end.
class Erasing {
  #room;
  #id = null;
  #count = 0;
  #ended = () => {};

  constructor(room) {
    this.#room = room;
    room.on("removed", ({ id, target }) => {
      if (target && this.#id !== null && (id === this.#id || id.startsWith(`${this.#id}.`))) this.#count += 1;
    });
    room.on("done", ({ id }) => id === this.#id && this.#ended());
    room.on("out", () => this.#ended());
  }

  // Gives how many messages are gone. Fails like room.ask().
  async all() {
    this.#id = makeId();
    this.#count = 0;
    const ended = new Promise((done) => (this.#ended = done));
    await this.#room.ask({ type: "erase", id: this.#id });
    await ended;
    return this.#count;
  }
}
