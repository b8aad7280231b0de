// Wires what concerns the room itself: its link, its QR code, and other rooms.

import { Projection } from "./projection.js";
import { RecentRooms } from "./recent-rooms.js";
import { RoomsBox } from "./rooms-box.js";
import { Share } from "./share.js";

export function withRooms({ byId, name, everywhere, room, messages, muted, notice, strings }) {
  const share = new Share({
    buttons: [byId("share"), byId("empty-share"), byId("rooms-share")],
    texts: [byId("empty-link")],
    dialog: byId("link"),
    spoken: byId("spoken"),
    strings,
  });
  const recent = new RecentRooms(everywhere);
  const link = share.words;
  new RoomsBox({ dialog: byId("rooms"), button: byId("rooms-button"), room: name, link, recent, strings });
  const projection = new Projection({
    dialog: byId("qr"),
    buttons: [byId("rooms-qr")],
    preview: byId("empty-qr"),
    text: share.link,
    words: link,
    missing: () => {
      byId("rooms").close();
      notice.show(strings.say("qrMissing"));
    },
  });
  const [button, said] = [byId("rooms-copy"), byId("rooms-said")];
  let copying = null;
  const loadCopying = async () => {
    const { ConversationCopy } = await import("./on-demand/conversation-copy.js");
    return new ConversationCopy({ button, said, link, messages, muted, strings });
  };
  byId("rooms-button").addEventListener("click", async () => {
    copying ??= loadCopying().catch(() => (copying = null)); // the button stays away; next time
    (await copying)?.offer();
  });
  room.on("welcome", () => {
    recent.visit(name);
    if (messages.isEmpty) projection.preview();
  });
}
