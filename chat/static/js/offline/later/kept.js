// The last messages of the rooms visited lately.
//
// A record: { room, at, epoch, seq, member, messages }: everything of that log up to seq was
// seen, and the messages, gapless, are its last ones; at: when it was written; member: who then
// was here.

import { inStore } from "../../base/later/database.js";

const STORE = "rooms";
const MOST = 8; // rooms; those visited longest ago go first

// Undefined where there is none.
export async function readKept(room) {
  try {
    const record = await inStore(STORE, "readonly", (store) => store.get(room));
    return isRecord(record) ? record : undefined;
  } catch {
    return undefined; // nor where the browser keeps nothing
  }
}

export async function writeKept(record) {
  try {
    await inStore(STORE, "readwrite", (store) => {
      store.put(record);
      const rooms = store.index("at").getAllKeys();
      rooms.onsuccess = () => rooms.result.slice(0, -MOST).forEach((room) => store.delete(room));
      return rooms;
    });
  } catch {
    // The browser keeps nothing, or has no room: then nothing is there next time.
  }
}

function isRecord(value) {
  return (
    typeof value?.epoch === "string" &&
    Number.isInteger(value.seq) &&
    typeof value.member?.id === "string" &&
    Array.isArray(value.messages)
  );
}
