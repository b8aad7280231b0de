// Which of its three faces the page shows: "entry" (who are you), "joining" (on the way in),
// "inside"; and what it says where there are no messages.

export class Stage {
  #now;
  #entry;
  #composer;
  #greetings;
  #isEmpty;

  // `greetings`: an element per stage, shown while `isEmpty()`.
  constructor({ entry, composer, greetings, isEmpty }) {
    this.#entry = entry;
    this.#composer = composer;
    this.#greetings = greetings;
    this.#isEmpty = isEmpty;
  }

  get now() {
    return this.#now;
  }

  set(now) {
    this.#now = now;
    this.#entry.hidden = now !== "entry";
    this.#composer.hidden = now === "entry";
    this.draw();
  }

  draw() {
    for (const [stage, greeting] of Object.entries(this.#greetings)) {
      greeting.hidden = !(stage === this.#now && this.#isEmpty());
    }
  }
}
