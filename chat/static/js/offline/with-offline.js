// Wires what the page keeps for when there is no server, and the offer of its next version. All
// of it comes after the first view: once somebody is in a room, or when no server answers.

const LATER_MS = 2_000; // after the way in, and then when the page has nothing else to do

export function withOffline(page) {
  const { room, connection, isKept } = page;
  let loading = null;
  let isIn = false;

  const load = () => (loading ??= fetchAll(page).catch(() => (loading = null)));
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

async function fetchAll(page) {
  const { Offline } = await import("./later/offline.js");
  return new Offline(page);
}

function whenIdle(then) {
  const ask = globalThis.requestIdleCallback ?? ((go) => go()); // Safari has none
  setTimeout(() => ask(then), LATER_MS);
}
