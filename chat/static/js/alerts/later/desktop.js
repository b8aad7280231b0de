// Shows desktop notifications. A room has at most one: a newer one replaces the older one.

const LONGEST = 160; // characters of a message

export class Desktop {
  #room;
  #names;
  #strings;
  #shown = null;

  constructor(room, { names, strings }) {
    this.#room = room;
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

  show({ member, text }) {
    if (this.permission !== "granted") return;
    const title = this.#strings.say("notification", { nick: this.#names.text(member), room: this.#room });
    const options = {
      body: Array.from(text).slice(0, LONGEST).join(""),
      tag: `tchat:${this.#room}`,
      data: { path: location.pathname },
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

  // The reader looks at the page again: its notification is no longer needed.
  async clear() {
    this.#shown?.close();
    this.#shown = null;
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
