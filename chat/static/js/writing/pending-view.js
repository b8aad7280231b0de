// Shows the posts that wait or failed. They are in their own list below the log, because the log is
// only appended to.

import { LONG_WAIT_MS, TICK_MS, waitUntil } from "../base/dates.js";
import { MessageView } from "../conversation/message-view.js";

const PATIENCE_MS = 700; // a post that is in the log sooner needs no words

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
  #names;
  #messages;
  #edit;
  #views = new Map(); // by the post's id
  #ticking;

  // `author()` gives the member who writes; `messages` is the list above this one; `edit(text)`
  // takes a text back into the composer.
  constructor({ list, posts, dates, text, strings, names, author, messages, edit }) {
    this.#list = list;
    this.#posts = posts;
    this.#dates = dates;
    this.#text = text;
    this.#strings = strings;
    this.#names = names;
    this.#author = author;
    this.#messages = messages;
    this.#edit = edit;
    posts.on("change", () => this.refresh());
    messages.on("change", () => this.#follow());
    this.refresh();
  }

  // A post keeps its element, so that a button in it keeps the focus.
  refresh() {
    const views = new Map();
    for (const post of this.#posts.all) {
      const view = this.#views.get(post.id) ?? this.#make(post);
      view.setFate(post.state, this.#words(post), this.#actions(post));
      views.set(post.id, view);
    }
    clearTimeout(this.#ticking);
    if (this.#posts.all.some(waitsLong)) this.#ticking = setTimeout(() => this.refresh(), TICK_MS);
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

  #make(post) {
    const message = { member: this.#author(), text: post.text, at: post.at };
    const view = new MessageView(message, this.#dates, { mine: true, text: this.#text, names: this.#names });
    view.element.classList.add("fresh");
    setTimeout(() => view.element.classList.remove("fresh"), PATIENCE_MS);
    this.#list.append(view.element);
    return view;
  }

  // A post that may be on its way can no longer be taken back.
  #actions(post) {
    const retry = () => this.#posts.retry(post.id);
    const drop = () => this.#posts.drop(post.id);
    const edit = () => {
      drop();
      this.#edit(post.text);
    };
    if (post.state === "failed") return { retry, edit, drop };
    return post.reason === "storage_unavailable" || waitsLong(post) ? { edit, drop } : {};
  }

  #words(post) {
    if (post.reason === "rate_limited" && waitsLong(post)) {
      return this.#strings.say("postLimited", { wait: waitUntil(post.until) });
    }
    if (post.state === "waiting") return this.#strings.say(TEMPORARY[post.reason] ?? "postWaiting");
    return this.#strings.say(FAILED[post.reason] ?? "postFailed");
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

const waitsLong = ({ state, until }) => state === "waiting" && until > Date.now() + LONG_WAIT_MS;
