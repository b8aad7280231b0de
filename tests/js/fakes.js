// Stand-ins for parts of a browser that Node does not have.

export class Area {
  #entries = new Map();
  getItem = (name) => this.#entries.get(name) ?? null;
  setItem = (name, value) => void this.#entries.set(name, value);
  removeItem = (name) => void this.#entries.delete(name);
}

export const FULL = {
  getItem: () => null,
  setItem() {
    throw new DOMException("full", "QuotaExceededError");
  },
  removeItem() {},
};

export class FakeWebSocket {
  static all = [];
  sent = [];
  readyState = 0;

  constructor(url) {
    this.url = url;
    FakeWebSocket.all.push(this);
  }

  static get last() {
    return FakeWebSocket.all.at(-1);
  }

  open() {
    this.readyState = 1;
    this.onopen?.();
  }

  send(json) {
    this.sent.push(JSON.parse(json));
  }

  say(event) {
    this.onmessage?.({ data: JSON.stringify(event) });
  }

  end(code) {
    this.readyState = 3;
    this.onclose?.({ code });
  }

  close() {
    this.readyState = 3;
  }
}
