// Says in a sentence what an owner did, or somebody reported: a line of the room's audit list.

import { isolate } from "../../base/strings.js";
import { when } from "./when.js";

// Gives { sentence, members }, as names.say() writes them. What a report says stands apart from it.
export function deedWords(deed, page) {
  const { strings, dates } = page;
  const { by, what, member, for_s: forS, rules } = deed;
  const members = [by];
  const place = (one) => isolate(String(members.indexOf(one)));
  const whom = () => {
    if (!member?.nick) return strings.say("somebody");
    members.push(member);
    return place(member);
  };
  const say = (name, values = {}) => {
    return { sentence: strings.say(name, { by: place(by), ...values }), members };
  };
  const time = () => dates.lasting(forS * 1000);
  switch (what) {
    case "remove":
      return member?.id === by.id ? say("didRemoveOwn") : say("didRemove", { member: whom() });
    case "pin":
      return say(deed.target ? "didPin" : "didUnpin");
    case "rules":
      return say("didRules", { rules: rulesWords(rules, page) });
    case "mute":
      return forS > 0 ? say("didMute", { member: whom(), time: time() }) : say("didUnmute", { member: whom() });
    case "put_out":
      return forS > 0 ? say("didPutOut", { member: whom(), time: time() }) : say("didLetIn", { member: whom() });
    case "report":
      return say("didReport", { member: whom() });
    case "erase":
      return member ? say("didEraseOf", { member: whom() }) : say("didErase");
    case "rekey":
      return say("didRekey");
    case "end":
      return say("didEnd");
    case "make":
      return say("didMake");
    default:
      return say("didOther", { what });
  }
}

// Gives all rules in one line. The reader need not know which of them was changed.
export function rulesWords(rules, page) {
  const { strings, dates } = page;
  const all = [strings.say(rules?.write === "owners" ? "ruleOwners" : "ruleAll")];
  if (rules?.pace_s > 0) all.push(strings.say("rulePace", { time: dates.lasting(rules.pace_s * 1000) }));
  if (rules?.locked) all.push(strings.say("ruleLocked"));
  if (rules?.ends_at) all.push(strings.say("ruleEnds", { when: when(new Date(rules.ends_at), page) }));
  return all.join(", ");
}
