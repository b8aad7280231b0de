// Wires the messages, their text, and the reader's place among them.

import { Conversation } from "./conversation.js";
import { Days } from "./days.js";
import { Far } from "./far.js";
import { History } from "./history.js";
import { MessageList } from "./message-list.js";
import { Nicks } from "../people/nicks.js";
import { Scroll } from "./scroll.js";
import { Selection } from "./selection.js";
import { Text } from "./text.js";
import { Unread } from "./unread.js";

export function withConversation(page) {
  const { byId, room, posts, sender, strings, dates, names, muted, beside } = page;
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
  const messages = new MessageList(list, dates, { text, names });
  names.on("change", () => redraw(() => messages.redrawn(names.renew())));
  new Far(messages, list);
  new Days({ dates, messages, redraw });
  const start = byId("start");
  const history = new History({ room, messages, scroll, scroller, selection, start, strings });
  const unread = new Unread(messages, scroll, beside);
  const shown = { room, messages, posts, sender, scroll, history, unread, muted };
  return { nicks, text, messages, history, unread, conversation: new Conversation(shown) };
}
