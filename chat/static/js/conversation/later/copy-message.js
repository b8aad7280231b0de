// Copies a message. Says whether the browser could.

import { copyFrom } from "../../base/copy.js";

export async function copyMessage({ text }) {
  const before = document.activeElement;
  const paper = document.createElement("pre");
  paper.className = "spoken";
  paper.setAttribute("aria-hidden", "true");
  paper.textContent = text;
  document.body.append(paper);
  try {
    return await copyFrom(paper);
  } finally {
    paper.remove();
    before?.focus();
  }
}
