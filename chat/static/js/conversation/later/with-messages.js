// Wires what a message offers: its exact time, its actions, and its place among the stops of Tab.

import { actionsOf } from "./actions.js";
import { MessageActions } from "./message-actions.js";
import { MessageStops } from "./message-stops.js";

export function withMessages({ byId, messages, dates, muted, names, room, strings }) {
  const [list, scroller] = [byId("messages"), byId("scroller")];
  const actions = actionsOf({ muted, names, room, strings });
  new MessageStops({ list, scroller, messages });
  new MessageActions({ list, messages, dates, muted, actions, spoken: byId("spoken") });
}
