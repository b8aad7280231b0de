// Keeps what is being written here, so that it survives a closed tab and a closed browser. Each tab
// has its own draft in each room. A tab without one takes over the newest that a closed tab left.
//
// All are in one list of localStorage, the newest first: { room, tab, text, at, left }. It is read
// again before each change, because all tabs write it.

import { lockOf } from "../base/this-tab.js";

const NAME = "drafts";
const MOST = 20;
const MOST_CHARACTERS = 500_000; // of all together; browsers keep some 5 million for a site
const OLDEST_MS = 30 * 24 * 3_600_000;

const isText = (value) => typeof value === "string";

export class Drafts {
  #store;
  #room;
  #tab;

  // `store` is that of all tabs, `own` that of this tab, whose id is `tab`.
  constructor({ store, own, tab, room }) {
    this.#store = store;
    this.#room = room;
    this.#tab = tab;
    const before = own.read(`draft:${room}`, isText); // where an older page kept it
    if (before) this.write(before);
    own.remove(`draft:${room}`);
    addEventListener("pagehide", () => this.#mark(true));
    addEventListener("pageshow", () => this.#mark(false));
  }

  read() {
    return this.#mine(this.#all)?.text ?? "";
  }

  // No text: the draft was sent or deleted.
  write(text) {
    this.#keep(this.#all.filter((each) => !this.#isMine(each)), text);
  }

  // Gives the newest draft that a closed tab left in this room, as this tab's own, if `isFree()`
  // still holds then. Locks tell which tabs are open, also after a crash. Where there are no locks,
  // closing tabs have said so.
  async takeOver(isFree) {
    const open = await openTabs();
    const all = this.#all;
    const isLeft = ({ tab, left }) => (open ? !open.has(lockOf(tab)) : left);
    const found = all.find((each) => each.room === this.#room && !this.#isMine(each) && isLeft(each));
    if (!found || !isFree()) return "";
    this.#keep(all.filter((each) => each !== found), found.text);
    return found.text;
  }

  get #all() {
    const since = Date.now() - OLDEST_MS;
    return (this.#store.read(NAME, Array.isArray) ?? []).filter(
      (each) => isText(each?.room) && isText(each.tab) && isText(each.text) && each.at > since,
    );
  }

  #isMine({ room, tab }) {
    return room === this.#room && tab === this.#tab;
  }

  #mine(all) {
    return all.find((each) => this.#isMine(each));
  }

  #keep(others, text) {
    const mine = { room: this.#room, tab: this.#tab, text, at: Date.now() };
    let free = MOST_CHARACTERS;
    const fits = (each) => (free -= each.text.length) >= 0;
    this.#store.write(NAME, (text ? [mine, ...others] : others).filter(fits).slice(0, MOST));
  }

  #mark(left) {
    const all = this.#all;
    const mine = this.#mine(all);
    if (!mine) return;
    mine.left = left;
    this.#store.write(NAME, all);
  }
}

// Gives the locks of the tabs that are open, or null.
async function openTabs() {
  try {
    const { held, pending } = await navigator.locks.query();
    return new Set([...held, ...pending].map(({ name }) => name));
  } catch {
    return null;
  }
}
