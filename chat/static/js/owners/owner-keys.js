// Knows what proves that this reader owns the room: the operator's token, which only this tab keeps,
// and owner keys. A key that came with a link is the tab's alone until the server has accepted it. So
// a false link takes nobody's own key away. What follows from the server's answer: later/judging.js.

import { isOwnerKey } from "./owner-link.js";

const isToken = (value) => typeof value === "string" && value !== "";
const isHanded = (value) => isOwnerKey(value?.key);

export class OwnerKeys {
  everywhere;
  tab;
  room;
  name; // of its entries
  sent; // { what, key } with the last join, if any

  constructor({ everywhere, tab, room }) {
    Object.assign(this, { everywhere, tab, room, name: `owner:${room}` });
  }

  // The key of this room that this browser keeps. Another tab may have changed it.
  get kept() {
    return this.everywhere.read(this.name, isOwnerKey) ?? null;
  }

  // A key to be tried with the next join. `quietly`: it may be nobody's, and that is no news.
  hand(key, quietly = false) {
    this.tab.write(this.name, { key, quietly });
  }

  // Gives what the next join proves it with, or undefined.
  next() {
    this.sent = this.first();
    return this.sent?.key;
  }

  first() {
    const token = this.tab.read("operator", isToken);
    if (token) return { what: "token", key: token };
    const handed = this.tab.read(this.name, isHanded);
    if (handed) return { what: "handed", ...handed };
    return this.kept && { what: "kept", key: this.kept };
  }
}
