// Wires what tells a reader about messages while they look elsewhere, and the settings.

import { Alerts } from "./alerts.js";
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
  const loadDesktop = async () => {
    const { Desktop } = await import("./later/desktop.js");
    return new Desktop(name, { names, strings });
  };
  const desktop = parts.once(loadDesktop);
  const show = async (message) => (await desktop())?.show(message);
  // Without the permission there is no notification to close.
  const clear = async () => mayNotify() && (await desktop())?.clear();
  const alerts = new Alerts({ settings, ring, show, text, beside });
  let unseen = 0;
  const lastRead = new LastRead({ store: everywhere, room: name, messages });
  const title = document.title;
  const load = async () => {
    const [{ SettingsBox }, { MutedList }, desktop] = await Promise.all([
      import("../state/later/settings-box.js"),
      import("../people/later/muted-list.js"),
      loadDesktop(),
    ]);
    new MutedList({ section: byId("muted"), muted, names, strings });
    return new SettingsBox({ dialog: byId("settings"), settings, desktop, ring, strings });
  };
  openOnDemand([byId("settings-button")], parts, load, () => missing("unavailable"));
  addEventListener("focus", () => void clear());
  conversation.on("news", (message) => alerts.arrived(message));
  unread.on("change", (number) => {
    document.title = number > 0 ? `(${number}) ${title}` : title;
    if (number === unseen) return;
    unseen = number;
    void favicon().then((icon) => icon?.show(unseen));
  });
  lastRead.on("elsewhere", (seq) => {
    unread.readElsewhere(seq);
    void clear();
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

const mayNotify = () => globalThis.Notification?.permission === "granted";
