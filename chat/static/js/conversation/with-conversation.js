// Wires the messages, their text, and the reader's place among them.

import { Conversation } from "./conversation.js";
import { Far } from "./far.js";
import { History } from "./history.js";
import { MessageList } from "./message-list.js";
import { Nicks } from "../people/nicks.js";
import { Scroll } from "./scroll.js";
import { Text } from "./text.js";
import { Unread } from "./unread.js";

export function withConversation(page) {
  const { byId, room, posts, sender, strings, dates, muted, beside } = page;
  const [scroller, content, list] = [byId("scroller"), byId("content"), byId("messages")];
  const nicks = new Nicks(room);
  const scroll = new Scroll({ scroller, content, list, button: byId("to-end"), strings });
  const redraw = (change) => messages.quietly(() => scroll.hold(change));
  const text = new Text({ ...page, nicks, redraw });
  const messages = new MessageList(list, dates, text);
  new Far(messages, list);
  const history = new History({ room, messages, scroll, scroller, start: byId("start"), strings });
  const unread = new Unread(messages, scroll, beside);
  const parts = { room, messages, posts, sender, scroll, history, unread, muted };
  return { nicks, text, messages, history, unread, conversation: new Conversation(parts) };
}
