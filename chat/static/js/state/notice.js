// Shows one sentence over the conversation until the reader closes it.

export class Notice {
  #box;
  #words;

  constructor(box) {
    this.#box = box;
    this.#words = box.querySelector("p");
    box.querySelector("button").addEventListener("click", () => this.hide());
  }

  show(sentence) {
    this.#box.hidden = false;
    this.#words.textContent = sentence;
  }

  hide() {
    this.#box.hidden = true;
    this.#words.textContent = "";
  }
}
