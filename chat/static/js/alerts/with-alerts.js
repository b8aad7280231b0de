// Wires what tells a reader about messages while they look elsewhere, and the settings.

import { LastRead } from "../conversation/last-read.js";
import { isAnother } from "../server/gap.js";
import { openOnDemand } from "../base/opener.js";

export function withAlerts(page) {
  const { byId, name, everywhere, parts, missing } = page;
  const { beside, called, room, messages, unread, conversation } = page;
  const lastRead = new LastRead({ store: everywhere, room: name, messages });
  const fetched = async () => (await import("./later/alerting.js")).alerting({ ...page, lastRead });
  const alerting = parts.once(fetched);
  const load = async () => (await alerting()).makeSettingsBox();
  openOnDemand([byId("settings-button")], parts, load, () => missing("unavailable"));
  // Also what comes before that part of the page is there.
  conversation.on("news", async (message) => (await alerting())?.arrived(message));
  unread.on("change", (number) => called.count(number));
  lastRead.on("elsewhere", (seq) => unread.readElsewhere(seq));
  room.on("out", () => lastRead.leave());
  room.on("welcome", ({ epoch, seq, member }, { first, resumed, gap }) => {
    if (isAnother(gap)) {
      lastRead.forget();
      unread.forget();
      beside.forget();
    }
    const place = lastRead.enter({ epoch, seq });
    if ((first || !resumed) && place) unread.returned(place, member);
    void alerting();
  });
}
