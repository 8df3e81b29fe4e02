// What the page knows of a room: members, messages in order, who types.

const KEPT = 300; // messages and notices
const TYPING_LASTS = 6_000;

const NOTICES = {
  joined: ({ nick }) => `${nick} joined`,
  created: ({ nick }) => `${nick} opened this room`,
  left: ({ nick }) => `${nick} left`,
  renamed: ({ nick, was }) => `${was} is now ${nick}`,
};

export class Room {
  isReady = false; // joined on the connection that is open now
  members = [];
  unread = 0;
  draft = "";
  typing = new Map(); // person's id -> {nick, timer}
  #items = new Map(); // id -> message or notice
  #epoch = null; // the server's run: its numbers begin anew when it restarts
  #run = 0;
  #lastNumber = 0;
  #arrivals = 0;

  constructor(name) {
    this.name = name;
  }

  /** What to ask for when joining: all that came since the last message known. */
  get position() {
    return { since: this.#lastNumber, epoch: this.#epoch };
  }

  /** Messages and notices: by the server's numbers, then own ones that have none yet. */
  get items() {
    const sorted = [...this.#items.values()].sort(
      (a, b) => a.run - b.run || a.number - b.number || a.arrival - b.arrival,
    );
    for (const item of sorted.splice(0, Math.max(0, sorted.length - KEPT))) this.#drop(item);
    return sorted;
  }

  entered({ epoch, members, history, gap }) {
    if (epoch !== this.#epoch) {
      if (this.#epoch !== null) this.addNotice("The server was restarted");
      this.#epoch = epoch;
      this.#run += 1;
      this.#lastNumber = 0;
    }
    if (gap) this.addNotice("Some older messages are no longer kept");
    this.members = members;
    this.isReady = true;
    return history.filter((wire) => this.addMessage(wire)).length;
  }

  /** Take a message from the server; false if it is known already. */
  addMessage(wire) {
    this.#lastNumber = Math.max(this.#lastNumber, wire.number);
    this.stopTyping(wire.from.id);
    const known = this.#items.get(wire.id);
    if (known) {
      this.delivered(wire.id, wire);
      return false;
    }
    this.#put({ kind: "message", ...wire });
    return true;
  }

  /** Show a message of one's own that is on its way. */
  addOwn(entry, me) {
    const { id, text, file, at } = entry;
    this.#put({ kind: "message", id, text, file, at, from: { ...me }, number: Infinity, state: entry.state });
    return this.#items.get(id);
  }

  addNotice(text, at = Date.now() / 1000) {
    this.#put({ kind: "notice", id: `notice ${this.#arrivals}`, text, at, number: this.#lastNumber });
  }

  notice(notice) {
    const wording = NOTICES[notice.kind];
    if (wording) this.addNotice(wording(notice), notice.at);
  }

  progress(id, state, error) {
    const item = this.#items.get(id);
    if (item && item.state !== "delivered") Object.assign(item, { state, error });
  }

  delivered(id, { number, at, others }) {
    const item = this.#items.get(id);
    if (!item) return;
    if (number !== item.number) Object.assign(item, { number, at, run: this.#run });
    if (item.state) item.state = "delivered";
    if (others !== undefined) item.others = others;
    this.#lastNumber = Math.max(this.#lastNumber, number);
  }

  discard(id) {
    const item = this.#items.get(id);
    if (item) this.#drop(item);
  }

  startTyping({ id, nick }, onEnd) {
    this.stopTyping(id);
    const timer = setTimeout(() => {
      this.typing.delete(id);
      onEnd();
    }, TYPING_LASTS);
    this.typing.set(id, { nick, timer });
  }

  stopTyping(id) {
    clearTimeout(this.typing.get(id)?.timer);
    this.typing.delete(id);
  }

  interrupted() {
    this.isReady = false;
    for (const id of [...this.typing.keys()]) this.stopTyping(id);
  }

  close() {
    this.interrupted();
    for (const item of this.#items.values()) this.#drop(item);
  }

  #put(item) {
    this.#items.set(item.id, { ...item, run: this.#run, arrival: this.#arrivals++ });
  }

  #drop(item) {
    if (item.pictureUrl) URL.revokeObjectURL(item.pictureUrl);
    this.#items.delete(item.id);
  }
}
