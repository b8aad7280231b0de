// The line below the last message that says who came and went. When the next message comes, its
// words move above that message and are not read aloud again.

const SETTLE_MS = 300; // people who come within this time are in one sentence

export class ComingsLine {
  #line;
  #comings;
  #messages;
  #wanted;
  #timer;

  // `wanted()`: whether the reader wants to know.
  constructor({ line, comings, room, messages, wanted }) {
    this.#line = line;
    this.#comings = comings;
    this.#messages = messages;
    this.#wanted = wanted;
    for (const name of ["joined", "left", "renamed"]) {
      room.on(name, ({ member }) => {
        comings[name](member);
        this.#later();
      });
    }
    room.on("out", () => this.clear());
    messages.on("appended", (view) => this.#moveTo(view));
  }

  clear() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#comings.clear();
    this.#line.textContent = "";
  }

  #later() {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#line.textContent = this.#wanted() ? this.#comings.words : "";
    }, SETTLE_MS);
  }

  #moveTo(view) {
    const { words } = this.#comings;
    if (words && this.#wanted()) {
      view.precede(words);
      this.#messages.refresh(view);
    }
    this.clear();
  }
}
