// The part of the settings that is about this device. Its sections are shown once they work.

import { Forgetting } from "./forgetting.js";
import { HandOver } from "./hand-over.js";
import { LanguageChoice } from "./language-choice.js";

export class DeviceBox {
  #sections;
  #handOver;
  #language;
  #forgetting;

  constructor(page) {
    const { byId, root, strings } = page;
    this.#sections = [byId("language-setting"), byId("device")];
    this.#handOver = new HandOver({
      ...page,
      button: byId("hand-over-button"),
      dialog: byId("hand-over"),
      link: location.origin + location.pathname,
    });
    const [field, hint] = [byId("language"), byId("language-hint")];
    this.#language = new LanguageChoice({ field, hint, root, strings });
    const [button, said] = [byId("forget"), byId("forget-hint")];
    this.#forgetting = new Forgetting({ ...page, button, said });
    byId("settings").addEventListener("close", () => this.#forgetting.calm());
  }

  open() {
    for (const section of this.#sections) section.hidden = false;
    this.#handOver.offer();
    this.#language.draw();
    this.#forgetting.calm();
  }
}
