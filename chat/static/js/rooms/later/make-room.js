// The sheet that makes a room: four questions, with answers that suit most. Then it shows the two
// links of the new room.

import { EndChoice } from "../../owners/later/end-choice.js";
import { keepKey, makeOwnerKey } from "../../owners/later/judging.js";
import { whyNot } from "../../owners/later/refusals.js";
import { isRoom, roomForm, roomPath } from "../room-name.js";
import { askToMake } from "./asking.js";
import { Made } from "./made.js";

const WORDS = { room_exists: "makeTaken", room_ended: "makeEnded", out: "makeNeedsServer" };

const isMaking = (value) => typeof value?.owner === "string" && typeof value.wish === "string";

export const makeRoom = (page) => new MakeRoom(page);

class MakeRoom {
  #dialog;
  #form;
  #name;
  #ends;
  #page;
  #made;

  constructor(page) {
    this.#page = page;
    this.#dialog = page.byId("make-room");
    this.#form = this.#dialog.querySelector("form");
    this.#name = page.byId("make-room-name");
    this.#ends = new EndChoice({ ...page, field: this.#dialog.querySelector("[data-part=ends]") });
    this.#made = new Made(page);
    this.#dialog.addEventListener("click", ({ target }) => {
      if (target === this.#dialog || target.closest("[data-close]")) this.#dialog.close();
    });
    this.#form.addEventListener("input", () => this.#draw());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#submitted();
    });
  }

  open() {
    this.#form.reset();
    this.#ends.draw(null);
    this.#draw();
    this.#dialog.showModal();
    this.#name.focus();
  }

  get #isPrivate() {
    return this.#form.elements.private.value === "yes";
  }

  // Say what the answers mean.
  #draw() {
    this.#say("");
    const { root, strings } = this.#page;
    const name = roomForm(this.#name.value);
    const link = decodeURI(location.origin + roomPath(name, root));
    const words = this.#isPrivate
      ? strings.say("makePrivate")
      : strings.say(name ? "makeAddress" : "makeNameEmpty", { link });
    this.#dialog.querySelector("[data-part=address]").textContent = words;
  }

  // Gives what is asked for, or null after it has said what is wrong with it.
  #wish() {
    const ends = this.#ends.value;
    if (ends === undefined || (ends && Date.parse(ends) <= Date.now())) {
      this.#ends.focus();
      return this.#say("makeTimePast");
    }
    const typed = this.#name.value.trim();
    const name = roomForm(typed);
    const wish = { type: "make", write: this.#form.elements.write.value, ends_at: ends };
    if (this.#isPrivate) return { ...wish, private: true, title: typed };
    if (isRoom(name)) return { ...wish, room: name };
    this.#name.focus();
    return this.#say(name ? "roomInvalid" : "makeNameMissing");
  }

  async #submitted() {
    const wish = this.#wish();
    if (!wish || this.#form.ariaBusy === "true") return;
    this.#busy(true);
    try {
      this.#done(await askToMake(this.#page.url, { ...wish, owner: this.#keyFor(wish) }));
    } catch (error) {
      if (error instanceof Error) throw error;
      if (error.code !== "out") this.#page.everywhere.remove("making");
      const words = WORDS[error.code];
      this.#sayWords(words ? this.#page.strings.say(words) : whyNot(error, this.#page));
      if (error.code.startsWith("room_")) this.#name.focus();
    } finally {
      this.#busy(false);
    }
  }

  // If an answer was lost, the room may be made. The same key then gives the same room.
  #keyFor(wish) {
    const { everywhere } = this.#page;
    const { ends_at: _, ...same } = wish; // « tonight » may be another moment by now
    const written = JSON.stringify(same);
    const before = everywhere.read("making", isMaking);
    const owner = before?.wish === written ? before.owner : makeOwnerKey();
    everywhere.write("making", { wish: written, owner });
    return owner;
  }

  #done({ room, owner }) {
    const { everywhere, ownerKeys } = this.#page;
    keepKey(ownerKeys, room, owner);
    everywhere.remove("making");
    this.#dialog.close();
    this.#made.open({ room, owner });
  }

  #busy(isBusy) {
    this.#form.ariaBusy = String(isBusy);
    this.#form.querySelector("[type=submit]").disabled = isBusy;
    if (isBusy) this.#say("making");
  }

  #say(sentence) {
    this.#sayWords(sentence && this.#page.strings.say(sentence));
    return null;
  }

  #sayWords(words) {
    const error = this.#dialog.querySelector("[role=alert]");
    error.textContent = words;
    if (words) error.scrollIntoView({ block: "nearest" });
  }
}
