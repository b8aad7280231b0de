// The small dialog where a reader says what the page may do.

export class SettingsBox {
  #dialog;
  #settings;
  #desktop;
  #ring;
  #strings;
  #hint;

  constructor({ dialog, settings, desktop, ring, strings }) {
    this.#dialog = dialog;
    this.#settings = settings;
    this.#desktop = desktop;
    this.#ring = ring;
    this.#strings = strings;
    this.#hint = dialog.querySelector("#notify-hint");
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
    });
    for (const field of this.#fields) {
      field.addEventListener("change", () => this.#changed(field));
    }
    settings.on("change", () => dialog.open && this.#draw()); // perhaps in another tab
  }

  get #fields() {
    return this.#dialog.querySelectorAll("[name]");
  }

  open() {
    this.#draw();
    this.#dialog.showModal();
  }

  #draw() {
    for (const field of this.#fields) {
      const value = this.#settings.get(field.name);
      if (field.type === "checkbox") field.checked = value;
      else field.value = value;
    }
    this.#explain();
  }

  async #changed(field) {
    const value = field.type === "checkbox" ? field.checked : field.value;
    this.#settings.set(field.name, value);
    if (field.name === "sound" && value !== "never") void this.#ring(); // as an example
    if (field.name === "notify" && value !== "never") {
      if ((await this.#desktop.ask()) !== "granted") this.#settings.set("notify", "never");
      this.#draw();
    }
  }

  // If there can be no notifications, say why.
  #explain() {
    const reasons = { absent: "notifyAbsent", denied: "notifyDenied" };
    const reason = reasons[this.#desktop.permission];
    this.#hint.textContent = reason ? this.#strings.say(reason) : "";
    this.#dialog.querySelector("[name=notify]").disabled = Boolean(reason);
  }
}
