import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Source } from "../../../chat/static/js/base/source.js";
import { Store } from "../../../chat/static/js/base/store.js";
import { LastRead } from "../../../chat/static/js/conversation/last-read.js";
import { Area } from "../fakes.js";

let area;

beforeEach(() => {
  globalThis.document = Object.assign(new EventTarget(), { hidden: true, hasFocus: () => true });
  area = new Area();
});

class Messages extends Source {
  views = [];

  get last() {
    return this.views.at(-1);
  }

  // The reader looks at this tab while these messages come.
  show(...messages) {
    this.views.push(...messages.map((message) => ({ message })));
    document.hidden = false;
    this.tell("change");
    document.hidden = true;
  }
}

function tab() {
  const messages = new Messages();
  const view = new Area(area);
  const lastRead = new LastRead({ store: new Store(() => view), room: "general", messages });
  return { messages, lastRead };
}

const message = (seq, history = "first") => ({ seq, at: `${history} ${seq}` });
const kept = () => JSON.parse(area.getItem("tchat:read:general"));

test("what was read only grows, whichever tab writes it", () => {
  const [one, other] = [tab(), tab()];
  const told = [];
  one.lastRead.on("elsewhere", (seq) => told.push(seq));
  for (const each of [one, other]) each.lastRead.enter({ epoch: "e", seq: 9 });
  other.messages.show(message(8), message(9));
  one.messages.show(message(5));
  assert.deepEqual(kept(), { epoch: "e", seq: 9, at: "first 9" });
  assert.deepEqual(told, [9]);
  assert.deepEqual(tab().lastRead.enter({ epoch: "e", seq: 9 }), kept());
});

test("a tab that still shows the log of before does not undo what was read of the new one", () => {
  const [one, other] = [tab(), tab()];
  for (const each of [one, other]) each.lastRead.enter({ epoch: "e", seq: 9 });
  one.messages.show(message(9));
  one.lastRead.leave();
  assert.equal(one.lastRead.enter({ epoch: "new", seq: 2 }), undefined);
  other.messages.show(message(9));
  assert.deepEqual(kept(), { epoch: "new", seq: 0 });
  one.messages.views = [];
  one.messages.show(message(2, "new"));
  other.lastRead.leave();
  assert.deepEqual(kept(), { epoch: "new", seq: 2, at: "new 2" });
});

test("what comes with a welcome is read only after the page has entered", () => {
  const { messages, lastRead } = tab();
  lastRead.enter({ epoch: "e", seq: 3 });
  messages.show(message(3));
  lastRead.leave();
  messages.show(message(9));
  assert.deepEqual(lastRead.enter({ epoch: "e", seq: 9 }), { epoch: "e", seq: 3, at: "first 3" });
});

test("a place in a log that was replaced is forgotten, but not by a tab that comes late", () => {
  const [one, late] = [tab(), tab()];
  one.lastRead.enter({ epoch: "e", seq: 9 });
  one.messages.show(message(9));
  assert.equal(tab().lastRead.enter({ epoch: "e", seq: 5 }), undefined); // a shorter log
  one.messages.views = [];
  one.lastRead.forget();
  one.lastRead.enter({ epoch: "e", seq: 5 });
  one.messages.show(message(5, "second"));
  late.messages.show(message(4, "second"), message(5, "second"), message(6, "second"));
  late.lastRead.forget();
  assert.deepEqual(kept(), { epoch: "e", seq: 5, at: "second 5" });
});
