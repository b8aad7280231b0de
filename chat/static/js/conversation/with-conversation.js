// Wires the messages, their text, and the reader's place among them.

import { Conversation } from "./conversation.js";
import { Days } from "./days.js";
import { Far } from "./far.js";
import { History } from "./history.js";
import { MessageList } from "./message-list.js";
import { Nicks } from "../people/nicks.js";
import { Scroll } from "./scroll.js";
import { Text } from "./text.js";
import { Unread } from "./unread.js";

export function withConversation(page) {
  const { byId, room, posts, sender, strings, dates, muted, beside, parts } = page;
  const [scroller, content, list] = [byId("scroller"), byId("content"), byId("messages")];
  const nicks = new Nicks(room);
  const scroll = new Scroll({ scroller, content, list, button: byId("to-end"), strings });
  const redraw = (change) => messages.quietly(() => scroll.hold(change));
  const text = new Text({ ...page, nicks, redraw });
  const messages = new MessageList(list, dates, text);
  new Far(messages, list);
  new Days({ dates, messages, redraw });
  const history = new History({ room, messages, scroll, scroller, start: byId("start"), strings });
  const unread = new Unread(messages, scroll, beside);
  const shown = { room, messages, posts, sender, scroll, history, unread, muted };
  let loading = null;
  const load = async () => {
    const { withMessages } = await import("./later/with-messages.js");
    withMessages({ ...page, messages, list, scroller });
  };
  // If this fails, the next message tries again.
  messages.on("change", () => {
    loading ??= parts.ahead(load).catch(() => (loading = null));
  });
  return { nicks, text, messages, history, unread, conversation: new Conversation(shown) };
}
