// The rooms visited with this browser, the latest first.

import { isRoom } from "./room-name.js";

const NAME = "rooms";
const MOST = 8;

export class RecentRooms {
  #store;

  constructor(store) {
    this.#store = store;
  }

  // They are read each time, because other tabs visit rooms too.
  get all() {
    return sound(this.#store.read(NAME, Array.isArray));
  }

  visit(room) {
    this.#store.update(NAME, Array.isArray, (rooms) => {
      return [room, ...sound(rooms).filter((each) => each !== room)].slice(0, MOST);
    });
  }
}

function sound(rooms = []) {
  return rooms.filter((room) => typeof room === "string" && isRoom(room)).slice(0, MOST);
}
