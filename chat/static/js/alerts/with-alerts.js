// Wires what tells a reader about messages while they look elsewhere, and the settings.

import { Alerts } from "./alerts.js";
import { Desktop } from "./desktop.js";
import { LastRead } from "../conversation/last-read.js";
import { isAnother } from "../server/gap.js";
import { openOnDemand } from "../base/opener.js";

export function withAlerts(page) {
  const { byId, name, everywhere, parts, missing, settings, muted, names, strings, beside } = page;
  const { room, text, messages, conversation, unread } = page;
  const chime = parts.once(async () => new (await import("./later/chime.js")).Chime());
  const ring = async () => (await chime())?.ring();
  const icon = document.querySelector("link[rel=icon]");
  const favicon = parts.once(async () => new (await import("./later/favicon.js")).Favicon(icon));
  const desktop = new Desktop(name, { names, strings });
  const alerts = new Alerts({ settings, ring, desktop, text, beside });
  let unseen = 0;
  const lastRead = new LastRead({ store: everywhere, room: name, messages });
  const title = document.title;
  const load = async () => {
    const [{ SettingsBox }, { MutedList }] = await Promise.all([
      import("../state/later/settings-box.js"),
      import("../people/later/muted-list.js"),
    ]);
    new MutedList({ section: byId("muted"), muted, names, strings });
    return new SettingsBox({ dialog: byId("settings"), settings, desktop, ring, strings });
  };
  openOnDemand([byId("settings-button")], parts, load, () => missing("unavailable"));
  conversation.on("news", (message) => alerts.arrived(message));
  unread.on("change", (number) => {
    document.title = number > 0 ? `(${number}) ${title}` : title;
    if (number === unseen) return;
    unseen = number;
    void favicon().then((icon) => icon?.show(unseen));
  });
  lastRead.on("elsewhere", (seq) => {
    unread.readElsewhere(seq);
    desktop.clear();
  });
  room.on("out", () => lastRead.leave());
  room.on("welcome", ({ epoch, seq, member }, { first, resumed, gap }) => {
    if (isAnother(gap)) {
      lastRead.forget();
      unread.forget();
      beside.forget();
    }
    const place = lastRead.enter({ epoch, seq });
    if ((first || !resumed) && place) unread.returned(place, member);
  });
}
