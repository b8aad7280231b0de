// What can be done with a message. message-actions.js and message-sheet.js make a button for each of
// these, in this order:
//
// { isFor(message): whether the message offers it;
//   words(message): what the button says;
//   sure(message): what it says when it asks once more, if it does;
//   act(message, button): does it; may give what the button says for a moment afterwards;
//   isCopying: whether it may need its button while it does it (base/copy.js) }
//
// A message that was taken away offers nothing.

import { cut } from "../../server/changes.js";
import { copyText } from "../../base/copy.js";
import { copyMessage } from "./copying.js";
import { isolate } from "../../base/strings.js";
import { linkTo } from "./message-link.js";

// `page.owners` opens the boxes in which a message is reported, and its author is moderated.
export function actionsOf(page) {
  const { muted, names, room, queue, composer, strings } = page;
  const isMine = ({ member }) => member.id === room.member?.id;
  const isPinned = ({ seq }) => room.standing.pin?.seq === seq;
  const said = async (isCopied) => strings.say((await isCopied) ? "copied" : "notCopied");

  const reply = {
    isFor: () => true,
    words: () => strings.say("reply"),
    act: (message) => composer.answer(quoteFrom(message)),
  };
  const copy = {
    isFor: () => true,
    words: () => strings.say("copy"),
    isCopying: true,
    act: (message, button) => said(copyMessage(message, { button, names, strings })),
  };
  const link = {
    isFor: () => true,
    words: () => strings.say("copyLink"),
    isCopying: true,
    act: (message, button) => said(copyText(linkTo(message), button)),
  };
  const edit = {
    isFor: (message) => isMine(message) && mayEdit(message, room),
    words: () => strings.say("edit"),
    act: (message) => startEdit(message, page),
  };
  const remove = {
    isFor: (message) => isMine(message) || room.standing.owner === true,
    words: (message) => strings.say(isMine(message) ? "takeBack" : "remove"),
    sure: (message) => strings.say(isMine(message) ? "takeBackSure" : "removeSure"),
    act: ({ seq }) => void queue.add({ type: "remove", target: seq }),
  };
  const pin = {
    isFor: () => room.standing.owner === true,
    words: (message) => strings.say(isPinned(message) ? "unpin" : "pin"),
    act: (message) => void queue.add({ type: "pin", target: isPinned(message) ? null : message.seq }),
  };
  const mute = {
    isFor: (message) => !isMine(message),
    words({ member }) {
      const sentence = muted.has(member.id) ? "unmuteNick" : "muteNick";
      return strings.say(sentence, { nick: isolate(names.text(member)) });
    },
    act({ member }) {
      if (muted.has(member.id)) muted.unmute(member.id);
      else muted.mute(member);
    },
  };
  const report = {
    isFor: (message) => !isMine(message) && room.standing.owner !== true,
    words: () => strings.say("report"),
    act: (message) => page.owners.report(message),
  };
  const moderate = {
    isFor: (message) => !isMine(message) && room.standing.owner === true,
    words: ({ member }) => strings.say("moderateNick", { nick: isolate(names.text(member)) }),
    act: ({ member }) => page.owners.moderate(member),
  };
  const all = [reply, copy, link, edit, remove, pin, mute, moderate, report];
  return all.map((action) => ({
    ...action,
    isFor: (message) => (!message.removed || action === mute || action === moderate) && action.isFor(message),
  }));
}

export const quoteFrom = ({ seq, member, text }) => ({ seq, member, text: cut(text) });

// The server has the last word: its clock counts.
export function mayEdit({ at }, room) {
  const within = room.standing.limits?.edit_within_s ?? 900;
  return Date.now() - Date.parse(at) < within * 1000;
}

// What waits to be sent is edited as it waits.
export function startEdit({ seq, text }, { queue, composer }) {
  const waiting = queue.of(seq).findLast(({ type }) => type === "edit");
  composer.edit({ target: seq }, waiting?.text ?? text);
}
