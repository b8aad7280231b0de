// Keeps what is being written here, so that it survives a closed tab and a closed browser. Each tab
// has its own draft in each room. A tab without one takes over the newest that a closed tab left.
//
// All are in one list of localStorage, the newest first: { room, tab, text, about, at, left }. It is
// read again before each change, because all tabs write it. `about` says what the text is for, if it
// is no new message: { reply } for an answer (the quote of the message that it answers), or
// { edit, before } for another text of a message, with the draft that it interrupted.

import { lockOf } from "../base/this-tab.js";

const NAME = "drafts";
const MOST = 20;
const MOST_CHARACTERS = 500_000; // of all together; browsers keep some 5 million for a site
const OLDEST_MS = 30 * 24 * 3_600_000;

const isText = (value) => typeof value === "string";
const isQuote = (value) => Number.isInteger(value?.seq) && isText(value.member?.nick) && isText(value.text);
const isAbout = (value) =>
  value === undefined ||
  (value !== null &&
    (value.reply === undefined || isQuote(value.reply)) &&
    (value.edit === undefined || (isText(value.before?.text) && isAbout(value.before.about))));

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

  get about() {
    return this.#mine(this.#all)?.about ?? {};
  }

  // Neither text nor what it is about: the draft was sent or deleted.
  write(text, about = {}) {
    const others = this.#all.filter((each) => !this.#isMine(each));
    this.#keep(others, { text, ...(Object.keys(about).length > 0 && { about }) });
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
    const { text, about } = found;
    this.#keep(all.filter((each) => each !== found), { text, ...(about && { about }) });
    return found.text;
  }

  get #all() {
    const since = Date.now() - OLDEST_MS;
    return (this.#store.read(NAME, Array.isArray) ?? []).filter(
      (each) =>
        isText(each?.room) && isText(each.tab) && isText(each.text) && isAbout(each.about) && each.at > since,
    );
  }

  #isMine({ room, tab }) {
    return room === this.#room && tab === this.#tab;
  }

  #mine(all) {
    return all.find((each) => this.#isMine(each));
  }

  #keep(others, draft) {
    const mine = { room: this.#room, tab: this.#tab, ...draft, at: Date.now() };
    let free = MOST_CHARACTERS;
    const fits = (each) => (free -= each.text.length + (each.about?.before?.text.length ?? 0)) >= 0;
    const isKept = draft.text || draft.about;
    this.#store.write(NAME, (isKept ? [mine, ...others] : others).filter(fits).slice(0, MOST));
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
