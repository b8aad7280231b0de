// Says that the server has a newer page, and offers it. Nobody has to take it: the open page goes
// on working.

export class UpdateOffer {
  #box;
  #strings;

  constructor({ box, strings, reload }) {
    this.#box = box;
    this.#strings = strings;
    const [now, later] = box.querySelectorAll("button");
    now.addEventListener("click", reload);
    later.addEventListener("click", () => this.withdraw());
  }

  make() {
    this.#show("updateReady");
  }

  // The page asked for one of its parts, and the server no longer has that part.
  insist() {
    this.#show("partGone");
  }

  withdraw() {
    this.#box.hidden = true;
    this.#box.querySelector("p").textContent = "";
  }

  #show(sentence) {
    this.#box.hidden = false;
    this.#box.querySelector("p").textContent = this.#strings.say(sentence);
  }
}
