// Creates the page's features and connects them with each other.

import { Beside } from "./alerts/beside.js";
import { Connection } from "./server/connection.js";
import { Dates } from "./base/dates.js";
import { hasVersion, Parts } from "./base/parts.js";
import { Identity } from "./server/identity.js";
import { Muted } from "./people/muted.js";
import { Names } from "./people/names.js";
import { NickField } from "./people/nick-field.js";
import { OwnerKeys } from "./owners/owner-keys.js";
import { Notice } from "./state/notice.js";
import { Queue } from "./writing/queue.js";
import { Room } from "./server/room.js";
import { RoomTitle } from "./rooms/room-title.js";
import { roomHere } from "./rooms/room-here.js";
import { Sender } from "./writing/sender.js";
import { Settings } from "./state/settings.js";
import { Stage } from "./state/stage.js";
import { takeHanded } from "./device/handed.js";
import { takeOwner } from "./owners/owner-link.js";
import { started } from "./state/started.js";
import { StateLine } from "./state/state-line.js";
import { Store } from "./base/store.js";
import { Strings } from "./base/strings.js";
import { thisTab } from "./base/this-tab.js";
import { Typing } from "./writing/typing.js";
import { laterPage } from "./base/later-page.js";
import { followKeyboard } from "./state/viewport.js";
import { whyRefused } from "./server/refusal.js";
import { WhoAmI } from "./state/who-am-i.js";
import { withAlerts } from "./alerts/with-alerts.js";
import { withConversation } from "./conversation/with-conversation.js";
import { withDevice } from "./device/with-device.js";
import { withOffline } from "./offline/with-offline.js";
import { withPeople } from "./people/with-people.js";
import { withRooms } from "./rooms/with-rooms.js";
import { withShortcuts } from "./state/with-shortcuts.js";
import { withWriting } from "./writing/with-writing.js";

// The sentence about each gap (server/gap.js).
const GAPS = { skipped: "gapSkipped", gone: "gapGone", lost: "gapLost", changed: "gapChanged" };

const byId = (id) => document.getElementById(id);
const language = document.documentElement.lang;
const { root } = document.body.dataset; // the path of the chat: "" or like "/chat"
// First: the address is not for others to see.
const ownerKey = takeOwner();
const handed = takeHanded();
const { name, isKept, isMissed } = roomHere();
const strings = new Strings(JSON.parse(byId("strings").textContent), language);
const dates = new Dates(language);
const names = new Names(strings);
const everywhere = new Store(() => window.localStorage);
const tab = new Store(() => window.sessionStorage);
const called = new RoomTitle({ name, store: everywhere, strings });
const tabId = await thisTab(tab);
const beside = new Beside(`${root}/${name}`, tabId);
const settings = new Settings(everywhere);
const muted = new Muted(everywhere);

const identity = new Identity(everywhere, tab);
const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${root}/ws`;
const connection = new Connection(url, { why: () => whyRefused(root) });
const ownerKeys = new OwnerKeys({ everywhere, tab, room: name });
if (ownerKey) ownerKeys.hand(ownerKey);
const room = new Room(name, identity, connection, { ownerKey: () => ownerKeys.next() });
const queue = new Queue(tab, name);
const sender = new Sender(queue, (command) => room.send(command), {
  giveBack: (...refusal) => writing.giveBack(...refusal),
});

const notice = new Notice(byId("notice"));
const parts = new Parts(() => hasVersion(document.body.dataset, language));
// Says that a part could not be fetched. If it is gone, the page offers a reload instead.
const missing = (words) => parts.isGone || notice.show(strings.say(words));
const words = { language, strings, dates, names };
const later = laterPage(document.body.dataset.later, strings);
const owners = {}; // what owners/later/with-owners.js offers, once it is here
const shared = { everywhere, beside, settings, muted, ...words, parts, missing, later };
const page = { byId, name, called, root, owners, ...shared };
const { nicks, text, messages, scroll, history, unread, conversation } = withConversation({
  ...page,
  room,
  queue,
  sender,
  inside: () => inside,
});

const typing = new Typing({ room, line: byId("typing"), strings, settings, muted, names });
const stateLine = new StateLine({
  line: byId("state"),
  spoken: byId("state-spoken"),
  button: byId("state-now"),
  strings,
  dates,
  retryNow: () => connection.retryNow(),
});
const entry = new NickField({
  form: byId("entry"),
  strings,
  chosen(nick) {
    room.enter(nick);
    if (connection.mustWait) entry.delay();
  },
  owns: (nick) => identity.owns(nick),
});
const whoAmI = new WhoAmI({
  box: byId("who-am-i"),
  strings,
  another() {
    identity.leave();
    location.reload();
  },
});
const writing = withWriting({
  ...page,
  tab,
  tabId,
  room,
  identity,
  queue,
  text,
  messages,
  history,
  unread,
  notice,
  typed() {
    typing.typed();
    whoAmI.hide();
  },
});
const { composer } = writing;
const stage = new Stage({
  entry: byId("entry"),
  composer: byId("composer"),
  greetings: { entry: byId("greeting"), joining: byId("joining"), inside: byId("empty") },
  isEmpty: () => messages.isEmpty && !history.isEmptied && queue.posts.length === 0,
});
const shown = { nicks, text, messages, scroll, conversation, unread, typing, history };
const inside = { room, ...shown, queue, writing, composer, notice, connection, ownerKeys, url, stage };
const folded = withPeople({ ...page, ...inside });
for (const wire of [withRooms, withAlerts, withShortcuts]) wire({ ...page, ...inside });
const offline = withOffline({ ...page, ...inside, connection, identity, queue, tabId, isKept });
withDevice({ ...page, connection, identity, ownerKeys, queue, tab, handed });
followKeyboard();
if (isMissed) notice.show(strings.say("roomMissed"));

messages.on("change", () => stage.draw());
queue.on("change", () => stage.draw());

connection.on("state", (state) => {
  stateLine.set(state);
  if (connection.mustWait) entry.delay();
  else if (state.name === "waiting" || state.name === "stopped") entry.busy = false;
  if (state.name === "stopped") text.prepare(); // it knows what to say of an end
  if (state.name === "stopped" || state.reason === "banned") whoAmI.hide();
  if (stage.now === "joining" && (state.name === "stopped" || state.reason === "banned")) stage.set("outside");
});

room.on("welcome", (_, { first, gap }) => {
  stateLine.joined();
  if (gap) notice.show(strings.say(GAPS[gap]));
  const entering = stage.now === "entry";
  stage.set("inside");
  entry.clear();
  text.prepare(); // only now: the messages are first shown as they were written
  // Focus after a reload too, but not on devices where this opens an on-screen keyboard.
  if (entering || (first && matchMedia("(hover: hover)").matches)) composer.focus();
});
room.on("renamed", ({ member }) => {
  if (member.id === room.member.id) whoAmI.hide();
});
room.on("entry refused", (error) => {
  stateLine.refused();
  stage.set("entry");
  whoAmI.hide();
  entry.offer(identity.lastNick);
  entry.refuse(error);
});

addEventListener("online", () => connection.wake());
addEventListener("offline", () => connection.check());
addEventListener("pageshow", ({ persisted }) => {
  if (persisted && identity.isStale) location.reload();
  else if (persisted) connection.wake();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) connection.wake();
});

await folded;
if (isKept) await offline.ready;
started();
entry.offer(identity.lastNick);
if (identity.nick) {
  stage.set("joining");
  whoAmI.show(identity.nick);
  room.reenter();
} else {
  stage.set("entry");
  entry.focus();
}
