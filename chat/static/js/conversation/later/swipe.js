// Answers a message that a finger moves to the right. What moves up or down scrolls, and what is
// selected, or can be scrolled itself, is left alone.

import { messageAround } from "./message-stops.js";

const BEGINS_PX = 12;
const ENOUGH_PX = 56;
const FURTHEST_PX = 80;
const EDGE_PX = 24; // from the edge of the screen, where the browser has a gesture of its own

// `answer(element)` is called for the message that was moved far enough.
export function withSwipe(list, answer) {
  let move = null; // { row, element, id, x, y, isOn }

  const end = (isDone) => {
    if (!move) return;
    const { row, element, isOn, far } = move;
    move = null;
    row.style.removeProperty("translate");
    element.classList.remove("swiped", "enough");
    if (isDone && isOn && far) answer(element);
  };

  list.addEventListener("pointerdown", ({ pointerType, isPrimary, pointerId, clientX, clientY, target }) => {
    end(false);
    const element = messageAround(target);
    const isFree = getSelection().isCollapsed && !target.closest("pre") && clientX > EDGE_PX;
    if (pointerType !== "touch" || !isPrimary || !element || !isFree) return;
    if (element.classList.contains("gone")) return;
    move = { row: element.querySelector(".row"), element, id: pointerId, x: clientX, y: clientY };
  });
  list.addEventListener("pointermove", ({ pointerId, clientX, clientY }) => {
    if (move?.id !== pointerId) return;
    const [right, down] = [clientX - move.x, Math.abs(clientY - move.y)];
    if (!move.isOn && (down > BEGINS_PX || right < -BEGINS_PX)) return end(false);
    if (!move.isOn && right < BEGINS_PX) return;
    move.isOn = true;
    move.far = right >= ENOUGH_PX;
    move.element.classList.add("swiped");
    move.element.classList.toggle("enough", move.far);
    move.row.style.translate = `${Math.max(0, Math.min(right, FURTHEST_PX))}px`;
  });
  for (const name of ["pointerup", "pointercancel"]) {
    addEventListener(name, ({ pointerId }) => move?.id === pointerId && end(name === "pointerup"));
  }
}
