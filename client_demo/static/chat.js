// The chat: connects the parts. What a person sees is in thread.js, panels.js, composer.js and welcome.js.

import { $, setText, plural } from "./dom.js";
import { Connection } from "./connection.js";
import { Outbox } from "./outbox.js";
import { Room } from "./room.js";
import { Thread } from "./thread.js";
import { Composer } from "./composer.js";
import { Welcome } from "./welcome.js";
import { ConnectionPanel, Drawers, showMe, showMembers, showRooms, showTyping } from "./panels.js";

const FETCH_TIMEOUT = 20_000;

/** What this tab remembers over a reload. */
const memory = {
  get: (name, otherwise) => JSON.parse(sessionStorage.getItem(`rtserver.${name}`)) ?? otherwise,
  set: (name, value) => sessionStorage.setItem(`rtserver.${name}`, JSON.stringify(value)),
};

/** `crypto.randomUUID` would need HTTPS. */
function randomId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function ownKey() {
  const key = memory.get("key") ?? randomId() + randomId();
  memory.set("key", key);
  return key;
}

class Chat {
  #connection = new Connection(ownKey());
  #me = memory.get("me", { id: "", nick: "" });
  #rooms = new Map(); // the joined ones, by name
  #known = []; // the server's list: [{name, members}]
  #current = null;
  #outbox = new Outbox({
    canSend: (name) => this.#connection.isConnected && Boolean(this.#rooms.get(name)?.isReady),
    send: ({ id, room, text, file }) => this.#connection.request("message", { id, room, text, file: wireFile(file) }, 15_000),
    onChange: (entry) => this.#onProgress(entry),
    onDelivered: (entry, answer) => this.#onDelivered(entry, answer),
  });
  #panel = new ConnectionPanel(this.#connection, () => this.#outbox.waiting);
  #drawers = new Drawers();
  #welcome = new Welcome();
  #thread = new Thread({
    isMine: (item) => item.from.id === this.#me.id,
    load: (item) => this.#load(item),
    retry: (id) => this.#outbox.retry(id),
    discard: (id) => this.#discard(id),
  });
  #composer = new Composer({
    onSend: (message) => this.#send(message),
    onTyping: (active) => this.#current && this.#connection.hint("typing", { room: this.#current.name, active }),
  });

  start() {
    this.#listen();
    $("create-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#create();
    });
    $("rename").addEventListener("click", () => this.#askForNewName());
    $("leave").addEventListener("click", () => this.#leave());
    window.addEventListener("hashchange", () => this.#followAddress());
    document.addEventListener("visibilitychange", () => this.#showUnread());
    showMe(this.#me);
    this.#restore();
    this.#connection.open();
  }

  #listen() {
    const connection = this.#connection;
    connection.addEventListener("state", () => (connection.isConnected ? this.#onConnected() : this.#onInterrupted()));
    connection.on("rooms", (rooms) => this.#onRooms(rooms));
    connection.on("message", (wire) => this.#onMessage(wire));
    connection.on("notice", (notice) => this.#inRoom(notice, (room) => room.notice(notice)));
    connection.on("members", ({ room, members }) => this.#onMembers(room, members));
    connection.on("typing", (notice) => this.#onTyping(notice));
  }

  // Arriving

  #restore() {
    const names = memory.get("rooms", []);
    const wanted = decodeURIComponent(location.hash.slice(1));
    if (this.#me.nick && names.length) {
      for (const name of names) this.#rooms.set(name, new Room(name));
      for (const entry of this.#outbox.entries) this.#rooms.get(entry.room)?.addOwn(entry, this.#me);
      this.#open(names.includes(wanted) ? wanted : names[0]);
      return;
    }
    this.#welcome.ask(
      {
        title: "Come in",
        text: "Choose a name for the room. Nothing is written to a disk: a restart forgets everything.",
        nick: localStorage.getItem("rtserver.nick") ?? "",
        room: wanted || "lobby",
      },
      ({ nick, room }) => this.#enter(room, nick),
    );
  }

  /** Join a room and show it; resolves to null, or to the server's refusal. */
  async #enter(name, nick = this.#me.nick) {
    const answer = await this.#connection.request("join", { room: name, nick });
    if (!answer.ok) return answer;
    if (!this.#rooms.has(answer.room)) this.#rooms.set(answer.room, new Room(answer.room));
    this.#onJoined(this.#rooms.get(answer.room), answer);
    this.#open(answer.room);
    this.#composer.focus();
    return null;
  }

  #onJoined(room, answer) {
    this.#setMe(answer.you);
    const arrived = room.entered(answer);
    if (room !== this.#current && this.#current) room.unread += arrived;
    this.#remember();
    this.#refresh(room, arrived);
    this.#outbox.flush();
  }

  async #onConnected() {
    const sid = this.#connection.sid;
    this.#askForRooms();
    for (const room of [...this.#rooms.values()]) {
      const isDone = await this.#rejoin(room, sid);
      if (!isDone) return; // a new connection or a new name begins again
    }
  }

  async #rejoin(room, sid) {
    const isStale = () => this.#connection.sid !== sid || !this.#connection.isConnected;
    while (!isStale() && this.#rooms.has(room.name)) {
      const request = { room: room.name, nick: this.#me.nick, ...room.position };
      const answer = await this.#connection.request("join", request).catch(() => null);
      if (isStale()) return false;
      if (answer?.ok) {
        this.#onJoined(room, answer);
        return true;
      }
      if (answer && !answer.retry_after) {
        this.#onRefused(room, answer);
        return false;
      }
      await new Promise((resolve) => setTimeout(resolve, (answer?.retry_after ?? 1) * 1000));
    }
    return !isStale();
  }

  #onRefused(room, { error, field }) {
    if (field !== "nick") {
      room.addNotice(error);
      this.#refresh(room);
      return;
    }
    const text = "While you were away, your name was taken. Your messages are kept and go out under the new one.";
    this.#welcome.ask({ title: "Another name, please", text, nick: this.#me.nick, error }, async ({ nick }) => {
      const refusal = await this.#enter(room.name, nick);
      if (!refusal) this.#onConnected();
      return refusal;
    });
  }

  async #askForRooms() {
    const answer = await this.#connection.request("rooms").catch(() => null);
    if (answer?.ok) this.#onRooms(answer.rooms);
  }

  #onInterrupted() {
    for (const room of this.#rooms.values()) room.interrupted();
    this.#showTyping();
    $("leave").disabled = true;
  }

  // Rooms

  #onRooms(rooms) {
    this.#known = rooms;
    this.#showRooms();
  }

  async #choose(name) {
    setText($("create-error"), "");
    this.#drawers.close();
    if (this.#rooms.has(name)) return this.#open(name);
    const refusal = await this.#enter(name).catch(() => ({ error: `#${name} can be entered once you are connected.` }));
    if (refusal) setText($("create-error"), refusal.error);
  }

  async #create() {
    const name = $("create-name").value.trim();
    if (!name) return;
    const refusal = await this.#enter(name).catch(() => ({ error: "A room can be opened once you are connected." }));
    setText($("create-error"), refusal?.error ?? "");
    if (refusal) return;
    $("create-name").value = "";
    this.#drawers.close();
  }

  #open(name) {
    const room = this.#rooms.get(name);
    if (this.#current && this.#current !== room) this.#current.draft = this.#composer.draft;
    if (this.#current !== room) this.#composer.reset(name, room.draft);
    this.#current = room;
    this.#remember();
    const hash = `#${encodeURIComponent(name)}`;
    if (location.hash !== hash) history.replaceState(null, "", hash);
    this.#refresh(room);
  }

  #followAddress() {
    const name = decodeURIComponent(location.hash.slice(1));
    if (name && name !== this.#current?.name && this.#me.nick) this.#choose(name);
  }

  async #leave() {
    const room = this.#current;
    if (this.#outbox.entries.some((entry) => entry.room === room.name && entry.state !== "failed")) {
      room.addNotice("Messages are still on their way; please leave after them");
      return this.#refresh(room);
    }
    const answer = await this.#connection.request("leave", { room: room.name }).catch(() => null);
    if (answer?.ok) this.#onLeft(room);
  }

  #onLeft(room) {
    room.close();
    this.#rooms.delete(room.name);
    this.#drawers.close();
    this.#remember();
    if (room !== this.#current) return this.#showRooms();
    this.#current = null;
    const next = this.#rooms.keys().next().value;
    if (next) return this.#open(next);
    this.#askForRooms();
    this.#welcome.ask(
      { title: "Where to?", text: `You left #${room.name}.`, nick: this.#me.nick, room: "lobby" },
      ({ nick, room: name }) => this.#enter(name, nick),
    );
  }

  #askForNewName() {
    this.#drawers.close();
    const text = "It changes in every room that you are in.";
    this.#welcome.ask({ title: "Your name", text, nick: this.#me.nick, mayCancel: true, go: "Change" }, async ({ nick }) => {
      const answer = await this.#connection.request("rename", { nick });
      if (!answer.ok) return answer;
      this.#setMe({ ...this.#me, nick: answer.nick });
      return null;
    });
  }

  // Messages

  #send({ text, file }) {
    const room = this.#current;
    const entry = { id: randomId(), room: room.name, text, file, at: Date.now() / 1000, state: "queued" };
    room.addOwn(entry, this.#me);
    this.#outbox.add(entry);
    this.#thread.show(room, { toEnd: true });
  }

  #onProgress({ id, room: name, state, error }) {
    const room = this.#rooms.get(name);
    room?.progress(id, state, error);
    this.#panel.showQueue();
    if (room && room === this.#current) this.#thread.show(room);
  }

  #onDelivered({ id, room: name }, answer) {
    const room = this.#rooms.get(name);
    room?.delivered(id, answer);
    this.#panel.showQueue();
    if (room && room === this.#current) this.#thread.show(room);
  }

  #discard(id) {
    this.#outbox.discard(id);
    this.#current.discard(id);
    this.#refresh(this.#current);
  }

  #onMessage(wire) {
    this.#inRoom(wire, (room) => {
      const isNew = room.addMessage(wire);
      if (isNew && (room !== this.#current || document.hidden)) room.unread += 1;
      return Number(isNew);
    });
  }

  #onMembers(name, members) {
    this.#inRoom({ room: name }, (room) => {
      room.members = members;
      // Another tab of this person has left the room.
      if (room.isReady && !members.some((person) => person.id === this.#me.id)) this.#onLeft(room);
    });
  }

  #onTyping({ room: name, active, ...person }) {
    this.#inRoom({ room: name }, (room) => {
      if (active) room.startTyping(person, () => this.#showTyping());
      else room.stopTyping(person.id);
    });
  }

  async #load(item) {
    if (item.file.data) return item.file.data;
    const request = { room: item.room, number: item.number };
    const answer = await this.#connection.request("fetch", request, FETCH_TIMEOUT);
    if (!answer.ok) throw new Error(answer.error);
    item.file.data = answer.data;
    return answer.data;
  }

  // Showing

  #inRoom({ room: name }, change) {
    const room = this.#rooms.get(name);
    if (!room) return;
    const arrived = change(room);
    if (this.#rooms.has(name)) this.#refresh(room, arrived);
  }

  #refresh(room, arrived = 0) {
    if (room === this.#current) {
      if (!document.hidden) room.unread = 0;
      const online = room.members.filter((person) => person.online).length;
      setText($("room-name"), `#${room.name}`);
      const away = online < room.members.length ? `, ${online} online` : "";
      setText($("room-count"), room.members.length ? plural(room.members.length, "member", "members") + away : "");
      $("leave").disabled = !room.isReady;
      showMembers(room.members, this.#me);
      this.#thread.show(room, { arrived });
      this.#showTyping();
    }
    this.#showRooms();
    this.#showUnread();
  }

  #showRooms() {
    const counts = new Map(this.#known.map(({ name, members }) => [name, members]));
    const names = [...new Set([...counts.keys(), ...this.#rooms.keys()])];
    const rows = names.map((name) => {
      const room = this.#rooms.get(name);
      const members = room?.isReady ? room.members.length : counts.get(name) ?? 0;
      return { name, members, isJoined: Boolean(room), isCurrent: room === this.#current && Boolean(room), unread: room?.unread ?? 0 };
    });
    showRooms(rows, (name) => this.#choose(name));
  }

  #showTyping() {
    showTyping([...(this.#current?.typing.values() ?? [])].map(({ nick }) => nick));
  }

  #showUnread() {
    if (!document.hidden && this.#current?.unread) {
      this.#current.unread = 0;
      this.#showRooms();
    }
    const unread = [...this.#rooms.values()].reduce((sum, room) => sum + room.unread, 0);
    $("other-unread").hidden = !unread;
    document.title = `${unread ? `(${unread}) ` : ""}${this.#current ? `#${this.#current.name} · ` : ""}rtserver chat`;
  }

  #setMe(me) {
    this.#me = me;
    memory.set("me", me);
    localStorage.setItem("rtserver.nick", me.nick);
    showMe(me);
  }

  #remember() {
    memory.set("rooms", [...this.#rooms.keys()]);
  }
}

const wireFile = (file) => file && { name: file.name, type: file.type, data: file.data };

new Chat().start();
