// Wires what the page keeps for when there is no server, and the offer of its next version. All
// of it comes after the first view: once somebody is in a room, or when no server answers.

import { UpdateOffer } from "./update-offer.js";

const LATER_MS = 2_000; // after the way in, and then when the page has nothing else to do

export function withOffline(page) {
  const { byId, room, connection, parts, strings, isKept } = page;
  let loading = null;
  let offline = null;
  let isIn = false;

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

  room.on("welcome", (event) => {
    isIn = true;
    whenIdle(async () => (await load())?.entered(event.page));
  });
  connection.on("state", ({ name }) => {
    if (name === "waiting" && !isIn) recall();
  });

  // Settled before the page begins: on the kept page, with the last messages in view.
  return { ready: isKept ? recall() : null };
}

function whenIdle(then) {
  const ask = globalThis.requestIdleCallback ?? ((go) => go()); // Safari has none
  setTimeout(() => ask(then), LATER_MS);
}
