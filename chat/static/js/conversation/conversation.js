// Shows what the room tells: adds messages in the log's order, settles posts and keeps the reader's
// place. Tells "news" (message) when somebody else's message comes while this page is in the room.

import { apart, Source } from "../base/source.js";

export class Conversation extends Source {
  #room;
  #messages;
  #posts;
  #sender;
  #scroll;
  #history;
  #unread;
  #muted;

  constructor({ room, messages, posts, sender, scroll, history, unread, muted }) {
    super();
    this.#room = room;
    this.#messages = messages;
    this.#posts = posts;
    this.#sender = sender;
    this.#scroll = scroll;
    this.#history = history;
    this.#unread = unread;
    this.#muted = muted;
    room.on("welcome", (event, how) => this.#welcomed(event, how));
    room.on("message", (message, { fresh }) => this.#told(message, fresh));
    room.on("post refused", (error) => sender.refused(error));
    room.on("out", () => sender.out());
    posts.on("change", () => scroll.follow());
  }

  // Show messages that were kept earlier, while no server answers.
  recall(messages) {
    this.#quietly(messages);
    this.#scroll.toEnd();
  }

  #welcomed({ seq, messages, more, key, member }, { first, resumed }) {
    if (!resumed) this.#messages.clear();
    for (const message of messages) this.#posts.settle(message);
    if (resumed && !first) {
      for (const message of messages) apart(() => this.#show(message));
    } else {
      this.#quietly(messages);
      this.#history.begin(seq, more);
      if (resumed) this.#scroll.follow();
      else this.#scroll.toEnd();
    }
    this.#history.check();
    this.#sender.joined(key, member.id);
  }

  // A post that was sent again may be answered long after its message was shown. Then the answer
  // only settles the post.
  #told(message, fresh) {
    if (fresh) apart(() => this.#show(message));
    if (this.#posts.settle(message)) this.#sender.settled(message.id);
  }

  // If the reader is far up, the list may lack the messages before this one. Then this one is not
  // added either.
  #show(message) {
    const mine = this.#isMine(message);
    if (!this.#history.isBehind && !this.#append(message, !mine)) return;
    this.#history.moved(message.seq);
    if (this.#muted.has(message.member.id)) this.#scroll.follow();
    else if (!mine) {
      this.#scroll.arrived();
      this.#unread.arrived(message, this.#room.member, this.#scroll.atEnd);
      this.tell("news", message);
    }
    this.#history.trim();
  }

  #quietly(messages) {
    this.#messages.quietly(() => messages.forEach((message) => apart(() => this.#append(message))));
  }

  #append(message, arrived = false) {
    return this.#messages.append(message, { mine: this.#isMine(message), arrived });
  }

  #isMine({ member }) {
    return member.id === this.#room.member?.id;
  }
}
