// Lets the reader pick an emoji with a finger, or from a search field, whose arrow keys move
// through the list below it. The data is that of emoji-picker-element. That picker itself (1.29) is
// not used: it makes its HTML and its styles from strings, and this page's policy allows that to
// the sanitiser only.

const RECENT = 16;

// In the order of the data's groups.
const GROUPS = [
  ["emojiSmileys", "😀"],
  ["emojiPeople", "👋"],
  ["emojiNature", "🐻"],
  ["emojiFood", "🍎"],
  ["emojiTravel", "🚲"],
  ["emojiActivities", "⚽"],
  ["emojiObjects", "💡"],
  ["emojiSymbols", "❤️"],
  ["emojiFlags", "🏁"],
];

const isRecent = (value) => Array.isArray(value) && value.every((each) => typeof each === "string");

export class EmojiPicker {
  #search;
  #list;
  #tabs;
  #none;
  #emoji;
  #store;
  #strings;
  #picked;
  #active = null;

  constructor({ panel, emoji, store, strings, picked, close }) {
    this.#search = panel.querySelector("input");
    this.#list = panel.querySelector("[role=listbox]");
    this.#tabs = panel.querySelector(".tabs");
    this.#none = panel.querySelector("[role=status]");
    this.#emoji = emoji;
    this.#store = store;
    this.#strings = strings;
    this.#picked = picked;
    panel.querySelector("[data-close]").addEventListener("click", close);
    this.#search.addEventListener("input", () => this.#draw());
    this.#search.addEventListener("keydown", (event) => this.#pressed(event));
    this.#list.addEventListener("click", ({ target }) => {
      const option = target.closest("[role=option]");
      if (option) this.#pick(option);
    });
    GROUPS.forEach((group, index) => this.#tabs.append(this.#tab(group, index)));
  }

  open() {
    this.#search.value = "";
    this.#draw();
    this.#list.scrollTop = 0;
    // On a phone, the focus in the search field would open a keyboard over the list.
    if (matchMedia("(hover: hover)").matches) this.#search.focus();
    else this.#tabs.firstElementChild.focus();
  }

  #draw() {
    const query = this.#search.value.trim();
    const rows = new Map(this.#emoji.groups.flat().map((row) => [row[0], row]));
    const recent = this.#recent.filter((each) => rows.has(each)).map((each) => rows.get(each));
    const groups = query
      ? [["emojiFound", this.#emoji.search(query)]]
      : [["emojiRecent", recent], ...GROUPS.map(([name], i) => [name, this.#emoji.groups[i]])];
    const filled = groups.filter(([, each]) => each.length > 0);
    this.#list.replaceChildren(...filled.map(([name, each]) => this.#group(name, each)));
    this.#tabs.hidden = query !== "";
    this.#list.hidden = filled.length === 0;
    this.#search.setAttribute("aria-expanded", filled.length > 0);
    this.#none.textContent = filled.length === 0 ? this.#strings.say("emojiNone") : "";
    this.#choose(query ? this.#list.querySelector("[role=option]") : null);
  }

  #group(name, rows) {
    const group = document.createElement("div");
    const heading = document.createElement("div");
    const grid = document.createElement("div");
    group.setAttribute("role", "group");
    group.dataset.name = name;
    heading.className = "group-name";
    heading.setAttribute("aria-hidden", "true");
    heading.textContent = this.#strings.say(name);
    group.setAttribute("aria-label", heading.textContent);
    grid.className = "grid";
    grid.setAttribute("role", "presentation");
    grid.append(...rows.map((row) => option(row)));
    group.append(heading, grid);
    return group;
  }

  #tab([name, sign], index) {
    const tab = document.createElement("button");
    tab.type = "button";
    tab.className = "quiet";
    tab.textContent = sign;
    tab.setAttribute("aria-label", this.#strings.say(name));
    tab.addEventListener("click", ({ detail }) => {
      const group = this.#list.querySelector(`[data-name=${GROUPS[index][0]}]`);
      this.#list.scrollTop = group.offsetTop;
      this.#choose(group.querySelector("[role=option]"));
      if (detail === 0) this.#search.focus(); // pressed by a key: arrow keys go on from here
    });
    return tab;
  }

  #choose(option) {
    this.#active?.setAttribute("aria-selected", "false");
    this.#active?.removeAttribute("id");
    this.#active = option;
    if (!option) return this.#search.removeAttribute("aria-activedescendant");
    option.id = "picked-emoji";
    option.setAttribute("aria-selected", "true");
    this.#search.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  }

  #pressed(event) {
    const step = { ArrowDown: this.#columns, ArrowUp: -this.#columns, ArrowRight: 1, ArrowLeft: -1 };
    if (event.key === "Enter" && !event.isComposing) {
      if (this.#active) this.#pick(this.#active);
    } else if (event.key in step && (this.#active || event.key === "ArrowDown")) {
      this.#move(this.#active ? step[event.key] : 0);
    } else return;
    event.preventDefault();
  }

  #move(step) {
    const options = [...this.#list.querySelectorAll("[role=option]")];
    const next = Math.max(0, options.indexOf(this.#active)) + step;
    const to = options[Math.min(Math.max(next, 0), options.length - 1)];
    if (to) this.#choose(to);
  }

  get #columns() {
    const [first] = this.#list.querySelectorAll("[role=option]");
    return first ? Math.max(1, Math.floor(first.parentElement.clientWidth / first.offsetWidth)) : 1;
  }

  #pick({ textContent }) {
    this.#store.write("emoji", [...new Set([textContent, ...this.#recent])].slice(0, RECENT));
    this.#picked(textContent);
  }

  get #recent() {
    return this.#store.read("emoji", isRecent) ?? [];
  }
}

function option([emoji, name]) {
  const element = document.createElement("div");
  element.setAttribute("role", "option");
  element.setAttribute("aria-label", name);
  element.setAttribute("aria-selected", "false");
  element.title = name;
  element.textContent = emoji;
  return element;
}
