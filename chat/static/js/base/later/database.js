// Opens the page's own database in this browser. Large things are kept here, because localStorage
// is small and must have room for the keys that prove nicks.

const NAME = "tchat";

let opening = null;

// Runs `ask(store)` in one transaction and gives the result of the request that it returns. Fails
// if the browser keeps nothing, as in a private window or on a full disk.
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
    request.onsuccess = () => {
      request.result.onversionchange = () => close(request.result);
      done(request.result);
    };
    request.onerror = () => failed(request.error);
  });
}

// Deletes the database, in all tabs.
export function dropDatabase() {
  return new Promise((done, failed) => {
    const request = indexedDB.deleteDatabase(NAME);
    request.onsuccess = () => done();
    request.onerror = () => failed(request.error);
  });
}

// Some tab deletes the database. This page does not make it anew.
function close(database) {
  database.close();
  opening = Promise.reject(new Error("deleted"));
  opening.catch(() => {}); // whoever asks next is told
}
