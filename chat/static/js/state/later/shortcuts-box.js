// The list of keyboard shortcuts.

export class ShortcutsBox {
  #dialog;

  constructor(dialog) {
    this.#dialog = dialog;
    dialog.addEventListener("click", ({ target }) => {
      if (target === dialog || target.closest("[data-close]")) dialog.close();
    });
  }

  open() {
    if (!this.#dialog.open) this.#dialog.showModal();
  }
}
