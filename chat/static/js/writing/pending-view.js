// Shows the posts that wait or failed. They are in their own list below the log, because the log is
// only appended to.

import { TICK_MS } from "../base/dates.js";
import { MessageView } from "../conversation/message-view.js";
import { whyItWaits, waitsLong } from "./fate.js";

const WORDS = { remove: { waiting: "removeWaiting", failed: "removeFailed" } };
const PATIENCE_MS = 700; // a post that is in the log sooner needs no words

export class PendingView {
  #list;
  #queue;
  #dates;
  #text;
  #strings;
  #author;
  #names;
  #messages;
  #edit;
  #muted;
  #views = new Map(); // by the post's id
  #ticking;

  // `author()` gives the member who writes; `messages` is the list above this one; `edit(post)`
  // lets its author write another text for it.
  constructor({ list, queue, dates, text, strings, names, muted, author, messages, edit }) {
    this.#list = list;
    this.#queue = queue;
    this.#dates = dates;
    this.#text = text;
    this.#strings = strings;
    this.#names = names;
    this.#muted = muted;
    this.#author = author;
    this.#messages = messages;
    this.#edit = edit;
    queue.on("change", () => this.refresh());
    messages.on("change", () => this.#follow());
    this.refresh();
  }

  // A post keeps its element, so that a button in it keeps the focus.
  refresh() {
    const views = new Map();
    for (const post of this.#queue.posts) {
      const id = post.post ?? post.id; // a post that is being taken back keeps its place
      const view = this.#views.get(id) ?? this.#make(post);
      const { text, reply } = post;
      const isSame = view.message.text === text && view.message.reply === reply;
      if (!isSame) view.become({ ...view.message, text, reply });
      view.setFate(post.state, whyItWaits(post, this.#strings, WORDS[post.type]), this.#actions(post));
      views.set(id, view);
    }
    clearTimeout(this.#ticking);
    if (this.#queue.posts.some(waitsLong)) this.#ticking = setTimeout(() => this.refresh(), TICK_MS);
    for (const [id, view] of this.#views) {
      if (!views.has(id)) view.element.remove();
    }
    this.#views = views;
    this.#follow();
  }

  // The author's nick became known, or it changed.
  dress() {
    for (const view of this.#views.values()) view.dress(this.#author());
    this.#follow();
  }

  #make({ text, at, reply }) {
    const message = { member: this.#author(), text, at, reply };
    const view = new MessageView(message, this.#dates, {
      mine: true,
      text: this.#text,
      names: this.#names,
      muted: this.#muted,
      strings: this.#strings,
    });
    view.element.classList.add("fresh");
    setTimeout(() => view.element.classList.remove("fresh"), PATIENCE_MS);
    this.#list.append(view.element);
    return view;
  }

  // A post that may be in the log is taken back there: it cannot be edited before it is known.
  #actions(post) {
    const { id, type, state, open, reason } = post;
    const retry = () => this.#queue.retry(id);
    if (type === "remove") return state === "failed" ? { retry, drop: () => this.#queue.drop(id) } : {};
    const drop = () => this.#queue.takeBack(id);
    const edit = () => this.#edit(post);
    if (state === "failed") return { retry, edit, drop };
    return open === 0 ? { edit, drop } : { drop };
  }

  #follow() {
    let previous = this.#messages.last;
    for (const view of this.#views.values()) {
      view.follow(previous);
      previous = view;
    }
    previous?.endGroup();
  }
}
