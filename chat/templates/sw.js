// Keeps one whole version of the page for times without a server. A file's name changes with its
// content, so the files of two versions never mix in one page.

"use strict";

const KEPT = {{ kept|tojson }}; // { version, root, files, later, pages: language → address, otherwise }

// The chat may be under a path, and another one beside it, under another path, with caches of its
// own. The root ("/chat", or nothing) ends a cache's name.
const CACHE = `tchat:${KEPT.version}${KEPT.root}`;
const isOurs = (name) => name.replace(/^tchat:\w*/, "") === KEPT.root;
const FILES = [`${KEPT.root}/static/`, `${KEPT.root}/later/`];
const CHOSEN = `tchat-language:${KEPT.root}`; // the cache that has the language of the reader's choice
const PATIENCE_MS = 3_000; // for the server's page; then the kept one is shown

// Keeps all files or none: if one is missing, the browser tries again another time. Files that the
// page has just loaded come from the browser's own cache.
async function keep() {
  const cache = await caches.open(CACHE);
  await cache.addAll([...KEPT.files, ...Object.values(KEPT.pages)]);
}

// Removes old versions, but not the one before: a tab that was not reloaded may still need it.
async function tidy() {
  const others = (await caches.keys()).filter((name) => isOurs(name) && name !== CACHE);
  await Promise.all(others.slice(0, -1).map((name) => caches.delete(name)));
  await clients.claim();
}

// Gives the server's page, of any version. If there is no server, or it has failed, gives the page
// kept here, which takes the room's name from its address.
async function page(request) {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), PATIENCE_MS);
  let answer = null;
  try {
    answer = await fetch(request, { signal: patience.signal });
    if (answer.status < 500) return answer;
  } catch {
    // There is no server, or it did not answer in time.
  } finally {
    clearTimeout(timer);
  }
  return (await caches.match(KEPT.pages[await language()])) ?? answer ?? Response.error();
}

// Chooses the language as the server does: the reader's choice, or else the browser's. The page
// writes the choice down here, because not every browser shows a worker the cookies.
async function language() {
  const kept = await caches.match(`${KEPT.root}/language`, { cacheName: CHOSEN });
  const chosen = await kept?.text();
  if (chosen in KEPT.pages) return chosen;
  const spoken = navigator.languages.map((tag) => tag.split("-")[0]);
  return spoken.find((each) => each in KEPT.pages) ?? KEPT.otherwise;
}

async function file(event, path) {
  const kept = await caches.match(path);
  if (kept) return kept;
  const answer = await fetch(event.request);
  if (answer.ok && KEPT.later.includes(path)) event.waitUntil(add(path, answer.clone()));
  return answer;
}

// Keeps a file that is not kept from the start, once it was asked for.
async function add(path, answer) {
  try {
    await (await caches.open(CACHE)).put(path, answer);
  } catch {
    // The disk is full. The page gets its file anyway.
  }
}

async function show(path) {
  const tabs = await clients.matchAll({ type: "window", includeUncontrolled: true });
  const tab = tabs.find(({ url }) => new URL(url).pathname === path);
  await (tab ? tab.focus() : clients.openWindow(path));
}

addEventListener("install", (event) => event.waitUntil(keep()));
addEventListener("activate", (event) => event.waitUntil(tidy()));

addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  const isHere = pathname.startsWith(`${KEPT.root}/`);
  const isPage = isHere && /^\/+(r(\/|$)|$)/i.test(pathname.slice(KEPT.root.length));
  if (request.mode === "navigate" && isPage) event.respondWith(page(request));
  else if (FILES.some((folder) => pathname.startsWith(folder))) event.respondWith(file(event, pathname));
});

// A page asks this worker to replace the one before, now. A page that came from the server asks
// only a worker of its own version. A reader who wants the new version asks any worker.
addEventListener("message", ({ data }) => {
  if (data?.type === "take over" && [undefined, KEPT.version].includes(data.version)) skipWaiting();
});

addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(show(event.notification.data.path));
});
