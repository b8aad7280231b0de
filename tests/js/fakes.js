// Stand-ins for parts of a browser that Node does not have.

import { setMaxListeners } from "node:events";

const page = new EventTarget();
setMaxListeners(0, page);
globalThis.navigator ??= {}; // without locks, as on http
globalThis.addEventListener = page.addEventListener.bind(page);

// Let the browser tell all pages something. In these tests they are one: each has its own Area.
export function happen(type, values) {
  page.dispatchEvent(Object.assign(new Event(type), values));
}

// A tab's view of a storage. Views with the same entries are those of several tabs, and a tab
// hears what another one writes.
export class Area {
  #entries;
  #views;

  constructor(beside) {
    this.#entries = beside ? beside.#entries : new Map();
    this.#views = beside ? beside.#views : new Set();
    this.#views.add(this);
  }

  get length() {
    return this.#entries.size;
  }

  key = (index) => [...this.#entries.keys()][index] ?? null;
  getItem = (name) => this.#entries.get(name) ?? null;

  setItem(name, value) {
    const before = this.#entries.get(name);
    this.#entries.set(name, value);
    if (before !== value) this.#tell(name);
  }

  removeItem(name) {
    if (this.#entries.delete(name)) this.#tell(name);
  }

  clear() {
    this.#entries.clear();
    this.#tell(null);
  }

  #tell(key) {
    const others = [...this.#views].filter((view) => view !== this);
    for (const storageArea of others) happen("storage", { storageArea, key });
  }
}

// Node's own channels would keep the tests' process alive.
globalThis.BroadcastChannel = class {
  static #all = new Set();
  #name;

  constructor(name) {
    this.#name = name;
    BroadcastChannel.#all.add(this);
  }

  postMessage(data) {
    for (const each of BroadcastChannel.#all) {
      if (each !== this && each.#name === this.#name) queueMicrotask(() => each.onmessage?.({ data }));
    }
  }

  close() {
    BroadcastChannel.#all.delete(this);
  }
};

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

// As much of a document as makes and reads elements.
export class FakeDocument {
  createElement = (name) => new FakeNode(1, name);
  createTextNode = (data) => Object.assign(new FakeNode(3), { data });
  createDocumentFragment = () => new FakeNode(11);
}

class FakeNode {
  childNodes = [];
  parentElement = null;

  constructor(nodeType, localName) {
    this.nodeType = nodeType;
    if (nodeType === 1) Object.assign(this, { localName, className: "", hidden: false, dataset: {} });
  }

  append(...nodes) {
    for (const each of nodes) {
      const node = typeof each === "string" ? Object.assign(new FakeNode(3), { data: each }) : each;
      const added = node.nodeType === 11 ? node.childNodes.splice(0) : [node];
      for (const one of added) one.parentElement = this.nodeType === 1 ? this : null;
      this.childNodes.push(...added);
    }
  }

  setAttribute(name, value) {
    this[name] = value;
  }

  get textContent() {
    return this.nodeType === 3 ? this.data : this.childNodes.map((each) => each.textContent).join("");
  }

  set textContent(text) {
    this.childNodes = [];
    this.append(text);
  }
}
