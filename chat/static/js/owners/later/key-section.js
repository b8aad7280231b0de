// The owners' link: copied, shown as a QR code after a press, and changed. Whoever has it owns the
// room, so it is not shown unasked.

import { AskOnce } from "./ask-once.js";
import { dropHanded, keepKey, makeOwnerKey } from "./judging.js";
import { SecretLink } from "./secret-link.js";

export class KeySection {
  #section;
  #page;
  #link;
  #change;

  constructor({ section, ...page }) {
    this.#section = section;
    this.#page = page;
    const part = (name) => section.querySelector(`[data-part=${name}]`);
    this.#link = new SecretLink({ ...page, box: part("link"), secret: () => page.ownerKeys.kept });
    this.#change = new AskOnce(part("rekey"), {
      question: page.strings.say("rekeySure"),
      warning: page.strings.say("rekeyWarning"),
      warn: (words) => (part("rekey-warning").textContent = words),
      act: () => this.#rekey(),
    });
  }

  // Without the key there is no link: the operator owns the room by the token.
  draw() {
    this.#section.querySelector("[data-part=link]").hidden = this.#page.ownerKeys.kept === null;
  }

  hide() {
    this.#change.calm();
    this.#link.hide();
  }

  // If the answer is lost, the next join tries the new key, and then the old one.
  async #rekey() {
    const { ownerKeys: keys, ask, say, strings } = this.#page;
    const key = makeOwnerKey();
    keys.hand(key, true); // quietly
    this.#link.hide();
    const answer = await ask({ type: "rekey", owner: key });
    if (answer) {
      dropHanded(keys);
      keepKey(keys, keys.room, key);
      say(strings.say("rekeyed"));
    }
    this.draw();
  }
}
