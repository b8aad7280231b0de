// Tells a reader who looks elsewhere of messages: by a sound, a notification, and the number in the
// icon.

import { Alerts } from "./alerts.js";

// Gives { arrived }, to be told of messages, and { makeSettingsBox }.
export function alerting(page) {
  const { byId, name, called, parts, later, settings, muted, names, strings, beside } = page;
  const { room, text, unread, lastRead } = page;
  const chime = parts.once(async () => new (await import("./chime.js")).Chime());
  const ring = async () => (await chime())?.ring();
  const icon = document.querySelector("link[rel=icon]");
  const favicon = parts.once(async () => new (await import("./favicon.js")).Favicon(icon));
  const loadDesktop = async () => {
    const [{ Desktop }] = await Promise.all([import("./desktop.js"), later()]);
    return new Desktop({ room: name, called, names, strings });
  };
  const desktop = parts.once(loadDesktop);
  const show = async (message) => (await desktop())?.show(message);
  // Without the permission there is no notification to close.
  const clear = async () => mayNotify() && (await desktop())?.clear();
  const alerts = new Alerts({ settings, ring, show, text, beside });
  let unseen = 0;
  const count = (number) => {
    if (number === unseen) return;
    unseen = number;
    void favicon().then((icon) => icon?.show(unseen));
  };
  addEventListener("focus", () => void clear());
  unread.on("change", count);
  count(unread.number);
  lastRead.on("elsewhere", () => void clear());
  for (const news of ["edited", "removed"]) {
    room.on(news, async ({ target, member, text }) => {
      if (target && mayNotify()) (await desktop())?.renew({ seq: target, member, text: text ?? undefined });
    });
  }
  const makeSettingsBox = async () => {
    const [{ SettingsBox }, { MutedList }, desktop] = await Promise.all([
      import("../../state/later/settings-box.js"),
      import("../../people/later/muted-list.js"),
      loadDesktop(),
    ]);
    new MutedList({ section: byId("muted"), muted, names, strings });
    return new SettingsBox({ dialog: byId("settings"), settings, desktop, ring, strings });
  };
  return { makeSettingsBox, arrived: (message) => alerts.arrived(message) };
}

const mayNotify = () => globalThis.Notification?.permission === "granted";
