// Tells a reader who looks elsewhere of messages: by a sound, a notification, and the number in the
// icon.

import { Alerts } from "./alerts.js";

// Gives { ring, loadDesktop }, which the settings need too.
export function alerting(page) {
  const { name, called, parts, later, settings, names, strings, beside } = page;
  const { room, text, conversation, unread, lastRead } = page;
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
  conversation.on("news", (message) => alerts.arrived(message));
  unread.on("change", count);
  count(unread.number);
  lastRead.on("elsewhere", () => void clear());
  for (const news of ["edited", "removed"]) {
    room.on(news, async ({ target, member, text }) => {
      if (target && mayNotify()) (await desktop())?.renew({ seq: target, member, text: text ?? undefined });
    });
  }
  return { ring, loadDesktop };
}

const mayNotify = () => globalThis.Notification?.permission === "granted";
