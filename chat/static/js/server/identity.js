// Knows who this tab is: its nick, the key that proves it, and the nick to offer next time.
//
// One key per nick is kept for all tabs. So each tab may choose its own nick, and a tab that
// chooses a nick again gets it back. The tab's own nick and key are also kept for the tab alone, so
// that a reload enters the room at once.

import { makeKey } from "../base/ids.js";

const KEY = /^[A-Za-z0-9_-]{22,128}$/;

export const isKey = (value) => typeof value === "string" && KEY.test(value);
const isNick = (value) => typeof value === "string" && value !== "";
const isPair = (value) => isNick(value?.nick) && isKey(value.key);
const MOST = 200; // nicks whose keys are kept: those used last

// The server ignores case when it compares nicks, so the names of the keys ignore it too.
const keyName = (nick) => `key:${fold(nick)}`;

function fold(nick) {
  return nick.normalize("NFKC").trim().replace(/\s+/g, " ").toLowerCase();
}

export class Identity {
  #everywhere;
  #tab;
  #pair;

  constructor(everywhere, tab) {
    this.#everywhere = everywhere;
    this.#tab = tab;
    this.#pair = tab.read("me", isPair) ?? null;
  }

  get nick() {
    return this.#pair?.nick ?? null;
  }

  get key() {
    return this.#pair?.key ?? null;
  }

  get lastNick() {
    return this.nick ?? this.#everywhere.read("nick", isNick) ?? "";
  }

  // Be `nick` from the next join on. The same nick keeps its key: the server may have accepted them
  // without this page hearing of it.
  choose(nick) {
    const same = this.#pair && fold(this.#pair.nick) === fold(nick);
    const key = same ? this.#pair.key : (this.#everywhere.read(keyName(nick), isKey) ?? makeKey());
    this.#hold({ nick, key });
  }

  // Be the person who has this nick and this key, which come from another device. The nick's key of
  // before is kept nowhere. Says whether they are a nick and a key.
  take({ nick, key }) {
    if (!isPair({ nick, key })) return false;
    this.confirm(nick, key);
    return true;
  }

  // Somebody else is at this tab now. The nick is offered no more. Its key stays for its owner.
  leave() {
    this.#pair = null;
    this.#tab.remove("me");
    this.#everywhere.remove("nick");
  }

  // Whether the tab became somebody else's while this page slept in the browser's cache.
  get isStale() {
    return this.#tab.read("me", isPair)?.key !== this.#pair?.key;
  }

  // Whether this browser has the key of a nick: in some room it was accepted with it.
  owns(nick) {
    return this.#everywhere.read(keyName(nick), isKey) !== undefined;
  }

  // The server accepted this member. Its nick and its key are the ones that count.
  confirm(nick, key) {
    this.#hold({ nick, key });
    this.#everywhere.write(keyName(nick), key);
    this.#everywhere.keepLatest("key", fold(nick), MOST);
    this.#everywhere.write("nick", nick);
  }

  // The key moves to the member's new nick. Another tab may have moved it already.
  rename(was, nick) {
    const key = this.key;
    if (fold(was) !== fold(nick) && this.#everywhere.read(keyName(was), isKey) === key) {
      this.#everywhere.remove(keyName(was));
    }
    this.confirm(nick, key);
  }

  #hold(pair) {
    this.#pair = pair;
    this.#tab.write("me", pair);
  }
}
