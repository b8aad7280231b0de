// Wires what owners and the operator do, what people ask of them, and a room's beginning and end.
// Nearly all of it is fetched when it is first needed.

import { takeOwner } from "../owner-link.js";

const OFFERS = ["make", "keep", "manage", "operate", "moderate", "report"];

// Fills `page.owners` with what other parts of the page offer: make(), keep(), manage(), operate(),
// moderate(member) and report(message).
export function withOwners(page) {
  const { byId, room, connection, ownerKeys, called, notice, parts, later, missing } = page;
  let loading = null;
  const fetched = async () => {
    const [{ boxesOf }] = await Promise.all([import("./boxes.js"), later()]);
    return boxesOf(page);
  };
  const load = () => (loading ??= parts.get(fetched).catch(() => (loading = null)));
  const open = async (name, ...given) => {
    const boxes = await load();
    if (boxes) boxes.get(name).open(...given);
    else missing("unavailable");
  };
  for (const name of OFFERS) page.owners[name] = (...given) => open(name, ...given);
  byId("settings-button").addEventListener("click", () => open("settings"));

  const follow = async () => {
    const { standing } = room;
    if (!standing.rules) return; // not in the room yet
    called.set(standing.title);
    const { sent } = ownerKeys;
    ownerKeys.sent = undefined;
    if (sent) (await load())?.judge(sent, standing);
    if (standing.rules.ends_at) void open("ending");
  };
  const look = ({ name, reason }) => {
    if (reason === "banned") notice.hide(); // the state says something else now
    if (name === "stopped" && reason === "ended") void open("ended");
  };
  room.on("welcome", follow);
  room.on("rules", follow);
  connection.on("state", look);
  void follow();
  look(connection.state);
  // An owners' link was opened in this tab, perhaps before this was fetched.
  const take = () => {
    const key = takeOwner();
    if (!key) return;
    ownerKeys.hand(key);
    connection.redial();
  };
  addEventListener("hashchange", take);
  take();
}
