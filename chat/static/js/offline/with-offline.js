// Wires what the page keeps for times without a server, and the offer of its next version. Nearly
// all of it is fetched after the first view: after the join, or when no server answers.

import { UpdateOffer } from "./update-offer.js";

const LATER_MS = 2_000; // after the join; then it waits until the page has nothing else to do
const LATEST_MS = 3_000; // at most: some browsers never say so of a page that draws nothing

export function withOffline(page) {
  const { byId, everywhere, room, connection, parts, strings, isKept } = page;
  let loading = null;
  let offline = null;
  let isIn = false;
  let since; // every entry after this seq was told to this page

  const reload = async () => {
    await offline?.takeOver();
    location.reload();
  };
  const offer = new UpdateOffer({ box: byId("update"), strings, reload });
  parts.on("gone", () => offer.insist());

  const fetchAll = async () => {
    const { Offline } = await import("./later/offline.js");
    return (offline = new Offline({ ...page, offer }));
  };
  const load = () => (loading ??= parts.ahead(fetchAll).catch(() => (loading = null)));
  const recall = async () => (await load())?.recall();

  room.on("welcome", (event, { resumed }) => {
    isIn = true;
    if (!resumed) since = event.seq;
    whenIdle(async () => (await load())?.entered(event.page, since));
  });
  for (const news of ["edited", "removed"]) {
    room.on(news, async ({ target }) => target && (await load())?.changed(target));
  }
  connection.on("state", async ({ name, reason }) => {
    if (name === "waiting" && !isIn) recall();
    if (name !== "stopped" || reason !== "ended") return;
    everywhere.remove(`read:${page.name}`);
    await (await load())?.end();
  });

  // The kept page starts when `ready` settles; then the last messages are shown.
  return { ready: isKept ? recall() : null };
}

function whenIdle(then) {
  const ask = globalThis.requestIdleCallback ?? ((go) => go()); // Safari has none
  setTimeout(() => ask(then, { timeout: LATEST_MS }), LATER_MS);
}
