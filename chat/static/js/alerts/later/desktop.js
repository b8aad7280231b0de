// Shows desktop notifications. A room has at most one: a newer one replaces the older one.

const LONGEST = 160; // characters of a message

export class Desktop {
  #room;
  #called;
  #names;
  #strings;
  #shown = null;
  #seq = null; // of the message that it shows

  // `called.words`: what people call the room.
  constructor({ room, called, names, strings }) {
    this.#room = room;
    this.#called = called;
    this.#names = names;
    this.#strings = strings;
  }

  // Gives "granted", "denied" or "default" (not asked yet), or "absent" if the browser has no
  // notifications, as on pages without https and on some phones.
  get permission() {
    return isSecureContext && "Notification" in window ? Notification.permission : "absent";
  }

  async ask() {
    if (this.permission === "default") await Notification.requestPermission();
    return this.permission;
  }

  show({ seq, member, text }, { silent = false } = {}) {
    if (this.permission !== "granted") return;
    this.#seq = seq;
    const [nick, room] = [this.#names.text(member), this.#called.words];
    const title = this.#strings.say("notification", { nick, room });
    const options = {
      body: Array.from(text).slice(0, LONGEST).join(""),
      tag: `tchat:${this.#room}`,
      data: { path: location.pathname },
      silent,
    };
    try {
      this.#shown = new Notification(title, options);
    } catch {
      // Android has the permission, but not the constructor. There the service worker shows the
      // notification, and brings this tab back when the reader touches it.
      void this.#registration().then((worker) => worker?.showNotification(title, options));
      return;
    }
    this.#shown.onclick = ({ target }) => {
      window.focus();
      target.close();
    };
  }

  // A message was edited, or removed: then it has no text. Its notification is no new one.
  renew(message) {
    if (message.seq !== this.#seq) return;
    if (message.text === undefined) void this.clear();
    else this.show(message, { silent: true });
  }

  // The reader looks at the page again: its notification is no longer needed.
  async clear() {
    this.#shown?.close();
    this.#shown = null;
    this.#seq = null;
    const worker = this.permission === "granted" && (await this.#registration());
    const shown = worker ? await worker.getNotifications({ tag: `tchat:${this.#room}` }) : [];
    for (const each of shown) each.close();
  }

  async #registration() {
    try {
      return await navigator.serviceWorker?.getRegistration();
    } catch {
      return undefined; // this browser keeps nothing
    }
  }
}
