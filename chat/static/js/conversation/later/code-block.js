// A block of code in a message. It scrolls sideways by itself, has a button that copies it, and can
// be coloured.

import { copyText } from "../../base/copy.js";

const SAID_MS = 2_000;

export class CodeBlock {
  #code;
  #button;
  #spoken;
  #strings;

  constructor(pre, { spoken, strings }) {
    const template = document.getElementById("code-block");
    const box = template.content.firstElementChild.cloneNode(true);
    const code = pre.querySelector("code");
    this.#code = code;
    this.#button = box.querySelector("button");
    this.#spoken = spoken;
    this.#strings = strings;
    this.language = /^language-(\S+)$/.exec(code.className)?.[1] ?? null;
    code.removeAttribute("class");
    const inner = box.querySelector("pre");
    inner.append(code);
    this.#button.dataset.unwritten = "";
    box.replaceChildren(inner, this.#button); // without the template's white space
    pre.replaceWith(box);
    this.#button.addEventListener("click", () => this.#copy());
  }

  get text() {
    return this.#code.textContent;
  }

  // Show the colours, unless they would change the code.
  colour(fragment) {
    if (fragment.textContent === this.text) this.#code.replaceChildren(fragment);
  }

  async #copy() {
    if (!(await copyText(this.text, this.#button))) return;
    if (this.#button.classList.contains("copied")) return;
    const copied = this.#strings.say("codeCopied");
    const label = this.#button.querySelector("span");
    const words = label.textContent;
    label.textContent = copied;
    this.#button.classList.add("copied");
    this.#spoken.textContent = copied;
    setTimeout(() => {
      label.textContent = words;
      this.#button.classList.remove("copied");
      this.#spoken.textContent = "";
    }, SAID_MS);
  }
}
