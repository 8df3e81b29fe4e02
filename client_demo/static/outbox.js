// Messages on their way: each is sent in order and again until it is answered, under an id by which the server
// knows it again. So none is lost and none comes twice, whatever happens to the connection in between.

const TRIES = 4; // without an answer although connected
const STORED = "rtserver.outbox";

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export class Outbox {
  entries = []; // {id, room, text, file?, at, state: "queued" | "sending" | "failed", error, tries}
  #canSend;
  #send;
  #onChange;
  #onDelivered;
  #isRunning = false;

  /**
   * @param canSend (room) => whether a message to this room can go now
   * @param send (entry) => the server's answer; rejects when none came
   * @param onChange (entry) => its state has changed
   * @param onDelivered (entry, answer) => it is out
   */
  constructor({ canSend, send, onChange, onDelivered }) {
    this.#canSend = canSend;
    this.#send = send;
    this.#onChange = onChange;
    this.#onDelivered = onDelivered;
    this.#restore();
    window.addEventListener("beforeunload", (event) => {
      if (this.entries.some((entry) => entry.file)) event.preventDefault(); // a file would not survive
    });
  }

  get waiting() {
    return this.entries.filter((entry) => entry.state !== "failed").length;
  }

  add(entry) {
    Object.assign(entry, { state: "queued", error: "", tries: 0 });
    this.entries.push(entry);
    this.#store();
    this.#onChange(entry);
    this.flush();
  }

  retry(id) {
    const entry = this.entries.find((each) => each.id === id);
    if (!entry) return;
    entry.tries = 0;
    this.#set(entry, "queued");
    this.flush();
  }

  discard(id) {
    this.entries = this.entries.filter((entry) => entry.id !== id);
    this.#store();
  }

  /** Send what can be sent, one after another. Call it whenever a room becomes ready. */
  async flush() {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      for (let entry = this.#next(); entry; entry = this.#next()) await this.#deliver(entry);
    } finally {
      this.#isRunning = false;
    }
  }

  #next() {
    return this.entries.find((entry) => entry.state === "queued" && this.#canSend(entry.room));
  }

  async #deliver(entry) {
    this.#set(entry, "sending");
    let answer;
    try {
      answer = await this.#send(entry);
    } catch {
      entry.tries += Number(this.#canSend(entry.room)); // a lost connection doesn't count
      if (entry.tries >= TRIES) this.#set(entry, "failed", "The server did not answer.");
      else this.#set(entry, "queued");
      if (entry.tries) await pause(500 * 2 ** entry.tries);
      return;
    }
    if (answer.ok) {
      this.discard(entry.id);
      this.#onDelivered(entry, answer);
    } else if (answer.retry_after) {
      this.#set(entry, "queued");
      await pause(answer.retry_after * 1000 + 20);
    } else {
      this.#set(entry, "failed", answer.error);
    }
  }

  #set(entry, state, error = "") {
    entry.state = state;
    entry.error = error;
    this.#store();
    this.#onChange(entry);
  }

  // Text outlives a reload of the page; files are too large for the browser's storage.

  #store() {
    const kept = this.entries.filter((entry) => !entry.file).map(({ id, room, text, at }) => ({ id, room, text, at }));
    sessionStorage.setItem(STORED, JSON.stringify(kept));
  }

  #restore() {
    const stored = JSON.parse(sessionStorage.getItem(STORED) ?? "[]");
    this.entries = stored.map((entry) => ({ ...entry, state: "queued", error: "", tries: 0 }));
  }
}
