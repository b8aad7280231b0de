// Gives the page's sentences. The server has translated them; the values are filled in here.

export class Strings {
  #sentences;
  #plural;

  constructor(sentences, language) {
    this.#sentences = sentences;
    this.#plural = new Intl.PluralRules(language);
  }

  // The sentences that came later (later-page.js).
  add(sentences) {
    Object.assign(this.#sentences, sentences);
  }

  say(name, values = {}) {
    return fill(this.#sentences[name], values);
  }

  // French has a third form, "many", for whole millions. Its words are those of "other".
  count(name, number, values = {}) {
    const forms = this.#sentences[name];
    const form = this.#plural.select(number) === "one" ? forms.one : forms.other;
    return fill(form, { count: number, ...values });
  }
}

function fill(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
}

// Fill an element with a sentence. The browser does not translate what is isolated in it.
export function write(element, sentence) {
  const parts = sentence.split(/(\u2068[^\u2069]*\u2069)/);
  element.replaceChildren(...parts.map((part) => (part.startsWith("\u2068") ? keep(part) : part)));
}

function keep(words) {
  const element = document.createElement("span");
  element.translate = false;
  element.textContent = words;
  return element;
}

// Gives a nick for use inside a sentence. It keeps its own writing direction and cannot change the
// direction of the sentence.
export function isolate(text) {
  return `\u2068${text}\u2069`;
}
