// Speaks the protocol for one room: joins it, checks the order of its log's entries and resumes.
//
// Tells
// - "welcome" (event, { first, resumed, gap }), and then the `changes` that came with it;
// - "entry" (event, { fresh }), for each entry of the log, and then "message", "edited", "removed",
//   "pinned" or "rules", if it is one of these. An entry that is not fresh was told before: it only
//   answers a command that was sent again;
// - "joined", "left", "renamed", "typing", "muted", "acted" and "ended";
// - "history", "found", "audit" and "done", answers to commands;
// - `<command> refused` (error) for each command that is refused, and "entry refused" for a nick;
// - "out": no longer joined.
//
// Messages are told as they are now: what was told of their edits and removals holds for them.

import { Changes } from "./changes.js";
import { gapAfter } from "./gap.js";
import { followsFrom } from "./join-refusal.js";
import { Source } from "../base/source.js";

const ENTRIES = new Set(["message", "edited", "removed", "pinned", "rules"]);
const SIMPLE = new Set([
  ...["joined", "left", "typing", "muted", "acted"],
  ...["history", "found", "audit", "done"],
]);

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
  #ownerKey;
  #standing = {};
  #changes = new Changes();
  #questions = null; // what was asked and is not answered yet

  // `ownerKey()` gives the key of the room's owner, if this browser has it.
  constructor(name, identity, connection, { ownerKey = () => undefined } = {}) {
    super();
    this.#name = name;
    this.#identity = identity;
    this.#connection = connection;
    this.#ownerKey = ownerKey;
    connection.on("open", () => this.#join());
    connection.on("event", (event) => this.#received(event));
    connection.on("state", (state) => this.#moved(state));
  }

  get isJoined() {
    return this.#joined;
  }

  get member() {
    return this.#member;
  }

  get last() {
    return this.#last;
  }

  // What holds for this member and the room, as of the last welcome and what was told since:
  // { owner, operator, made, title, rules, pin (a message), muted (until when), limits }.
  get standing() {
    return this.#standing;
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

  // Says whether the command went. What becomes of it is told.
  send(command) {
    return this.#joined && this.#connection.send(command);
  }

  // Gives the event that answers the command. Fails with the `error` event, or with { code: "out" } if
  // the page is out of the room before the answer comes, and as `import()` does. A command that the
  // log keeps gets an `id`, unless it has one.
  async ask(command) {
    const { Questions } = await import("./later/questions.js");
    this.#questions ??= new Questions();
    return this.#questions.ask(command, (asked) => this.send(asked));
  }

  typing() {
    return this.send({ type: "typing" });
  }

  history(before, limit) {
    return this.send({ type: "history", before, limit });
  }

  rename(nick) {
    return this.send({ type: "rename", nick });
  }

  // Gives a message as it is now, by what this page was told of it.
  current(message) {
    return this.#changes.apply(message);
  }

  #join() {
    const command = {
      type: "join",
      room: this.#name,
      nick: this.#identity.nick,
      key: this.#identity.key,
    };
    if (this.#last) command.after = this.#last;
    const owner = this.#ownerKey();
    if (owner) command.owner = owner;
    this.#connection.send(command);
  }

  #moved({ name }) {
    if (name === "open") return;
    const was = this.#joined;
    this.#joined = false;
    if (was) {
      this.tell("out");
      this.#questions?.end();
    }
    // The reader must choose another nick first: the same join would be refused again.
    if (name === "waiting" && this.#refused) this.#connection.stop();
  }

  #received(event) {
    if (event.type === "welcome") this.#welcomed(event);
    else if (event.type === "error") this.#turnedDown(event);
    else if (event.type === "ended") this.#ended(event);
    else if (!this.#joined) return;
    else if (Number.isInteger(event.seq)) this.#logged(event);
    else if (event.type === "renamed") this.#renamed(event);
    else if (SIMPLE.has(event.type)) this.#told(event);
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
    // What was told before is in these messages already, or it was told of another log.
    if (!resumed) this.#changes.forget();
    const changes = resumed ? (event.changes ?? []) : [];
    for (const each of changes) this.#changes.note(each);
    this.#standing = standingAt(this.#now(event));
    this.tell("welcome", this.#now(event), { first: this.#welcomes === 1, resumed, gap });
    for (const each of changes) this.#tellEntry(each, true);
  }

  // Every event with a seq comes from the log, even if this page does not know its type.
  #logged(event) {
    if (event.seq > this.#last.seq + 1) return this.#connection.redial();
    const fresh = event.seq === this.#last.seq + 1;
    if (fresh) this.#last = { ...this.#last, seq: event.seq, at: event.at };
    this.#changes.note(event);
    this.#tellEntry(event, fresh);
  }

  #tellEntry(event, fresh) {
    const now = this.#now(event);
    if (fresh) this.#follow(now);
    this.tell("entry", now, { fresh });
    if (ENTRIES.has(event.type)) this.tell(event.type, now, { fresh });
    this.#questions?.answer(now, this.#member);
  }

  // The pin goes with its message.
  #follow({ type, target, message, rules }) {
    const { pin } = this.#standing;
    if (type === "rules") this.#become({ rules });
    else if (type === "pinned") this.#become({ pin: message?.removed ? null : (message ?? null) });
    else if (type === "removed" && pin?.seq === target) this.#become({ pin: null });
    else if (type === "edited" && pin?.seq === target) this.#become({ pin: this.current(pin) });
  }

  #become(change) {
    this.#standing = { ...this.#standing, ...change };
  }

  #told(event) {
    if (event.type === "muted") this.#become({ muted: event.until });
    const now = this.#now(event);
    this.tell(event.type, now);
    this.#questions?.answer(now, this.#member);
  }

  // An answer that was read from the log just before a removal may come just after it.
  #now(event) {
    if (event.type === "message") return this.current(event);
    const now = { ...event };
    if (event.messages) now.messages = event.messages.map((message) => this.current(message));
    if (event.pin) now.pin = this.current(event.pin);
    if (event.message) now.message = this.current(event.message);
    return now;
  }

  // It may be this member: another tab of the same member may have asked.
  #renamed(event) {
    if (event.member.id === this.#member.id) {
      this.#member = event.member;
      this.#identity.rename(event.was, event.member.nick);
    }
    this.tell("renamed", event);
  }

  // The room has come to its end, and nobody can come back.
  #ended(event) {
    this.tell("ended", event);
    this.#connection.stop("ended");
  }

  #turnedDown(error) {
    if (!this.#joined) return this.#joinTurnedDown(error);
    const command = error.command ?? (error.id === undefined ? null : "post");
    if (command) this.tell(`${command} refused`, error);
    this.#questions?.refuse(error);
  }

  #joinTurnedDown(error) {
    const { stop, pause, ms, spread, ask } = followsFrom(error);
    if (stop) return this.#connection.stop(stop);
    if (pause) return this.#connection.pause(pause, ms, spread);
    if (!ask) return;
    this.#refused = true;
    clearTimeout(this.#leaving);
    this.#leaving = setTimeout(() => this.#connection.stop(), ASKING_MS); // the next nick dials again
    this.tell("entry refused", error);
  }
}

function standingAt({ owner, operator, made, title, rules, pin, muted, limits }) {
  return {
    owner: owner === true,
    operator: operator === true,
    made: made === true,
    title: title ?? "",
    rules: rules ?? {},
    pin: pin && !pin.removed ? pin : null,
    muted: muted ?? null,
    limits: limits ?? {},
  };
}
