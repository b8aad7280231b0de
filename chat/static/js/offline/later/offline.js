// Prepares the page for times without a server: keeps the page (worker.js), the last messages
// (last-messages.js) and the posts that wait (left-posts.js). Says if the server has a newer page.

import { LastMessages } from "./last-messages.js";
import { LeftPosts } from "./left-posts.js";
import { Worker } from "./worker.js";

export { dropDatabase } from "../../base/later/database.js";
export { countLeft } from "./left-posts.js";

const SPREAD_MS = 8_000; // so that not all pages ask a new server at once

export class Offline {
  #version = document.body.dataset.version;
  #page;
  #last;
  #left;
  #isStarted = false;
  #worker;
  #offer;
  #recalled = 0; // the seq that the page was recalled from
  #asked = null; // the server's version that was last asked for

  constructor(page) {
    const { name, room, messages, history, queue, identity, tabId, offer } = page;
    this.#page = page;
    this.#last = new LastMessages({ name, room, messages, history });
    this.#left = new LeftPosts({ name, queue, identity, tab: tabId });
    this.#worker = new Worker(document.body.dataset);
    this.#offer = offer;
  }

  // The server let this page in, and said which version of the page it has. `since`: every entry
  // after this seq was told to this page; undefined if that is so since it was recalled.
  async entered(version, since = this.#recalled) {
    this.#last.follow(since);
    this.#takePosts();
    if (this.#version) await this.#worker.register(); // the unbuilt page is not kept
    if (!version || version === this.#asked) return;
    this.#asked = version;
    if (version === this.#version) return this.#offer.withdraw();
    setTimeout(() => this.#fetch(version), Math.random() * SPREAD_MS);
  }

  // The message with this seq was edited or removed.
  changed(seq) {
    this.#last.change(seq);
  }

  // Show the last messages, and be the member who was here last. Without a server nobody can
  // confirm this, and nobody can take another member's place.
  async recall() {
    const { identity, room, conversation, isKept } = this.#page;
    const kept = await this.#last.read();
    if (kept && !room.last) {
      const isMine = kept.member.nick === identity.lastNick;
      const { epoch, seq, seenAt: at } = kept;
      this.#recalled = seq;
      room.recall({ epoch, seq, at }, isMine ? kept.member : null);
      conversation.recall(kept.messages);
      if (isKept && !identity.nick && identity.lastNick) identity.choose(identity.lastNick);
    }
    this.#takePosts();
  }

  // The room has ended, so what was kept of it goes too.
  end() {
    return this.#last.end();
  }

  #takePosts() {
    if (!this.#isStarted) void this.#left.start();
    this.#isStarted = true;
  }

  async #fetch(version) {
    await this.#worker.update();
    if (version === this.#asked) this.#offer.make();
  }

  // The reader wants the next version.
  takeOver() {
    return this.#worker.takeOver();
  }
}
