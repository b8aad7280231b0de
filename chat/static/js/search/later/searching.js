// Asks the server for the messages that have some words, and keeps what it gave as it is now. Tells
// "change".

import { Source } from "../../base/source.js";
import { placesIn, readQuery } from "./found-words.js";

const MOST = 20; // messages of one answer
const AGAIN_MS = 2_000; // after a refusal that says no time

export class Searching extends Source {
  #room;
  #words = "";
  #query = readQuery("");
  #messages = [];
  #more = false;
  #lookedTo = null;
  #state = "idle"; // "asking", "found", "out" of the room, or "later": the server asks for a pause
  #turn = 0; // of the question whose answer is awaited
  #timer;

  constructor(room) {
    super();
    this.#room = room;
    room.on("removed", ({ target }) => this.#renew(target));
    room.on("edited", ({ target }) => this.#renew(target));
    room.on("welcome", (_, { resumed }) => {
      if (this.#words && (!resumed || this.#state === "out")) this.#begin();
    });
  }

  get words() {
    return this.#words;
  }

  get state() {
    return this.#state;
  }

  // The newest first, each as { message, places }.
  get found() {
    return this.#messages;
  }

  // Whether there may be more.
  get more() {
    return this.#more;
  }

  // Whether the server has stopped looking before it came to the first messages.
  get isPartial() {
    return this.#lookedTo !== null;
  }

  find(words) {
    const trimmed = words.trim();
    if (trimmed === this.#words) return;
    this.#words = trimmed;
    this.#query = readQuery(trimmed);
    this.#begin();
  }

  // Look for more before the last one, or before the place to which the server has looked.
  findMore() {
    if (this.#more && this.#state !== "asking") void this.#ask(this.#before());
  }

  #begin() {
    this.#messages = [];
    this.#more = false;
    this.#lookedTo = null;
    if (this.#query.words.length > 0 || this.#query.signs) return void this.#ask();
    this.#turn += 1;
    clearTimeout(this.#timer);
    this.#become("idle");
  }

  #before() {
    return this.#lookedTo ?? this.#messages.at(-1)?.message.seq;
  }

  async #ask(before) {
    const turn = (this.#turn += 1);
    clearTimeout(this.#timer);
    this.#become("asking");
    const question = { type: "find", words: this.#words, limit: MOST };
    if (before !== undefined) question.before = before;
    try {
      const answer = await this.#room.ask(question);
      if (turn === this.#turn) this.#answered(answer);
    } catch (error) {
      if (turn === this.#turn) this.#refused(error, before);
    }
  }

  #answered({ messages, more, looked_to }) {
    this.#messages.push(...messages.map((message) => this.#look(message)).filter(Boolean));
    this.#more = more === true;
    this.#lookedTo = looked_to ?? null;
    this.#become("found");
  }

  // Out of the room, the next welcome asks again.
  #refused({ code, retry_after }, before) {
    this.#become(code === "out" ? "out" : "later");
    if (code === "out") return;
    const ms = retry_after === undefined ? AGAIN_MS : retry_after * 1000;
    this.#timer = setTimeout(() => void this.#ask(before), ms);
  }

  #look(message) {
    const places = message.removed ? null : placesIn(message.text, this.#query);
    return places && { message, places };
  }

  // A message was edited or removed: it may not have the words any more.
  #renew(seq) {
    const index = this.#messages.findIndex(({ message }) => message.seq === seq);
    if (index < 0) return;
    const now = this.#look(this.#room.current(this.#messages[index].message));
    this.#messages.splice(index, 1, ...(now ? [now] : []));
    this.tell("change");
  }

  #become(state) {
    this.#state = state;
    this.tell("change");
  }
}
