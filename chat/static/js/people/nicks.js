// The nicks that can be mentioned: of everybody in the room, and of those whose messages are shown.

export const lower = (text) => text.normalize("NFC").toLowerCase();

const MOST = 2_000; // members; those heard of longest ago are forgotten first

export class Nicks {
  #room;
  #nicks = new Map(); // member id → { nick, isOld }

  constructor(room) {
    this.#room = room;
    room.on("welcome", ({ member, members, messages }) => {
      this.#note([member, ...messages.map((message) => message.member), ...members]);
    });
    room.on("history", ({ messages }) => this.#note(messages.map(({ member }) => member), true));
    for (const news of ["joined", "renamed", "message"]) {
      room.on(news, ({ member }) => this.#note([member]));
    }
  }

  get all() {
    return [...new Set(Array.from(this.#nicks.values(), ({ nick }) => nick))];
  }

  // The member who had one of these nicks last: in the room, nobody else has it.
  owner(nick) {
    const all = [...this.#nicks].filter(([, known]) => known.nick === nick);
    const [id] = all.filter(([, { isOld }]) => !isOld).at(-1) ?? all.at(-1);
    return { id, nick };
  }

  isMine(nick) {
    return this.#room.member !== null && lower(nick) === lower(this.#room.member.nick);
  }

  // An older message may have an older nick, which must not replace the one that is known.
  #note(members, isOld = false) {
    for (const { id, nick } of members) {
      if (isOld && this.#nicks.has(id)) continue;
      this.#nicks.delete(id);
      this.#nicks.set(id, { nick, isOld });
      if (this.#nicks.size > MOST) this.#nicks.delete(this.#nicks.keys().next().value);
    }
  }
}
