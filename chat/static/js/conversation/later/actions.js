// What can be done with a message. message-actions.js makes a button for each of these, in this
// order:
//
// { isFor(message): whether the message offers it;
//   words(message): what the button says;
//   act(message, button): does it; may give what the button says for a moment afterwards }

import { copyMessage } from "./copying.js";
import { isolate } from "../../base/strings.js";

export function actionsOf({ muted, names, room, strings }) {
  const copy = {
    isFor: () => true,
    words: () => strings.say("copy"),
    async act(message, button) {
      return strings.say((await copyMessage(message, { button, names, strings })) ? "copied" : "notCopied");
    },
  };
  const mute = {
    isFor: ({ member }) => member.id !== room.member?.id,
    words({ member }) {
      const sentence = muted.has(member.id) ? "unmuteNick" : "muteNick";
      return strings.say(sentence, { nick: isolate(names.text(member)) });
    },
    act({ member }) {
      if (muted.has(member.id)) muted.unmute(member.id);
      else muted.mute(member);
    },
  };
  return [copy, mute];
}
