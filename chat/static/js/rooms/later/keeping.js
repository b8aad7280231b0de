// « Keep a copy »: gathers all messages, writes them into one file, and lets the browser save it.

import { whyNot } from "../../owners/later/refusals.js";
import { fileName, htmlFile, jsonFile } from "./copy-file.js";
import { gathered } from "./gathering.js";

export const keeping = (page) => new Keeping(page);

class Keeping {
  #dialog;
  #page;
  #going = null; // ends what is being done

  constructor(page) {
    this.#page = page;
    this.#dialog = page.byId("keep");
    for (const form of ["html", "json"]) {
      this.#part(form).addEventListener("click", () => void this.#keep(form));
    }
    this.#part("stop").addEventListener("click", () => this.#stop());
    this.#dialog.addEventListener("close", () => this.#stop());
    this.#dialog.addEventListener("click", ({ target }) => {
      if (target === this.#dialog || target.closest("[data-close]")) this.#dialog.close();
    });
  }

  open() {
    const { called, strings } = this.#page;
    const words = this.#isEnded ? "keepScreen" : "keepWhat";
    this.#part("what").textContent = strings.say(words, { room: called.words });
    this.#say("");
    this.#show(false);
    this.#dialog.showModal();
  }

  // The server has deleted everything. What the page shows is all there is.
  get #isEnded() {
    return this.#page.connection.state.reason === "ended";
  }

  #part(name) {
    return this.#dialog.querySelector(`[data-part=${name}]`);
  }

  async #keep(form) {
    if (this.#going) return;
    this.#going = new AbortController();
    const { signal } = this.#going;
    this.#progress(0);
    this.#say("");
    this.#show(true);
    try {
      const all = await this.#messages(signal);
      const shown = all.filter(({ member }) => !this.#page.muted.has(member.id));
      this.#say(this.#page.strings.say("keepWriting"));
      const write = form === "html" ? htmlFile : jsonFile;
      const about = { sheet: this.#dialog.dataset.sheet, isMuted: shown.length < all.length, isScreen: this.#isEnded };
      const file = await write(shown, { ...this.#page, ...about, told: (share) => this.#progress(share) });
      if (!signal.aborted) this.#save(file, fileName(this.#page, form), shown.length);
    } catch (error) {
      if (!signal.aborted) this.#failed(error);
    } finally {
      if (!signal.aborted) this.#over();
    }
  }

  async #messages(signal) {
    if (this.#isEnded) return this.#page.messages.views.map(({ message }) => message);
    const told = (count, share) => {
      this.#progress(share);
      this.#say(this.#page.strings.count("keepCounted", count));
    };
    return gathered(this.#page.room, told, signal);
  }

  #save(file, name, count) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // some browsers read it late
    this.#say(this.#page.strings.count("keepDone", count, { file: name }));
  }

  // What is not ours may be a full disk, or a file that a newer server has no more.
  #failed(error) {
    const why = error instanceof Error ? this.#page.strings.say("unavailable") : whyNot(error, this.#page);
    this.#say(this.#page.strings.say("keepFailed", { why }));
    if (error instanceof Error) console.error(error);
  }

  #stop() {
    if (!this.#going) return;
    this.#going.abort();
    this.#say("");
    this.#over();
  }

  #over() {
    this.#going = null;
    this.#show(false);
  }

  #show(isGoing) {
    const hadFocus = this.#dialog.contains(document.activeElement);
    this.#part("choice").hidden = isGoing;
    this.#part("going").hidden = !isGoing;
    if (hadFocus) (isGoing ? this.#part("stop") : this.#part("html")).focus();
  }

  #progress(share) {
    this.#dialog.querySelector("progress").value = share;
  }

  #say(words) {
    this.#part("said").textContent = words;
  }
}
