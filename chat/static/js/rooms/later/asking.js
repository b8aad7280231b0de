// Asks the server to make a room, over a connection of its own: a page makes a room before it joins
// it, and it may be in another room meanwhile.

import { Socket } from "../../server/socket.js";

const PATIENCE_MS = 15_000;

// Gives { room, owner }. Fails with the server's error, or with { code: "out" } if it does not
// answer; whether it made the room is then unknown.
export function askToMake(url, command, dial = (...given) => new Socket(...given)) {
  return new Promise((done, failed) => {
    const lost = () => failed({ code: "out" });
    const timer = setTimeout(() => socket.abandon(), PATIENCE_MS);
    const end = (settle, value) => {
      clearTimeout(timer);
      settle(value);
      socket.abandon();
    };
    const socket = dial(url, {
      opened: () => socket.send(command),
      received(event) {
        if (event.type === "made") end(done, event);
        else if (event.type === "error") end(failed, event);
      },
      closed() {
        clearTimeout(timer);
        lost(); // nothing, if it was answered
      },
    });
  });
}
