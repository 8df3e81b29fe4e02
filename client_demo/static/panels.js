// Everything around the messages: rooms, members, connection, drawers.

import { $, arrange, avatar, element, paintAvatar, plural, setText } from "./dom.js";

const NAMES = { polling: "HTTP polling", websocket: "WebSocket", webtransport: "WebTransport" };

// Rooms and members

/** @param rows [{name, members, isJoined, isCurrent, unread}] */
export function showRooms(rows, onChoose) {
  const list = $("room-list");
  const known = new Map([...list.children].map((row) => [row.dataset.room, row]));
  arrange(list, rows.map((row) => updateRoom(known.get(row.name) ?? makeRoom(row.name, onChoose), row)));
  arrange($("known-rooms"), rows.map(({ name }) => element("option", { value: name })));
}

function makeRoom(name, onChoose) {
  const button = element(
    "button",
    { type: "button" },
    element("bdi", { className: "name" }, name),
    element("span", { className: "badge", hidden: true }),
    element("span", { className: "count" }),
  );
  button.addEventListener("click", () => onChoose(name));
  return element("li", { "data-room": name }, button);
}

function updateRoom(row, { members, isJoined, isCurrent, unread }) {
  const button = row.firstChild;
  row.classList.toggle("joined", isJoined);
  if (isCurrent) button.setAttribute("aria-current", "true");
  else button.removeAttribute("aria-current");
  const badge = row.querySelector(".badge");
  badge.hidden = !unread;
  setText(badge, unread > 99 ? "99+" : String(unread));
  badge.title = plural(unread, "unread message", "unread messages");
  const count = row.querySelector(".count");
  setText(count, members ? String(members) : "");
  count.title = plural(members, "member", "members");
  return row;
}

export function showMembers(members, me) {
  setText($("member-count"), String(members.length || ""));
  const rows = [...members].sort((a, b) => b.online - a.online).map((person) => {
    const isMe = person.id === me.id;
    const note = isMe ? "you" : person.online ? "" : "reconnecting";
    const label = element("span", {}, element("bdi", {}, person.nick), element("small", {}, note));
    return element("li", { className: person.online ? "" : "away" }, avatar(person), label);
  });
  arrange($("member-list"), rows);
}

export function showMe(me) {
  $("me").hidden = !me.nick;
  paintAvatar($("my-avatar"), me);
  setText($("my-nick"), me.nick);
}

export function showTyping(nicks) {
  const [first, second] = nicks;
  const words = ["", `${first} is typing`, `${first} and ${second} are typing`][nicks.length] ?? `${nicks.length} people are typing`;
  const line = $("typing");
  line.classList.toggle("active", nicks.length > 0);
  setText(line, words);
}

// Connection

const WORDS = { connected: "Connected", connecting: "Connecting", waiting: "Offline", paused: "Offline", refused: "Refused" };

