// An object that several features can listen to. It calls its listeners in the order in which they
// were added, so that main.js alone decides which one hears first.

export class Source {
  #listeners = new Map();

  on(name, listener) {
    const listeners = this.#listeners.get(name) ?? [];
    listeners.push(listener);
    this.#listeners.set(name, listeners);
  }

  // A listener that throws keeps nothing from the others.
  tell(name, ...values) {
    for (const listener of this.#listeners.get(name) ?? []) apart(() => listener(...values));
  }
}

// Runs `call`. If it throws, the error is reported like one that nobody catches, and the caller goes
// on. Says whether `call` came to its end.
export function apart(call) {
  try {
    call();
    return true;
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
    return false;
  }
}
