// Wires what makes this device the reader's own: the language, going on with another device, and
// forgetting all that is kept here.

import { openOnDemand } from "../base/opener.js";
import { takeHanded } from "./handed.js";

const CHANNEL = "tchat:forget";

// `handed`: what the page's address handed over, or null.
export function withDevice(page) {
  const { byId, everywhere, tab, identity, parts, missing, later, handed } = page;
  const others = globalThis.BroadcastChannel && new BroadcastChannel(CHANNEL);

  // From now on, nothing that this page still does is kept.
  const end = () => {
    everywhere.end();
    tab.end();
  };
  // Another tab forgets this device.
  others?.addEventListener("message", () => {
    end();
    location.reload();
  });

  const tellOthers = () => others?.postMessage(null);
  const load = async () => {
    const [{ DeviceBox }] = await Promise.all([import("./later/device-box.js"), later()]);
    return new DeviceBox({ ...page, end, tellOthers });
  };
  openOnDemand([byId("settings-button")], parts, load, () => missing("unavailable"));

  const ask = async (hash) => {
    if (!hash) return;
    try {
      const fetched = () => Promise.all([import("./later/take-over.js"), later()]);
      const [{ TakeOver }] = await parts.get(fetched);
      new TakeOver({ ...page, dialog: byId("take-over") }).ask(hash);
    } catch {
      missing("unavailable");
    }
  };
  ask(handed);
  addEventListener("hashchange", () => ask(takeHanded()));
}
