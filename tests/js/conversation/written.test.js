import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeDocument } from "../fakes.js";
import { written } from "../../../chat/static/js/conversation/written.js";

const document = new FakeDocument();

function element(name, data, ...children) {
  const made = document.createElement(name);
  Object.assign(made.dataset, data);
  made.append(...children);
  return made;
}

test("what was written is read back from what is shown", () => {
  const sign = () => Object.assign(element("span", {}, "**"), { className: "sign", hidden: true });
  const bold = element("strong", {}, sign(), "bold", sign());
  const emoji = element("span", { written: ":tada:" }, "🎉");
  const button = element("button", { unwritten: "" }, "Copy code");
  const text = element("div", {}, element("p", {}, "one\n\t", bold, " ", emoji), button, " end");
  assert.equal(written(text), "one\n\t**bold** :tada: end");
  const fragment = document.createDocumentFragment();
  fragment.append("a", element("span", { written: "" }, "nothing"), "b");
  assert.equal(written(fragment), "ab");
});
