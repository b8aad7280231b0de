// Reads and writes the last messages of the rooms visited lately.
//
// A record: { room, at, epoch, seq, seenAt, member, messages }. Everything of that log up to seq
// was seen, and `seenAt` is the server's time of the entry with that seq. `messages` are its last
// messages, without a gap, as they were then: edited and removed as far as that was told. `at` says when the record was written, and `member` who was here then.

import { inStore } from "../../base/later/database.js";

const STORE = "rooms";
const MOST = 8; // rooms; those visited longest ago are deleted first

// Gives undefined if there is no record.
export async function readKept(room) {
  try {
    const record = await inStore(STORE, "readonly", (store) => store.get(room));
    return isRecord(record) ? { ...record, seenAt: seenAt(record) } : undefined;
  } catch {
    return undefined; // the browser keeps nothing
  }
}

// Writes what `change(record)` makes of the record as it is now, in one step: all tabs write it. Nothing
// is written if that gives null. The record may be absent.
export async function changeKept(room, change) {
  try {
    await inStore(STORE, "readwrite", (store) => {
      const read = store.get(room);
      read.onsuccess = () => {
        const record = change(isRecord(read.result) ? read.result : undefined);
        if (!record) return;
        store.put(record);
        const rooms = store.index("at").getAllKeys();
        rooms.onsuccess = () => rooms.result.slice(0, -MOST).forEach((old) => store.delete(old));
      };
      return read;
    });
  } catch {
    // The browser keeps nothing, or its storage is full: next time this record is not there.
  }
}

export async function dropKept(room) {
  try {
    await inStore(STORE, "readwrite", (store) => store.delete(room));
  } catch {
    // The browser keeps nothing.
  }
}

// An earlier version of the page wrote no `seenAt`. There the last message is always that entry.
function seenAt(record) {
  return record.seenAt ?? record.messages.at(-1)?.at;
}

function isRecord(value) {
  return (
    typeof value?.epoch === "string" &&
    Number.isInteger(value.seq) &&
    typeof value.member?.id === "string" &&
    Array.isArray(value.messages)
  );
}
