// Says that the conversation has ended, where the composer was. What the page shows can still be read
// and kept as a copy, as long as it is open.

import { forgetKeys } from "./judging.js";

export const ended = (page) => ({ open: () => show(page) });

function show({ byId, messages, owners, ownerKeys, strings, stage }) {
  forgetKeys(ownerKeys);
  stage.set("ended");
  if (document.querySelector("section.ended")) return;
  document.querySelector(".ending")?.remove();
  const section = byId("ended").content.firstElementChild.cloneNode(true);
  const part = (name) => section.querySelector(`[data-part=${name}]`);
  section.querySelector(".hint").textContent = strings.say(messages.isEmpty ? "endedGone" : "endedScreen");
  part("keep").hidden = messages.isEmpty;
  part("keep").addEventListener("click", owners.keep);
  part("rooms").addEventListener("click", () => byId("rooms-button").click());
  part("make").addEventListener("click", owners.make);
  document.querySelector(".bottom").append(section);
}
