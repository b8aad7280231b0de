// Says how long to wait before the next attempt. The time is random (full jitter), so that a
// thousand pages that lost the same server do not come back at the same moment.

const BASE_MS = 500;
const CAP_MS = 15_000;
const LEAST_MS = 100;

export class Backoff {
  #attempts = 0;
  #random;

  constructor(random = Math.random) {
    this.#random = random;
  }

  get attempts() {
    return this.#attempts;
  }

  next() {
    const ceiling = Math.min(CAP_MS, BASE_MS * 2 ** this.#attempts);
    this.#attempts += 1;
    return Math.max(LEAST_MS, this.#random() * ceiling);
  }

  between(least, most) {
    this.#attempts += 1;
    return least + this.#random() * (most - least);
  }

  reset() {
    this.#attempts = 0;
  }
}
