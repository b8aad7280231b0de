// Says in a quiet line under the header when the room ends, and offers a copy. Once it has ended, says
// so where the composer was.

import { when } from "./when.js";

const SOON_MS = 24 * 3600_000; // before the end
const LOOK_MS = 60_000; // whether it is soon

export const ending = (page) => new Ending(page);

class Ending {
  #page;
  #line = null;

  constructor(page) {
    this.#page = page;
    for (const news of ["welcome", "rules"]) page.room.on(news, () => this.open());
    setInterval(() => this.open(), LOOK_MS);
  }

  // Show the line, if the end is a day away at most.
  open() {
    const { room, strings } = this.#page;
    const ends = room.standing.rules?.ends_at;
    if (!ends || Date.parse(ends) - Date.now() > SOON_MS) {
      this.#line?.remove();
      this.#line = null;
      return;
    }
    this.#line ??= this.#make();
    const sentence = strings.say("endsSoon", { when: when(new Date(ends), this.#page) });
    const words = this.#line.querySelector("span");
    if (words.textContent !== sentence) words.textContent = sentence;
  }

  #make() {
    const { byId, owners } = this.#page;
    const line = byId("ending").content.firstElementChild.cloneNode(true);
    line.setAttribute("role", "status");
    line.querySelector("button").addEventListener("click", owners.keep);
    document.querySelector(".top").append(line);
    return line;
  }
}
