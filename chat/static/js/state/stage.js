// Shows one of the page's stages: "entry" (asks for a nick), "joining", "inside", "outside" (may not
// come in) or "ended". Also shows the stage's greeting while there are no messages.

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
    this.#composer.hidden = now !== "joining" && now !== "inside";
    this.draw();
  }

  draw() {
    for (const [stage, greeting] of Object.entries(this.#greetings)) {
      greeting.hidden = !(stage === this.#now && this.#isEmpty());
    }
  }
}
