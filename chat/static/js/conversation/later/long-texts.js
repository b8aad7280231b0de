// Folds long messages. The style sheet shows 20 lines of each text at most. A text that has more
// gets a button that shows all of it.

const LINES = 20; // as in messages.css; a text with so few characters cannot have more lines

export class LongTexts {
  #keep;
  #strings;
  #sizes = new ResizeObserver((entries) => this.#measure(entries.map(({ target }) => target)));

  // `keep(element, change)` lets `change` alter heights while `element` keeps its place.
  constructor({ keep, strings }) {
    this.#keep = keep;
    this.#strings = strings;
    // Something in the hidden part was found or got the focus, so the browser scrolled to it.
    const found = ({ target }) => isFolded(target) && target.scrollTop > 0 && this.#show(target, true);
    document.addEventListener("scroll", found, { capture: true, passive: true });
  }

  watch(element, text) {
    if (text.length > LINES) this.#sizes.observe(element);
  }

  // Another text will be in the element.
  forget(element) {
    this.#sizes.unobserve(element);
    buttonOf(element)?.remove();
    element.classList.remove("long", "whole");
  }

  // First reads all heights and then changes what depends on them. The button lies over the text's
  // last lines, so it changes no height.
  #measure(elements) {
    const long = elements.map(({ scrollHeight, clientHeight }) => scrollHeight > clientHeight + 1);
    elements.forEach((element, index) => {
      if (!element.isConnected) return this.#sizes.unobserve(element); // it was let go
      if (element.classList.contains("whole")) return;
      if (element.classList.toggle("long", long[index])) this.#offer(element);
      else buttonOf(element)?.remove();
    });
  }

  #offer(element) {
    if (buttonOf(element)) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet more";
    button.addEventListener("click", () => this.#show(element, isFolded(element)));
    element.after(button);
    this.#name(button, false);
  }

  // What is being read keeps its place: the text's beginning when it is unfolded, and the button,
  // which is at its end, when it is folded.
  #show(element, isWhole) {
    const button = buttonOf(element);
    this.#keep(isWhole ? element.firstElementChild : button, () => {
      element.scrollTop = 0;
      element.classList.toggle("whole", isWhole);
      element.closest(".message").classList.remove("settled"); // another height: see far.js
      this.#name(button, isWhole);
    });
  }

  #name(button, isWhole) {
    button.textContent = this.#strings.say(isWhole ? "showLess" : "showAll");
    button.setAttribute("aria-expanded", isWhole);
  }
}

const isFolded = ({ classList }) => classList?.contains("long") && !classList.contains("whole");

function buttonOf({ nextElementSibling }) {
  return nextElementSibling?.classList.contains("more") ? nextElementSibling : null;
}
