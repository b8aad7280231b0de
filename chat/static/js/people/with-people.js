// Wires what shows who is here and who came and went, and muting.

import { Comings } from "./comings.js";
import { ComingsLine } from "./comings-line.js";
import { People } from "./people.js";

// Gives a promise, if the page must wait for it before it shows messages.
export function withPeople(page) {
  const { byId, parts, settings, room, messages, muted, names, typing, strings, language, owners } = page;
  const moderation = {
    isOffered: () => room.standing.owner === true,
    begin: (member) => owners.moderate(member),
  };
  const people = new People({
    panel: byId("people"),
    column: byId("people-column"),
    sheet: byId("people-sheet"),
    button: byId("people-button"),
    muted,
    moderation,
    names,
    strings,
    language,
  });
  new ComingsLine({
    line: byId("comings"),
    comings: new Comings(strings, language),
    room,
    messages,
    names,
    wanted: () => settings.get("comings"),
  });
  const folds = parts.once(async () => {
    const { Folds } = await import("./later/folds.js");
    return new Folds({ messages, muted, names, strings });
  });
  muted.on("change", () => {
    void folds();
    for (const [id] of muted.all) typing.stopped({ id });
  });
  room.on("welcome", ({ members, member }) => people.reset(members, member));
  room.on("joined", ({ member }) => people.put(member));
  room.on("left", ({ member }) => people.remove(member));
  room.on("renamed", ({ member }) => people.put(member));
  // Nothing of muted people is to be seen while the page starts.
  return muted.isEmpty ? null : folds();
}
