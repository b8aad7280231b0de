// The line under the header with the message that owners have pinned. It leads to the message; one
// that is longer than the line opens to two.

export class PinLine {
  #box;
  #words;
  #text;
  #more;
  #off;
  #page;

  // `page`: { room, queue, names, strings, go(seq) }.
  constructor({ box, ...page }) {
    this.#box = box;
    [this.#words, this.#more, this.#off] = box.querySelectorAll("button");
    this.#text = this.#words.lastElementChild;
    this.#page = page;
    const { room, queue } = page;
    this.#words.addEventListener("click", () => page.go(room.standing.pin.seq));
    this.#more.addEventListener("click", () => this.#open(!box.classList.contains("open")));
    this.#off.addEventListener("click", () => queue.add({ type: "pin", target: null }));
    for (const news of ["welcome", "pinned", "edited", "removed"]) room.on(news, () => this.#draw());
    queue.on("change", () => this.#draw());
    new ResizeObserver(() => this.#measure()).observe(box);
    this.#draw();
  }

  // What an owner has asked for is shown at once.
  #draw() {
    const { room, queue, names, strings } = this.#page;
    const asked = queue.all.findLast(({ type, state }) => type === "pin" && state === "waiting");
    const { pin } = room.standing;
    const isGoing = asked !== undefined && asked.target === null;
    this.#box.hidden = !pin || isGoing;
    if (this.#box.hidden) return;
    const [label, who] = this.#words.children;
    label.textContent = strings.say("pinned");
    names.write(who, pin.member);
    if (this.#text.textContent !== pin.text) {
      this.#text.textContent = pin.text;
      this.#open(false);
    }
    this.#measure();
  }

  #open(isOpen) {
    this.#box.classList.toggle("open", isOpen);
    this.#more.textContent = this.#page.strings.say(isOpen ? "showLess" : "more");
    this.#more.setAttribute("aria-expanded", isOpen);
    this.#measure();
  }

  // A line that is longer than its place shows what owners can do once it is open.
  #measure() {
    const isOpen = this.#box.classList.contains("open");
    if (!isOpen) this.#more.hidden = this.#text.scrollWidth <= this.#text.clientWidth;
    this.#off.hidden = !this.#page.room.standing.owner || !(isOpen || this.#more.hidden);
  }
}
