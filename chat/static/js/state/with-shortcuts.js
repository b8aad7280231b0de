// Wires the list of shortcuts, which a key opens from anywhere. All other keys: later/keys.js.

import { openOnDemand } from "../base/opener.js";

export function withShortcuts({ byId, parts, missing, later }) {
  const load = async () => {
    const [{ ShortcutsBox }] = await Promise.all([import("./later/shortcuts-box.js"), later()]);
    return new ShortcutsBox(byId("shortcuts"));
  };
  const shortcuts = openOnDemand([], parts, load, () => missing("unavailable"));
  document.addEventListener("click", ({ target }) => {
    if (target.closest("#shortcuts-button")) shortcuts.open(); // it came with the later page
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || !(event.ctrlKey || event.metaKey) || event.defaultPrevented) return;
    shortcuts.open();
    event.preventDefault();
  });
}
