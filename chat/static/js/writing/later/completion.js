// Completes what is being written. It shows a list above the composer, and the composer keeps the
// focus.
//
// A source has `complete(before)`, which is given the text before the caret. It gives
// { from, isSure, options: [{ text, words, sign }] }, or null, or a promise of one of them.
//
// Enter sends what was typed. It takes an option only after the arrow keys chose it. Tab does so too,
// and if `isSure`, it takes the first option.

import { isolate, write } from "../../base/strings.js";

const TAKES = new Set(["Enter", "Tab"]);
const LEAVES = new Set(["ArrowLeft", "ArrowRight", "Home", "End"]); // they move the caret

export class Completion {
  #area;
  #list;
  #sources;
  #spoken;
  #strings;
  #options = [];
  #from = 0;
  #isSure = false;
  #chosen = -1;
  #asked = 0;

  constructor({ area, list, sources, spoken, strings }) {
    this.#area = area;
    this.#list = list;
    this.#sources = sources;
    this.#spoken = spoken;
    this.#strings = strings;
    area.setAttribute("aria-autocomplete", "list");
    area.addEventListener("input", () => this.#ask());
    area.addEventListener("blur", () => this.close());
    area.addEventListener("click", () => this.close());
    // This listener must run before the composer's, where Enter sends.
    area.addEventListener("keydown", (event) => this.#pressed(event), { capture: true });
    list.addEventListener("mousedown", (event) => event.preventDefault()); // keeps the focus
    list.addEventListener("click", ({ target }) => {
      const option = target.closest("[role=option]");
      if (option) this.#take([...this.#list.children].indexOf(option));
    });
  }

  close() {
    this.#asked += 1;
    if (this.#list.hidden) return;
    this.#options = [];
    this.#spoken.textContent = "";
    this.#list.hidden = true;
    this.#list.replaceChildren();
    for (const name of ["aria-activedescendant", "aria-controls"]) this.#area.removeAttribute(name);
  }

  async #ask() {
    const { selectionStart, selectionEnd, value } = this.#area;
    this.#asked += 1;
    const asked = this.#asked;
    this.#choose(-1); // whoever types on has not chosen
    this.#isSure = false;
    const before = value.slice(0, selectionStart);
    let found = null;
    if (selectionStart === selectionEnd && !isInCode(before)) {
      for (const source of this.#sources) found ??= source.complete(before);
      found = found instanceof Promise ? await found.catch(() => null) : found;
    }
    // Something else was typed meanwhile, or the message was sent.
    if (asked !== this.#asked || !this.#area.value.startsWith(before)) return;
    if (found?.options.length > 0) this.#open(found);
    else this.close();
  }

  #open({ from, isSure, options }) {
    this.#from = from;
    this.#isSure = isSure;
    this.#options = options;
    this.#list.replaceChildren(...options.map((option, i) => this.#make(option, i)));
    this.#list.hidden = false;
    this.#area.setAttribute("aria-controls", this.#list.id);
    if (isSure) this.#list.firstElementChild.append(makeKey());
    const values = { first: isolate(options[0].words) };
    const name = isSure ? "suggestionsSure" : "suggestions";
    const sentence = this.#strings.count(name, options.length, values);
    if (this.#spoken.textContent !== sentence) write(this.#spoken, sentence);
  }

  #make({ sign, words }, index) {
    const option = document.createElement("li");
    option.id = `${this.#list.id}-${index}`;
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", "false");
    const [mark, name] = [document.createElement("span"), document.createElement("bdi")];
    mark.className = "sign";
    mark.setAttribute("aria-hidden", "true");
    mark.textContent = sign;
    name.textContent = words;
    option.append(mark, name);
    return option;
  }

  #choose(index) {
    this.#chosen = index;
    [...this.#list.children].forEach((option, i) => option.setAttribute("aria-selected", i === index));
    const option = this.#list.children[index];
    if (!option) return this.#area.removeAttribute("aria-activedescendant");
    this.#area.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  }

  #pressed(event) {
    if (this.#list.hidden || event.isComposing || event.keyCode === 229) return;
    const count = this.#options.length;
    if (event.key === "ArrowDown") this.#choose((this.#chosen + 1) % count);
    else if (event.key === "ArrowUp") this.#choose(this.#chosen <= 0 ? count - 1 : this.#chosen - 1);
    else if (event.key === "Escape") this.close();
    else if (this.#chosen >= 0 && !event.shiftKey && TAKES.has(event.key)) this.#take(this.#chosen);
    else if (this.#isSure && !event.shiftKey && event.key === "Tab") this.#take(0);
    else {
      if (event.key === "Enter" || LEAVES.has(event.key)) this.close(); // Enter: the composer sends
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  #take(index) {
    const { text } = this.#options[index];
    const from = this.#from;
    const to = this.#area.selectionStart;
    this.close();
    insert(this.#area, text, from, to);
    this.close(); // the inserted text must not be completed again
  }
}

// Replaces the text between `from` and `to`, so that the reader can undo it.
export function insert(area, text, from = area.selectionStart, to = area.selectionEnd) {
  area.focus();
  area.setSelectionRange(from, to);
  if (document.execCommand("insertText", false, text)) return;
  area.setRangeText(text, from, to, "end");
  area.dispatchEvent(new InputEvent("input", { bubbles: true }));
}

// Says beside the first option which key takes it.
function makeKey() {
  const key = document.createElement("kbd");
  key.setAttribute("aria-hidden", "true"); // the spoken sentence says it
  key.textContent = "Tab";
  return key;
}

// An odd number of backticks opened code that nothing has closed yet.
function isInCode(before) {
  return (before.match(/`+/g)?.length ?? 0) % 2 === 1;
}
