// Wires what shows who is here and who came and went, the change of nick, and muting.

import { Comings } from "./comings.js";
import { ComingsLine } from "./comings-line.js";
import { Folds } from "./folds.js";
import { People } from "./people.js";
import { Rename } from "./rename.js";

export function withPeople(page) {
  const { byId, settings, room, messages, muted, names, typing, strings, language } = page;
  const people = new People({
    panel: byId("people"),
    column: byId("people-column"),
    sheet: byId("people-sheet"),
    button: byId("people-button"),
    muted,
    names,
    strings,
    language,
  });
  new Rename({ dialog: byId("rename"), button: byId("rename-button"), room, strings });
  new ComingsLine({
    line: byId("comings"),
    comings: new Comings(strings, language),
    room,
    messages,
    names,
    wanted: () => settings.get("comings"),
  });
  new Folds({ messages, muted, names, strings });
  muted.on("change", () => {
    for (const [id] of muted.all) typing.stopped({ id });
  });
  room.on("welcome", ({ members, member }) => people.reset(members, member));
  room.on("joined", ({ member }) => people.put(member));
  room.on("left", ({ member }) => people.remove(member));
  room.on("renamed", ({ member }) => people.put(member));
}
