// Who this tab is: its nick, the key that proves it, and the nick to offer next time.
//
// Keys are kept one per nick, for all tabs, so that each tab may choose its own nick and a
// returning one gets its nick back. The tab's own pair is kept for the tab: a reload goes
// straight back in.

import { makeKey } from "../base/ids.js";

const KEY = /^[A-Za-z0-9_-]{22,128}$/;

const isKey = (value) => typeof value === "string" && KEY.test(value);
const isNick = (value) => typeof value === "string" && value !== "";
const isPair = (value) => isNick(value?.nick) && isKey(value.key);

// The server compares nicks without regard to case; so does the key ring.
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

  // Be `nick` from the next join on. The same nick again keeps the key: it may have been
  // accepted without this page hearing of it.
  choose(nick) {
    const same = this.#pair && fold(this.#pair.nick) === fold(nick);
    const key = same ? this.#pair.key : (this.#everywhere.read(keyName(nick), isKey) ?? makeKey());
    this.#hold({ nick, key });
  }

  // The server accepted: what it says is what counts.
  confirm(nick, key) {
    this.#hold({ nick, key });
    this.#everywhere.write(keyName(nick), key);
    this.#everywhere.write("nick", nick);
  }

  // The key moves along with its member. Another tab may have moved it already.
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
