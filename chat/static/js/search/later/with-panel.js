// Wires the panel of the search with the room.

import { Results } from "./results.js";
import { SearchPanel } from "./search-panel.js";
import { Searching } from "./searching.js";

export function withPanel({ byId, room, composer, names, dates, muted, strings }) {
  const panel = byId("search");
  return new SearchPanel({
    panel,
    behind: document.querySelectorAll("body > .top, body > main, body > .bottom"),
    searching: new Searching(room),
    results: new Results({ place: panel.querySelector(".results"), names, dates }),
    muted,
    strings,
    composer,
  });
}
