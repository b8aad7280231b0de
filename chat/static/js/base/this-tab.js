// Finds out which tab this is. A reload and another room are the same tab, which goes on with what
// its sessionStorage has. But browsers copy that storage for a duplicated tab, and for one that a
// script opens. Such a copy becomes a tab of its own: what waits in the storage is the original's.
//
// A page that is left says so in the storage. So there is nothing to ask, unless the browser ended
// it without a word, or the storage is a copy: then the original, which is open, answers. This
// needs no https. Without BroadcastChannel a copy stays the same tab: both show the posts that
// wait, and the log takes each of them once.

import { openChannel } from "./channel.js";
import { makeId } from "./ids.js";

const CHANNEL = "tchat:tabs";
const PATIENCE_MS = 300; // for an answer

const isId = (value) => typeof value === "string";
const isTrue = (value) => value === true;

// The name of the lock that a tab holds for as long as it is open, where a browser has locks.
export const lockOf = (id) => `tchat:tab:${id}`;

// Gives the tab's id. `store`: the tab's own.
export async function thisTab(store) {
  const known = store.read("tab", isId);
  const isCopy = known && store.read("open", isTrue) && (await isOpen(known));
  if (isCopy) leaveToOriginal(store);
  const id = known && !isCopy ? known : makeId();
  store.write("tab", id);
  const open = () => store.write("open", true);
  open();
  addEventListener("pageshow", open);
  addEventListener("pagehide", () => store.remove("open"));
  answer(id);
  navigator.locks?.request(lockOf(id), () => new Promise(() => {})).catch(() => {}); // forbidden
  return id;
}

// A duplicated tab is of the same person and enters at once, like a reload. A new tab shows the
// form.
function leaveToOriginal(store) {
  const [{ type } = {}] = performance.getEntriesByType("navigation");
  const me = type === "navigate" ? undefined : store.read("me", (value) => value !== null);
  store.empty();
  if (me) store.write("me", me);
}

function isOpen(id) {
  const channel = openChannel(CHANNEL);
  if (!channel) return false;
  return new Promise((done) => {
    const end = (isAnswered) => {
      channel.close();
      done(isAnswered);
    };
    channel.onmessage = ({ data }) => data.here === id && end(true);
    channel.postMessage({ asked: id });
    setTimeout(end, PATIENCE_MS, false);
  });
}

function answer(id) {
  const channel = openChannel(CHANNEL);
  if (!channel) return;
  channel.onmessage = ({ data }) => data.asked === id && channel.postMessage({ here: id });
}
