// Keeps what waits in the queue after its tab is closed: a post written on the train is sent at home, even
// if the app was closed in between. The next tab of the room takes them over. They keep their ids
// and their writer's key, so that the log takes each once, whichever tab sends it.

import { inStore } from "../../base/later/database.js";
import { lockOf } from "../../base/this-tab.js";

const STORE = "posts";

export class LeftPosts {
  #name;
  #queue;
  #identity;
  #tab;

  // `tab`: this tab's id.
  constructor({ name, queue, identity, tab }) {
    this.#name = name;
    this.#queue = queue;
    this.#identity = identity;
    this.#tab = tab;
  }

  // Locks tell which tabs are open. Without locks, posts are lost with their tab.
  async start() {
    if (!navigator.locks) return;
    this.#queue.on("change", () => this.#write());
    try {
      await this.#takeOver();
      await this.#write();
    } catch {
      // The browser keeps nothing.
    }
  }

  async #takeOver() {
    const { held, pending } = await navigator.locks.query();
    const open = new Set([...held, ...pending].map(({ name }) => name));
    const all = await inStore(STORE, "readonly", (store) => store.getAll());
    for (const { room, tab, posts } of all) {
      if (room !== this.#name || tab === this.#tab || open.has(lockOf(tab))) continue;
      this.#queue.adopt(posts, this.#identity.key);
      await this.#write(); // before they are deleted there
      await inStore(STORE, "readwrite", (store) => store.delete([room, tab]));
    }
  }

  async #write() {
    const [room, tab] = [this.#name, this.#tab];
    const posts = this.#queue.all.map((post) => ({ ...post, key: post.key ?? this.#identity.key }));
    try {
      await inStore(STORE, "readwrite", (store) =>
        posts.length > 0 ? store.put({ room, tab, posts }) : store.delete([room, tab]),
      );
    } catch {
      // The browser keeps nothing, or its storage is full. The tab itself still has the posts.
    }
  }
}

// Gives the number of posts that wait, in all tabs and rooms.
export async function countLeft() {
  try {
    const all = await inStore(STORE, "readonly", (store) => store.getAll());
    return all.flatMap(({ posts }) => posts).filter(({ type = "post" }) => type === "post").length;
  } catch {
    return 0; // the browser keeps nothing
  }
}
