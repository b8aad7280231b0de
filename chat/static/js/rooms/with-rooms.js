// Wires what concerns the room itself: its link, its QR code, and other rooms.

import { openOnDemand } from "../base/opener.js";
import { RecentRooms } from "./recent-rooms.js";
import { Share } from "./share.js";

export function withRooms(page) {
  const { byId, name, root, everywhere, parts, later, room, messages, muted, names, strings } = page;
  const { owners } = page;
  const share = new Share({
    buttons: [byId("share"), byId("empty-share")],
    texts: [byId("empty-link")],
    dialog: () => parts.get(later).then(() => byId("link"), () => page.missing("unavailable")),
    spoken: byId("spoken"),
    strings,
  });
  const recent = new RecentRooms(everywhere);
  const link = share.words;
  const missing = (words) => {
    byId("rooms")?.close();
    page.missing(words);
  };
  const loadRooms = async () => {
    const [{ RoomsBox }, { ConversationCopy }] = await Promise.all([
      import("./later/rooms-box.js"),
      import("./later/conversation-copy.js"),
      later(),
    ]);
    share.serve(byId("rooms-share"));
    byId("rooms-qr").addEventListener("click", projection.open);
    const [button, said] = [byId("rooms-copy"), byId("rooms-said")];
    const copy = new ConversationCopy({ button, said, link, messages, muted, names, strings });
    return new RoomsBox({ ...page, dialog: byId("rooms"), link, recent, copy });
  };
  const loadQr = async () => {
    const [{ Projection }] = await Promise.all([import("./later/projection.js"), later()]);
    return new Projection({
      dialog: byId("qr"),
      preview: byId("empty-qr"),
      text: share.link,
      words: link,
    });
  };
  openOnDemand([byId("rooms-button")], parts, loadRooms, () => missing("unavailable"));
  const projection = openOnDemand([byId("empty-qr")], parts, loadQr, () => missing("unavailable"));
  byId("empty-make").addEventListener("click", () => owners.make?.());
  room.on("welcome", async () => {
    byId("empty-make").hidden = room.standing.made;
    recent.visit(name);
    if (messages.isEmpty) (await projection.get())?.preview();
  });
}
