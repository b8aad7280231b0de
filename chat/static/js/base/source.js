// An object that several features can listen to. It calls its listeners in the order in which they
// were added, so that main.js alone decides which one hears first.

export class Source {
  #listeners = new Map();

  on(name, listener) {
    const listeners = this.#listeners.get(name) ?? [];
    listeners.push(listener);
    this.#listeners.set(name, listeners);
  }

  tell(name, ...values) {
    for (const listener of this.#listeners.get(name) ?? []) listener(...values);
  }
}
