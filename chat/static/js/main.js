// Creates the page's features and connects them with each other.

import { Beside } from "./alerts/beside.js";
import { Composer } from "./writing/composer.js";
import { Connection } from "./server/connection.js";
import { Dates } from "./base/dates.js";
import { Drafts } from "./writing/drafts.js";
import { hasVersion, Parts } from "./base/parts.js";
import { Identity } from "./server/identity.js";
import { Muted } from "./people/muted.js";
import { Names } from "./people/names.js";
import { NickField } from "./people/nick-field.js";
import { Notice } from "./state/notice.js";
import { PendingView } from "./writing/pending-view.js";
import { Posts } from "./writing/posts.js";
import { Room } from "./server/room.js";
import { roomHere } from "./rooms/room-here.js";
import { Sender } from "./writing/sender.js";
import { Settings } from "./state/settings.js";
import { Stage } from "./state/stage.js";
import { takeHanded } from "./device/handed.js";
import { started } from "./state/started.js";
import { StateLine } from "./state/state-line.js";
import { Store } from "./base/store.js";
import { Strings } from "./base/strings.js";
import { thisTab } from "./base/this-tab.js";
import { Typing } from "./writing/typing.js";
import { answerFiles } from "./writing/files.js";
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

const TEXT_LIMIT = 2000; // characters, until the server says otherwise

// The sentence about each gap (server/gap.js).
const GAPS = { skipped: "gapSkipped", gone: "gapGone", lost: "gapLost", changed: "gapChanged" };

const byId = (id) => document.getElementById(id);
const language = document.documentElement.lang;
const { root } = document.body.dataset; // the path of the chat: "" or like "/chat"
const handed = takeHanded(); // first: the address is not for others to see
const { name, isKept, isMissed } = roomHere();
const strings = new Strings(JSON.parse(byId("strings").textContent), language);
const dates = new Dates(language);
const names = new Names(strings);
const everywhere = new Store(() => window.localStorage);
const tab = new Store(() => window.sessionStorage);
const tabId = await thisTab(tab);
const beside = new Beside(`${root}/${name}`, tabId);
const settings = new Settings(everywhere);
const muted = new Muted(everywhere);

const identity = new Identity(everywhere, tab);
const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${root}/ws`;
const connection = new Connection(url, { why: () => whyRefused(root) });
const room = new Room(name, identity, connection);
const posts = new Posts(tab, name);
const sender = new Sender(posts, (id, text) => room.post(id, text));

const notice = new Notice(byId("notice"));
const parts = new Parts(() => hasVersion(document.body.dataset, language));
// Says that a part could not be fetched. If it is gone, the page offers a reload instead.
const missing = (words) => parts.isGone || notice.show(strings.say(words));
const words = { language, strings, dates, names };
const shared = { everywhere, beside, settings, muted, ...words, parts, missing };
const page = { byId, name, root, ...shared };
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
  names,
  author,
  messages,
  edit: (text) => composer.take(text),
});
const typing = new Typing({ room, line: byId("typing"), strings, settings, muted, names });
const stateLine = new StateLine({
  line: byId("state"),
  spoken: byId("state-spoken"),
  button: byId("state-now"),
  strings,
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
const composer = new Composer({
  form: byId("composer"),
  drafts: new Drafts({ store: everywhere, own: tab, tab: tabId, room: name }),
  strings,
  limit: TEXT_LIMIT,
  post,
  typed() {
    typing.typed();
    whoAmI.hide();
  },
});
const stage = new Stage({
  entry: byId("entry"),
  composer: byId("composer"),
  greetings: { entry: byId("greeting"), joining: byId("joining"), inside: byId("empty") },
  isEmpty: () => messages.isEmpty && !history.isEmptied && posts.all.length === 0,
});
const inside = { room, nicks, text, messages, conversation, unread, typing, history, composer };
for (const wire of [withPeople, withRooms, withAlerts, withShortcuts]) wire({ ...page, ...inside });
const offline = withOffline({ ...page, ...inside, connection, identity, posts, tabId, isKept });
withDevice({ ...page, connection, identity, posts, tab, handed });
followKeyboard();
answerFiles(() => notice.show(strings.say("noFiles")));
if (isMissed) notice.show(strings.say("roomMissed"));

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
  if (connection.mustWait) entry.delay();
  else if (state.name === "waiting") entry.busy = false;
});

room.on("welcome", ({ limits }, { first, gap }) => {
  stateLine.joined();
  composer.limit = limits?.text ?? TEXT_LIMIT;
  pending.dress();
  if (gap) notice.show(strings.say(GAPS[gap]));
  const entering = stage.now === "entry";
  stage.set("inside");
  entry.clear();
  text.prepare(); // only now: the messages are first shown as they were written
  // Focus after a reload too, but not on devices where this opens an on-screen keyboard.
  if (entering || (first && matchMedia("(hover: hover)").matches)) composer.focus();
});
room.on("renamed", ({ member }) => {
  if (member.id !== room.member.id) return;
  pending.dress();
  whoAmI.hide();
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
