// Wires the messages, their text, and the reader's place among them.

import { Conversation } from "./conversation.js";
import { History } from "./history.js";
import { MessageList } from "./message-list.js";
import { Nicks } from "../people/nicks.js";
import { Scroll } from "./scroll.js";
import { Selection } from "./selection.js";
import { Text } from "./text.js";
import { Unread } from "./unread.js";

export function withConversation(page) {
  const { byId, room, queue, sender, strings, dates, names, muted, beside } = page;
  const [scroller, content, list] = [byId("scroller"), byId("content"), byId("messages")];
  const nicks = new Nicks(room);
  const selection = new Selection(content, list);
  const button = byId("to-end");
  const scroll = new Scroll({ scroller, content, list, button, selection, strings });
  const redraw = (change) =>
    selection.undisturbed(() => messages.quietly(() => scroll.hold(change)));
  const text = new Text({
    ...page,
    nicks,
    selection,
    messages: () => messages,
    redraw,
    keep: (element, change) => messages.quietly(() => scroll.keep(element, change)),
  });
  const messages = new MessageList(list, dates, { text, names, muted, strings });
  names.on("change", () => redraw(() => messages.redrawn(names.renew())));
  const start = byId("start");
  const history = new History({ room, messages, scroll, scroller, selection, start, strings });
  const unread = new Unread(messages, scroll, beside);
  const shown = { room, messages, queue, sender, scroll, history, unread, muted, redraw };
  return { nicks, text, messages, scroll, history, unread, conversation: new Conversation(shown) };
}
