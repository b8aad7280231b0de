// This browser's own database: localStorage is small, and the keys that prove nicks must not run
// out of room there.

const NAME = "tchat";

let opening = null;

// Do what `ask(store)` asks for in one transaction, and give the result of the request that it
// returns. Fails where the browser keeps nothing: a private window, a full disk.
export async function inStore(name, mode, ask) {
  const transaction = (await (opening ??= open())).transaction(name, mode);
  const request = ask(transaction.objectStore(name));
  await new Promise((done, failed) => {
    transaction.oncomplete = done;
    transaction.onabort = () => failed(transaction.error);
  });
  return request.result;
}

function open() {
  return new Promise((done, failed) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      const rooms = request.result.createObjectStore("rooms", { keyPath: "room" });
      rooms.createIndex("at", "at");
      request.result.createObjectStore("posts", { keyPath: ["room", "tab"] });
    };
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
}
