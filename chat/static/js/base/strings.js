// The page's sentences, translated by the server, filled in here.

export class Strings {
  #sentences;
  #plural;

  constructor(sentences, language) {
    this.#sentences = sentences;
    this.#plural = new Intl.PluralRules(language);
  }

  say(name, values = {}) {
    return fill(this.#sentences[name], values);
  }

  // French has a third form, "many", for whole millions; it reads like "other".
  count(name, number, values = {}) {
    const forms = this.#sentences[name];
    const form = this.#plural.select(number) === "one" ? forms.one : forms.other;
    return fill(form, { count: number, ...values });
  }
}

function fill(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
}

// A nick inside a sentence keeps its own direction, and cannot turn the sentence around.
export function isolate(text) {
  return `\u2068${text}\u2069`;
}
