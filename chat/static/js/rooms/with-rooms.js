// Wires what concerns the room itself: its link, its QR code, and other rooms.

import { openOnDemand } from "../base/opener.js";
import { RecentRooms } from "./recent-rooms.js";
import { Share } from "./share.js";

export function withRooms(page) {
  const { byId, name, root, everywhere, parts, room, messages, muted, names, strings } = page;
  const share = new Share({
    buttons: [byId("share"), byId("empty-share"), byId("rooms-share")],
    texts: [byId("empty-link")],
    dialog: byId("link"),
    spoken: byId("spoken"),
    strings,
  });
  const recent = new RecentRooms(everywhere);
  const link = share.words;
  const missing = (words) => {
    byId("rooms").close();
    page.missing(words);
  };
  const loadRooms = async () => {
    const [{ RoomsBox }, { ConversationCopy }] = await Promise.all([
      import("./later/rooms-box.js"),
      import("./later/conversation-copy.js"),
    ]);
    const [button, said] = [byId("rooms-copy"), byId("rooms-said")];
    const copy = new ConversationCopy({ button, said, link, messages, muted, names, strings });
    return new RoomsBox({ dialog: byId("rooms"), room: name, root, link, recent, copy, strings });
  };
  const loadQr = async () => {
    const { Projection } = await import("./later/projection.js");
    return new Projection({
      dialog: byId("qr"),
      preview: byId("empty-qr"),
      text: share.link,
      words: link,
    });
  };
  openOnDemand([byId("rooms-button")], parts, loadRooms, () => missing("unavailable"));
  const qrButtons = [byId("rooms-qr"), byId("empty-qr")];
  const projection = openOnDemand(qrButtons, parts, loadQr, () => missing("qrMissing"));
  room.on("welcome", async () => {
    recent.visit(name);
    if (messages.isEmpty) (await projection())?.preview();
  });
}
