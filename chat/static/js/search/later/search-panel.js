// The panel of the search: in the place of the list of people if there is room for that column,
// else in the place of the whole page.

const WIDE = "(min-width: 64rem)";
const PAUSE_MS = 300; // in typing, before the server is asked
const SLOW_MS = 600; // before the page says that it waits for the answer

export class SearchPanel {
  #panel;
  #field;
  #said;
  #more;
  #behind;
  #searching;
  #results;
  #muted;
  #strings;
  #composer;
  #wide = matchMedia(WIDE);
  #opener = null; // what had the focus before
  #typed;
  #slow;

  // `behind`: what the panel covers where there is no column.
  constructor({ panel, behind, searching, results, muted, strings, composer }) {
    this.#panel = panel;
    this.#behind = behind;
    this.#field = panel.querySelector("input");
    this.#said = panel.querySelector("[role=status]");
    this.#more = panel.querySelector(".more-found");
    this.#searching = searching;
    this.#results = results;
    this.#muted = muted;
    this.#strings = strings;
    this.#composer = composer;
    for (const news of [searching, muted]) news.on("change", () => this.#draw());
    this.#wide.addEventListener("change", () => this.#cover());
    panel.querySelector("form").addEventListener("submit", (event) => this.#submitted(event));
    panel.querySelector("[data-close]").addEventListener("click", () => this.close());
    panel.addEventListener("keydown", (event) => this.#pressed(event));
    panel.addEventListener("click", (event) => this.#clicked(event));
    this.#field.addEventListener("input", () => {
      clearTimeout(this.#typed);
      this.#typed = setTimeout(() => this.#find(), PAUSE_MS);
    });
    this.#more.addEventListener("click", () => searching.findMore());
  }

  open() {
    if (this.#panel.hidden) {
      this.#opener = document.activeElement;
      this.#panel.hidden = false;
      this.#cover();
      this.#draw(); // another day may have begun
    }
    this.#field.focus();
    this.#field.select();
  }

  // The focus goes back to where it was.
  close() {
    this.#hide();
    if (this.#opener?.isConnected && this.#opener.checkVisibility?.()) this.#opener.focus();
    if (!this.#opener || document.activeElement !== this.#opener) this.#composer.focus();
  }

  #hide() {
    this.#panel.hidden = true;
    this.#cover();
  }

  #cover() {
    const isOpen = !this.#panel.hidden;
    document.body.classList.toggle("searching", isOpen);
    for (const each of this.#behind) each.inert = isOpen && !this.#wide.matches;
  }

  #find() {
    clearTimeout(this.#typed);
    this.#searching.find(this.#field.value);
  }

  // Enter asks for what was typed; once more, it leads to the newest message that was found.
  #submitted(event) {
    event.preventDefault();
    if (this.#field.value.trim() !== this.#searching.words) this.#find();
    else this.#results.links[0]?.click();
  }

  #pressed(event) {
    const { key, altKey, ctrlKey, metaKey, shiftKey, isComposing } = event;
    if (altKey || ctrlKey || metaKey || shiftKey || isComposing) return;
    if (key === "Escape") this.close();
    else if (key === "ArrowDown") this.#move(1);
    else if (key === "ArrowUp") this.#move(-1);
    else return;
    event.preventDefault();
  }

  #move(by) {
    const stops = [this.#field, ...this.#results.links];
    if (!this.#more.hidden) stops.push(this.#more);
    const at = stops.indexOf(document.activeElement);
    if (at >= 0) stops[at + by]?.focus();
  }

  // The message's own address leads to it (conversation/later/going.js). Where the panel covers the
  // conversation, it makes room, and keeps what it found for the next time.
  #clicked(event) {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (!this.#wide.matches) this.#hide();
    location.replace(link.href);
  }

  #draw() {
    const { found, more, state } = this.#searching;
    const shown = found.filter(({ message }) => !this.#muted.has(message.member.id));
    this.#results.draw(shown);
    clearTimeout(this.#slow);
    if (state === "asking") {
      this.#slow = setTimeout(() => this.#say(this.#strings.say("searching")), SLOW_MS);
    } else {
      this.#say(this.#sentence(shown.length));
    }
    this.#more.hidden = !more;
    this.#more.textContent = this.#strings.say(this.#searching.isPartial ? "searchFurther" : "searchMore");
  }

  #sentence(number) {
    const { state, more, isPartial } = this.#searching;
    if (state === "idle") return "";
    if (state === "out") return this.#strings.say("searchOut");
    if (state === "later") return this.#strings.say("searchLater");
    if (number === 0) return this.#strings.say(isPartial ? "foundNoneYet" : "foundNone");
    if (isPartial) return this.#strings.count("foundSoFar", number);
    return this.#strings.count(more ? "foundNewest" : "found", number);
  }

  #say(sentence) {
    if (this.#said.textContent !== sentence) this.#said.textContent = sentence;
  }
}
