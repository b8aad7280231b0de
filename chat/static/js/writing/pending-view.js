// Posts that wait or failed, below the log in a list of their own: the log only ever appends.

import { MessageView } from "../conversation/message-view.js";

const PATIENCE_MS = 700; // a post that gets through faster is not worth a word

const TEMPORARY = { rate_limited: "postRateLimited", storage_unavailable: "postStorage" };
const FAILED = {
  text_too_long: "postTooLong",
  text_empty: "postEmpty",
  muted: "postMuted",
  banned: "postBanned",
  other_nick: "postOtherNick",
};

export class PendingView {
  #list;
  #posts;
  #dates;
  #text;
  #strings;
  #author;
  #messages;
  #edit;
  #views = new Map(); // by the post's id

  // `author()` gives the member who writes; `messages` the list that these follow; `edit(text)`
  // takes a text back into the composer.
  constructor({ list, posts, dates, text, strings, author, messages, edit }) {
    this.#list = list;
    this.#posts = posts;
    this.#dates = dates;
    this.#text = text;
    this.#strings = strings;
    this.#author = author;
    this.#messages = messages;
    this.#edit = edit;
    posts.on("change", () => this.refresh());
    messages.on("change", () => this.#follow());
    this.refresh();
  }

  // Elements stay while their post does, and with them the focus on their buttons.
  refresh() {
    const views = new Map();
    for (const post of this.#posts.all) {
      const view = this.#views.get(post.id) ?? this.#make(post);
      view.setFate(post.state, this.#words(post), {
        retry: () => this.#posts.retry(post.id),
        edit: () => {
          this.#posts.drop(post.id);
          this.#edit(post.text);
        },
        drop: () => this.#posts.drop(post.id),
      });
      views.set(post.id, view);
    }
    for (const [id, view] of this.#views) {
      if (!views.has(id)) view.element.remove();
    }
    this.#views = views;
    this.#follow();
  }

  // The author's nick is known, or another.
  dress() {
    for (const view of this.#views.values()) view.dress(this.#author());
    this.#follow();
  }

  #make(post) {
    const message = { member: this.#author(), text: post.text, at: post.at };
    const view = new MessageView(message, this.#dates, { mine: true, text: this.#text });
    view.element.classList.add("fresh");
    setTimeout(() => view.element.classList.remove("fresh"), PATIENCE_MS);
    this.#list.append(view.element);
    return view;
  }

  #words(post) {
    if (post.state === "waiting") return this.#strings.say(TEMPORARY[post.reason] ?? "postWaiting");
    return this.#strings.say(FAILED[post.reason] ?? "postFailed");
  }

  #follow() {
    let previous = this.#messages.last;
    for (const view of this.#views.values()) {
      view.follow(previous);
      previous = view;
    }
  }
}
