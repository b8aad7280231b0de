// Wires what a message offers: its exact time, its actions, its place among the stops of Tab, the way
// to the message that it answers, and what its author has asked for.

import { AimLine } from "../../writing/later/aim-line.js";
import { Permission } from "../../writing/later/permission.js";
import { actionsOf, quoteFrom } from "./actions.js";
import { Going } from "./going.js";
import { MessageActions } from "./message-actions.js";
import { withMessageKeys } from "./message-keys.js";
import { MessageSheet } from "./message-sheet.js";
import { MessageStops } from "./message-stops.js";
import { PinLine } from "./pin-line.js";
import { withSwipe } from "./swipe.js";
import { Wishes } from "./wishes.js";

export function withMessages(page) {
  const { byId, messages, dates, muted, names, strings, inside } = page;
  const { room, queue, composer, writing, scroll } = inside();
  const [list, scroller, area, form] = ["messages", "scroller", "text", "composer"].map(byId);
  const all = { ...page, ...inside() };
  const actions = actionsOf(all);
  const spoken = byId("spoken");
  new MessageStops({ list, scroller, messages });
  const dialog = byId("message-sheet");
  const sheet = new MessageSheet({ dialog, list, messages, actions, names, dates, strings, spoken });
  new MessageActions({ list, messages, dates, muted, actions, sheet, strings, spoken });
  withMessageKeys({ list, messages, room, queue, composer });
  withSwipe(list, (element) => composer.answer(quoteFrom(messages.viewOf(element).message)));
  const going = new Going(all);
  for (const each of [list, byId("pending")]) {
    each.addEventListener("click", ({ target }) => {
      const quote = target.closest(".quote");
      if (quote) void going.to(Number(quote.dataset.to));
    });
  }
  const keep = (change) => messages.quietly(() => scroll.hold(change));
  new Wishes({ queue, messages, composer, strings, keep });
  const [pin, aim, line] = [byId("pin"), byId("aim"), byId("cannot-write")];
  document.querySelector(".top").append(pin);
  form.prepend(line, aim);
  new PinLine({ box: pin, room, queue, names, strings, go: (seq) => going.to(seq) });
  const button = form.querySelector("[type=submit]");
  new AimLine({ box: aim, area, button, composer, messages, room, queue, names, muted, strings });
  writing.permission = new Permission({ line, room, strings, spoken });
}
