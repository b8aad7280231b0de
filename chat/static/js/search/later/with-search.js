// Wires the search: its button, its keys, and the panel, which is fetched when it is first wanted.
// « / » searches only where the conversation has the focus. Everywhere else it is for writing.

import { openOnDemand } from "../../base/opener.js";

export function withSearch(page) {
  const { byId, parts, missing } = page;
  const load = async () => {
    const { withPanel } = await import("./with-panel.js");
    return withPanel(page);
  };
  const button = byId("search-button");
  const panel = openOnDemand([button], parts, load, () => missing("unavailable"));
  button.hidden = false;
  document.addEventListener("click", ({ target }) => {
    if (!target.closest("#rooms-search")) return; // it came with the later page
    byId("rooms").close();
    void panel.open();
  });
  const pressed = (event) => {
    const isInside = !byId("composer").hidden && !document.querySelector("dialog[open]");
    if (!isInside || !isWanted(event)) return;
    event.preventDefault();
    event.stopPropagation();
    void panel.open();
  };
  // Before anything else: what is typed beside a field goes to the composer (with-shortcuts.js).
  document.addEventListener("keydown", pressed, { capture: true });
}

function isWanted({ key, altKey, ctrlKey, metaKey, shiftKey, target }) {
  if (ctrlKey || metaKey) return key.toLowerCase() === "k" && !altKey && !shiftKey;
  return key === "/" && !altKey && target.closest("#scroller") && !target.closest("input, textarea");
}
