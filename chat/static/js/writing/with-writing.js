// Wires what this tab writes: the composer, and the posts that wait below the log.

import { Composer } from "./composer.js";
import { Drafts } from "./drafts.js";
import { PendingView } from "./pending-view.js";
import { isAnother } from "../server/gap.js";

const TEXT_LIMIT = 2000; // characters, until the server says otherwise

export function withWriting(page) {
  const { byId, name, everywhere, tab, tabId, room, identity, queue, strings } = page;
  const { messages, unread, history, typed, notice } = page;

  // Says whether the text was taken. If not, it stays in the composer.
  function post(text, reply) {
    if (isFull() || writing.permission?.isRefused()) return false;
    queue.add({ type: "post", text, reply });
    unread.answered();
    history.toEnd();
    return true;
  }

  // Another text for the message `target`, or for a `post` that waited when its author began.
  function edit({ target, post: id }, text) {
    if (id && queue.change(id, text)) return true;
    const view = id ? messages.views.find(({ message }) => message.id === id) : messages.bySeq(target);
    if (id && !view) return postAgain(id, text);
    if (view?.message.text === text) return true;
    if (isFull()) return false;
    queue.add({ type: "edit", target: view?.seq ?? target, text });
    return true;
  }

  // It has left meanwhile, and nobody knows yet whether it came to the log.
  function postAgain(id, text) {
    const before = queue.find(id);
    if (before) queue.takeBack(id);
    return post(text, before?.reply);
  }

  function isFull() {
    if (queue.isFull) notice.show(strings.say("tooManyWaiting"));
    return queue.isFull;
  }

  const composer = new Composer({
    form: byId("composer"),
    drafts: new Drafts({ store: everywhere, own: tab, tab: tabId, room: name }),
    strings,
    limit: TEXT_LIMIT,
    post,
    edit,
    typed,
  });
  const pending = new PendingView({
    ...page,
    list: byId("pending"),
    author: () => room.member ?? { id: "", nick: identity.lastNick },
    // What was refused goes back to where it was written. What only waits keeps its place.
    edit({ id, text, reply, open, reason }) {
      if (open === 0 && !reason) return composer.edit({ post: id }, text);
      queue.drop(id);
      composer.take(text, reason === "target_unknown" ? undefined : reply);
    },
  });
  room.on("welcome", ({ limits }, { gap }) => {
    composer.limit = limits?.text ?? TEXT_LIMIT;
    if (isAnother(gap)) queue.loseTargets();
    pending.dress();
  });
  room.on("renamed", ({ member }) => member.id === room.member.id && pending.dress());

  // A post that the rules of the room refuse comes back into the composer, with the reason and the time
  // left. If something else is being written or waits behind it, it stays where it is. `permission`
  // comes with the later parts.
  const writing = {
    composer,
    permission: null,
    giveBack({ text, reply }, refusal) {
      if (!composer.isEmpty || queue.posts.length > 1) return false;
      if (!writing.permission?.refuse(refusal)) return false;
      composer.take(text, reply);
      return true;
    },
  };
  return writing;
}