const milliseconds = (value) => (value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`);

export class ConnectionPanel {
  #connection;
  #waiting;
  #countdown = null;

  /** @param waiting () => how many messages wait to be sent */
  constructor(connection, waiting) {
    this.#connection = connection;
    this.#waiting = waiting;
    for (const event of ["state", "transport", "latency"]) connection.addEventListener(event, () => this.show());
    $("try-now").addEventListener("click", () => connection.resume());
    $("toggle-offline").addEventListener("click", () => {
      if (connection.state === "paused") connection.resume();
      else connection.pause();
      $("connection").hidePopover(); // it would cover the banner
    });
    this.show();
  }

  show() {
    const { state, transport, upgradedIn, latency } = this.#connection;
    const isConnected = state === "connected";
    $("status").dataset.state = $("app").dataset.state = state;
    setText($("status-state"), WORDS[state]);
    const detail = isConnected ? [NAMES[transport] ?? transport, latency !== null && milliseconds(latency)] : [];
    setText($("status-detail"), detail.filter(Boolean).join(" · "));
    setText($("d-state"), WORDS[state] + (state === "refused" ? `: ${this.#connection.refusal}` : ""));
    this.#showRoute(transport, upgradedIn);
    setText($("d-latency"), latency === null ? "–" : milliseconds(latency));
    this.#showSpark();
    setText($("d-sid"), (isConnected && this.#connection.sid) || "–");
    setText($("d-reconnects"), String(this.#connection.reconnects));
    setText($("toggle-offline"), state === "paused" ? "Go online" : "Go offline");
    this.#showBanner(state);
  }

  #showRoute(transport, upgradedIn) {
    const route = $("d-route");
    const parts = transport ? [element("b", {}, NAMES[transport] ?? transport)] : ["–"];
    if (upgradedIn !== null) {
      parts.unshift(element("span", {}, NAMES.polling), " → ");
      parts.push(element("small", {}, ` upgraded in ${milliseconds(upgradedIn)}`));
    }
    route.replaceChildren(...parts);
  }

  #showSpark() {
    const { latencies } = this.#connection;
    const highest = Math.max(...latencies, 1);
    const bars = latencies.map((latency) => {
      const bar = element("i");
      bar.style.setProperty("--height", `${Math.max(12, (latency / highest) * 100)}%`);
      return bar;
    });
    $("d-spark").replaceChildren(...bars);
  }

  #showBanner(state) {
    clearInterval(this.#countdown);
    const banner = $("banner");
    banner.hidden = state === "connected" || (state === "connecting" && banner.hidden && this.#connection.reconnects === 0);
    const words = {
      connected: "Connected.",
      connecting: "Connecting …",
      waiting: "No connection.",
      paused: navigator.onLine ? "You are offline." : "This device is offline.",
      refused: `The server refused the connection: ${this.#connection.refusal}`,
    }[state];
    setText($("banner-text"), words);
    if (!banner.hidden || $("announce").textContent) setText($("announce"), words);
    setText($("try-now"), state === "paused" ? "Go online" : "Try now");
    $("try-now").hidden = state === "connecting";
    this.showQueue();
    setText($("banner-countdown"), "");
    if (state === "waiting") {
      this.#tick();
      this.#countdown = setInterval(() => this.#tick(), 250);
    }
  }

  showQueue() {
    const count = this.#waiting();
    setText($("banner-queue"), count ? `${plural(count, "message waits", "messages wait")} to be sent.` : "");
  }

  #tick() {
    const seconds = Math.max(1, Math.ceil((this.#connection.retryAt - performance.now()) / 1000));
    setText($("banner-countdown"), `Trying again in ${seconds} s.`);
  }
}

// Drawers: on narrow screens the panels slide over the messages

export class Drawers {
  #narrow = { rooms: matchMedia("(max-width: 759px)"), members: matchMedia("(max-width: 1099px)") };
  #open = null;

  constructor() {
    for (const name of ["rooms", "members"]) {
      $(`open-${name}`).addEventListener("click", () => (this.#open === name ? this.close() : this.open(name)));
      $(`${name}-panel`).querySelector("[data-close]").addEventListener("click", () => this.close());
      this.#narrow[name].addEventListener("change", () => this.#apply());
    }
    $("backdrop").addEventListener("click", () => this.close());
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.#open && this.close());
    this.#apply();
  }

  open(name) {
    this.#open = name;
    this.#apply();
    $(`${name}-panel`).querySelector("[data-close]").focus();
  }

  close() {
    const opener = this.#open && $(`open-${this.#open}`);
    this.#open = null;
    this.#apply();
    opener?.focus();
  }

  #apply() {
    for (const [name, query] of Object.entries(this.#narrow)) {
      const isOpen = this.#open === name && query.matches;
      $(`${name}-panel`).classList.toggle("open", isOpen);
      $(`${name}-panel`).inert = query.matches && !isOpen;
      $(`open-${name}`).setAttribute("aria-expanded", String(isOpen));
      if (this.#open === name && !query.matches) this.#open = null;
    }
    $("backdrop").hidden = !this.#open;
    document.querySelector("main").inert = Boolean(this.#open);
  }
}
