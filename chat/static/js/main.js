// Wires the features together; says nothing itself.

import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { Dates } from "./dates.js";
import { Identity } from "./identity.js";
import { Muted } from "./muted.js";
import { NickField } from "./nick-field.js";
import { Notice } from "./notice.js";
import { PendingView } from "./pending-view.js";
import { Posts } from "./posts.js";
import { Room } from "./room.js";
import { roomHere } from "./room-here.js";
import { Sender } from "./sender.js";
import { Settings } from "./settings.js";
import { Stage } from "./stage.js";
import { StateLine } from "./state-line.js";
import { Store } from "./store.js";
import { Strings } from "./strings.js";
import { Typing } from "./typing.js";
import { followKeyboard } from "./viewport.js";
import { withAlerts } from "./with-alerts.js";
import { withConversation } from "./with-conversation.js";
import { withOffline } from "./with-offline.js";
import { withPeople } from "./with-people.js";
import { withRooms } from "./with-rooms.js";
import { withShortcuts } from "./with-shortcuts.js";

const TEXT_LIMIT = 2000; // characters, until the server says otherwise

const byId = (id) => document.getElementById(id);
const language = document.documentElement.lang;
const { name, isKept } = roomHere();
const strings = new Strings(JSON.parse(byId("strings").textContent), language);
const dates = new Dates(language);
const everywhere = new Store(() => window.localStorage);
const tab = new Store(() => window.sessionStorage);
const settings = new Settings(everywhere);
const muted = new Muted(everywhere);

const identity = new Identity(everywhere, tab);
const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`;
const connection = new Connection(url);
const room = new Room(name, identity, connection);
const posts = new Posts(tab, name);
const sender = new Sender(posts, (id, text) => room.post(id, text));

const notice = new Notice(byId("notice"));
const page = { byId, name, everywhere, settings, muted, language, strings, dates, notice };
const { nicks, text, messages, history, unread, conversation } = withConversation({
  ...page,
  room,
  posts,
  sender,
});

const author = () => room.member ?? { id: "", nick: identity.lastNick };
const pending = new PendingView({
  list: byId("pending"),
  posts,
  dates,
  text,
  strings,
  author,
  messages,
  edit: (text) => composer.take(text),
});
const typing = new Typing({ room, line: byId("typing"), strings, settings, muted });
const stateLine = new StateLine({
  line: byId("state"),
  spoken: byId("state-spoken"),
  button: byId("state-now"),
  strings,
  retryNow: () => connection.retryNow(),
});
const entry = new NickField({ form: byId("entry"), strings, chosen: (nick) => room.enter(nick) });
const composer = new Composer({
  form: byId("composer"),
  store: tab,
  room: name,
  strings,
  limit: TEXT_LIMIT,
  post,
  typed: () => typing.typed(),
});
const stage = new Stage({
  entry: byId("entry"),
  composer: byId("composer"),
  greetings: { entry: byId("greeting"), joining: byId("joining"), inside: byId("empty") },
  isEmpty: () => messages.isEmpty && posts.all.length === 0,
});
const parts = { room, nicks, messages, conversation, unread, typing, history, composer };
for (const wire of [withPeople, withRooms, withAlerts, withShortcuts]) wire({ ...page, ...parts });
const offline = withOffline({ ...page, ...parts, connection, identity, posts, tab, isKept });
followKeyboard();

function post(text) {
  if (posts.isFull) {
    notice.show(strings.say("tooManyWaiting"));
    return false;
  }
  posts.add(text);
  unread.answered();
  history.toEnd();
  return true;
}

messages.on("change", () => stage.draw());
posts.on("change", () => stage.draw());

connection.on("state", (state) => {
  stateLine.set(state);
  if (state.name === "waiting") entry.busy = false;
  if (state.name === "connecting") text.prepare(); // beside the way in
});

room.on("welcome", ({ limits }, { first, gap }) => {
  stateLine.joined();
  composer.limit = limits?.text ?? TEXT_LIMIT;
  pending.dress();
  if (gap) notice.show(strings.say(gap === "lost" ? "gapLost" : "gapSkipped"));
  const entering = stage.now === "entry";
  stage.set("inside");
  entry.clear();
  // After a reload too, but where a keyboard would have to slide in.
  if (entering || (first && matchMedia("(hover: hover)").matches)) composer.focus();
});
room.on("renamed", ({ member }) => member.id === room.member.id && pending.dress());
room.on("entry refused", (error) => {
  stateLine.refused();
  stage.set("entry");
  entry.offer(identity.lastNick);
  entry.refuse(error);
});

addEventListener("online", () => connection.wake());
addEventListener("offline", () => connection.check());
addEventListener("pageshow", ({ persisted }) => persisted && connection.wake());
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  messages.refreshDays();
  connection.wake();
});

if (isKept) await offline.ready;
entry.offer(identity.lastNick);
if (identity.nick) {
  stage.set("joining");
  room.reenter();
} else {
  stage.set("entry");
  entry.focus();
}
