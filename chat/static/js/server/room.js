// Speaks the protocol for one room: joins it, checks the order of its messages and resumes.
//
// Tells "welcome" (event, { first, resumed, gap }), "message" (event, { fresh }), "joined",
// "left", "renamed", "typing", "history" and "out" (no longer joined). Tells refusals as
// "entry refused", "rename refused", "post refused", "history refused" and "typing refused".

import { gapAfter } from "./gap.js";
import { followsFrom } from "./join-refusal.js";
import { Source } from "../base/source.js";

const SIMPLE = new Set(["joined", "left", "typing", "history"]);
const ANSWERED = new Set(["rename", "history", "typing"]); // commands whose refusal matters to somebody here

const ASKING_MS = 10_000; // a server has few places for those who do not enter

export class Room extends Source {
  #name;
  #identity;
  #connection;
  #last = null; // { epoch, seq, at }: everything up to it was seen; `at` is its time, as it came
  #welcomes = 0;
  #member = null;
  #joined = false;
  #refused = false;
  #leaving;

  constructor(name, identity, connection) {
    super();
    this.#name = name;
    this.#identity = identity;
    this.#connection = connection;
    connection.on("open", () => this.#join());
    connection.on("event", (event) => this.#received(event));
    connection.on("state", (state) => this.#moved(state));
  }

  get member() {
    return this.#member;
  }

  get last() {
    return this.#last;
  }

  // Start from the messages that this browser kept: the first join resumes from there. `member` is
  // the person who saw them, or null if the reader may be somebody else.
  recall({ epoch, seq, at }, member) {
    this.#last = { epoch, seq, at };
    this.#member = member;
  }

  enter(nick) {
    this.#identity.choose(nick);
    this.reenter();
  }

  // Join with the nick and the key that this tab already has.
  reenter() {
    this.#refused = false;
    clearTimeout(this.#leaving);
    const { name } = this.#connection.state;
    if (name === "open") this.#join();
    else if (name === "waiting") this.#connection.wake();
    else this.#connection.start();
  }

  post(id, text) {
    return this.#send({ type: "post", id, text });
  }

  typing() {
    return this.#send({ type: "typing" });
  }

  history(before, limit) {
    return this.#send({ type: "history", before, limit });
  }

  rename(nick) {
    return this.#send({ type: "rename", nick });
  }

  #send(command) {
    return this.#joined && this.#connection.send(command);
  }

  #join() {
    const command = {
      type: "join",
      room: this.#name,
      nick: this.#identity.nick,
      key: this.#identity.key,
    };
    if (this.#last) command.after = this.#last;
    this.#connection.send(command);
  }

  #moved({ name }) {
    if (name === "open") return;
    const was = this.#joined;
    this.#joined = false;
    if (was) this.tell("out");
    // The reader must choose another nick first: the same join would be refused again.
    if (name === "waiting" && this.#refused) this.#connection.stop();
  }

  #received(event) {
    if (event.type === "welcome") this.#welcomed(event);
    else if (event.type === "error") this.#turnedDown(event);
    else if (!this.#joined) return;
    else if (Number.isInteger(event.seq)) this.#logged(event);
    else if (event.type === "renamed") this.#renamed(event);
    else if (SIMPLE.has(event.type)) this.tell(event.type, event);
  }

  #welcomed(event) {
    const before = this.#last;
    // The newest entry may be gone from the log: the welcome has its time, perhaps no message has.
    this.#last = { epoch: event.epoch, seq: event.seq, at: event.at ?? undefined };
    this.#member = event.member;
    this.#joined = true;
    this.#welcomes += 1;
    this.#connection.joined();
    this.#identity.confirm(event.member.nick, event.key);
    const resumed = event.resumed && before !== null;
    const gap = gapAfter(before, event);
    this.tell("welcome", event, { first: this.#welcomes === 1, resumed, gap });
  }

  // Every event with a seq comes from the log, even if this page does not know its type.
  #logged(event) {
    if (event.seq > this.#last.seq + 1) return this.#connection.redial();
    const fresh = event.seq === this.#last.seq + 1;
    if (fresh) this.#last = { ...this.#last, seq: event.seq, at: event.at };
    if (event.type === "message") this.tell("message", event, { fresh });
  }

  // It may be this member: another tab of the same member may have asked.
  #renamed(event) {
    if (event.member.id === this.#member.id) {
      this.#member = event.member;
      this.#identity.rename(event.was, event.member.nick);
    }
    this.tell("renamed", event);
  }

  #turnedDown(error) {
    if (error.id !== undefined) return this.tell("post refused", error);
    if (!this.#joined) return this.#joinTurnedDown(error);
    if (ANSWERED.has(error.command)) this.tell(`${error.command} refused`, error);
  }

  #joinTurnedDown(error) {
    const { stop, pause, ms, ask } = followsFrom(error);
    if (stop) return this.#connection.stop(stop);
    if (pause) return this.#connection.pause(pause, ms);
    if (!ask) return;
    this.#refused = true;
    clearTimeout(this.#leaving);
    this.#leaving = setTimeout(() => this.#connection.stop(), ASKING_MS); // the next nick dials again
    this.tell("entry refused", error);
  }
}
