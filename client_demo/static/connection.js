// The official client, and what a person wants to know of it: state, next attempt, transport, round trip.

import { io } from "./socket.io-client/socket.io.esm.min.js";

const LONGEST_DELAY = 10_000; // milliseconds between two attempts
const PROBE_EVERY = 4_000;

/**
 * Events: "state" (connected, connecting, waiting, paused or refused), "transport", "latency".
 * Application events and requests go through `on` and `request`.
 */
export class Connection extends EventTarget {
  state = "connecting";
  retryAt = 0; // performance.now() of the next attempt, while waiting
  refusal = ""; // why the server refused
  transport = null; // "polling" or "websocket"
  upgradedIn = null; // milliseconds from the open connection to its upgrade
  latency = null; // milliseconds
  latencies = [];
  reconnects = 0;
  #socket;
  #failures = 0;
  // Every page has its own first delay, so that a thousand of them don't come back in the same moment; within
  // a page the delays are exact, so that the countdown tells the truth.
  #firstDelay = 1_000 + Math.random() * 500;
  #everConnected = false;

  constructor(key) {
    super();
    this.#socket = io({
      path: new URL("socket.io/", document.baseURI).pathname,
      auth: { key },
      autoConnect: false,
      timeout: 8_000,
      reconnectionDelay: this.#firstDelay,
      reconnectionDelayMax: LONGEST_DELAY,
      randomizationFactor: 0,
    });
    this.#watchSocket();
    this.#watchManager(this.#socket.io);
    window.addEventListener("offline", () => this.pause());
    window.addEventListener("online", () => this.resume());
    // A page that goes away says so; one that comes back out of the browser's cache connects again.
    window.addEventListener("pagehide", () => this.#socket.disconnect());
    window.addEventListener("pageshow", (event) => event.persisted && this.resume());
    setInterval(() => this.#probe(), PROBE_EVERY);
  }

  get isConnected() {
    return this.state === "connected";
  }

  get sid() {
    return this.#socket.id;
  }

  open() {
    this.#socket.connect();
  }

  on(event, handler) {
    this.#socket.on(event, handler);
  }

  /** Send an event and wait for its answer. Rejects when none came in time or the connection went away. */
  async request(event, payload = {}, timeout = 8_000) {
    // Not connected, the official client would keep the event and send it before the rooms are joined again.
    if (!this.#socket.connected) throw new Error("not connected");
    return await this.#socket.timeout(timeout).emitWithAck(event, payload);
  }

  /** Send an event that may get lost. */
  hint(event, payload) {
    if (this.#socket.connected) this.#socket.volatile.emit(event, payload);
  }

  /** Drop the connection as a lost network would, and stay away. */
  pause() {
    this.#socket.io.reconnection(false);
    this.#socket.io.engine?.close();
    if (!this.#socket.connected) this.#socket.disconnect();
    this.#enter("paused");
  }

  /** Connect now, whatever the waiting time; the delays begin anew. */
  resume() {
    if (this.#socket.connected) return;
    this.#socket.io.reconnection(true);
    this.#failures = 0;
    this.#socket.disconnect().connect(); // ends the official client's own waiting
    this.#enter("connecting");
  }

  #enter(state) {
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }

  #wait() {
    const delay = Math.min(this.#firstDelay * 2 ** this.#failures, LONGEST_DELAY);
    this.retryAt = performance.now() + delay;
    this.#enter("waiting");
  }

  #watchSocket() {
    this.#socket.on("connect", () => {
      this.reconnects += Number(this.#everConnected);
      this.#everConnected = true;
      this.#failures = 0;
      this.#enter("connected");
      this.#probe();
    });
    this.#socket.on("disconnect", (reason) => {
      this.transport = this.latency = this.upgradedIn = null;
      this.dispatchEvent(new Event("transport"));
      if (this.state === "paused" || reason === "io client disconnect") return;
      if (this.#socket.active) {
        this.#wait();
      } else {
        this.refusal = "The server closed the connection.";
        this.#enter("refused");
      }
    });
    this.#socket.on("connect_error", (error) => {
      if (this.#socket.active) return; // the manager will try again
      this.refusal = error.message;
      this.#enter("refused");
    });
  }

  #watchManager(manager) {
    manager.on("reconnect_attempt", (attempt) => {
      this.#failures = attempt;
      this.#enter("connecting");
    });
    manager.on("error", () => {
      if (this.state !== "paused" && this.#socket.active) this.#wait();
    });
    manager.on("open", () => {
      const openedAt = performance.now();
      const engine = manager.engine;
      this.transport = engine.transport.name;
      this.dispatchEvent(new Event("transport"));
      engine.on("upgrade", (transport) => {
        this.transport = transport.name;
        this.upgradedIn = performance.now() - openedAt;
        this.dispatchEvent(new Event("transport"));
      });
    });
  }

  async #probe() {
    if (document.hidden || !this.#socket.connected) return;
    const sentAt = performance.now();
    try {
      await this.request("probe");
    } catch {
      return; // the connection's own heartbeat will tell
    }
    this.latency = performance.now() - sentAt;
    this.latencies = [...this.latencies, this.latency].slice(-24);
    this.dispatchEvent(new Event("latency"));
  }
}
