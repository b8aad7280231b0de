// Shows what the room tells: adds messages in the log's order, changes those that were edited or
// removed, and keeps the reader's place. Tells "news" (message) when somebody else's message comes
// while this page is in the room.

import { apart, Source } from "../base/source.js";

const CHANGES = new Set(["edited", "removed"]);
const SENT = ["post", "edit", "remove", "pin"]; // the commands that wait in the queue

export class Conversation extends Source {
  #room;
  #messages;
  #sender;
  #scroll;
  #history;
  #unread;
  #muted;
  #redraw;

  constructor({ room, messages, queue, sender, scroll, history, unread, muted, redraw }) {
    super();
    this.#room = room;
    this.#messages = messages;
    this.#sender = sender;
    this.#scroll = scroll;
    this.#history = history;
    this.#unread = unread;
    this.#muted = muted;
    this.#redraw = redraw;
    room.on("welcome", (event, how) => this.#welcomed(event, how));
    room.on("entry", (entry, { fresh }) => this.#told(entry, fresh));
    room.on("done", (event) => sender.answered(event));
    for (const name of SENT) room.on(`${name} refused`, (error) => sender.refused(error));
    room.on("out", () => sender.out());
    queue.on("change", () => scroll.follow());
  }

  // Show messages that were kept earlier, while no server answers.
  recall(messages) {
    this.#quietly(messages);
    this.#scroll.toEnd();
  }

  #welcomed({ seq, messages, more, key, member }, { first, resumed }) {
    if (!resumed) this.#messages.clear();
    for (const message of messages) this.#sender.answered(message);
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

  // A command that was sent again may be answered long after its entry was shown. Then the answer
  // only settles the command.
  #told(entry, fresh) {
    if (fresh) {
      if (entry.type === "message") apart(() => this.#show(entry));
      else if (CHANGES.has(entry.type)) apart(() => this.#change(entry));
      this.#history.moved(entry.seq);
    }
    this.#sender.answered(entry);
  }

  // If the reader is far up, the list may lack the messages before this one. Then this one is not
  // added either. A message that was removed meanwhile is no news.
  #show(message) {
    const mine = this.#isMine(message);
    const isNews = !mine && !message.removed;
    if (!this.#history.isBehind && !this.#append(message, isNews)) return;
    this.#history.moved(message.seq);
    if (this.#muted.has(message.member.id) || (message.removed && !mine)) this.#scroll.follow();
    else if (!mine) {
      this.#scroll.arrived();
      this.#unread.arrived(message, this.#room.member, this.#scroll.atEnd);
      this.tell("news", message);
    }
    this.#history.trim();
  }

  // A message was edited or removed: so it changes, and the line above each answer to it. An edit
  // waits while the reader selects something, a removal does not.
  #change({ type, target }) {
    const change = () => this.#messages.renew(target, (message) => this.#room.current(message));
    if (type === "edited") return void this.#redraw(change);
    this.#unread.removed(target);
    this.#messages.quietly(() => this.#scroll.hold(change));
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
