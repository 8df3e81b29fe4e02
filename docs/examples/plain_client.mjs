// A client of rtserver's endpoint for plain WebSocket clients, in the form rtserver.json.
// It runs in a browser as it is, and in Node.js with the package ws:
//
//     node plain_client.mjs ws://127.0.0.1:8000/ws secret Ada

const { WebSocket } = globalThis.document ? globalThis : await import("ws");

const BEAT = 20_000; // milliseconds until silence is looked into, and then until it counts as the end
const OUR_FAULT = new Set([1002, 1003, 1007, 1008, 1009]); // the same would happen again

export class Client {
  constructor(url, auth, handlers) {
    Object.assign(this, { url, auth, handlers, answers: new Map(), lastId: 0, delay: 500 });
    this.open();
  }

  open() {
    const socket = (this.socket = new WebSocket(this.url, ["rtserver.json"]));
    socket.addEventListener("open", () => {
      this.send({ type: "connect", auth: this.auth });
      this.beat = setInterval(() => this.check(), BEAT);
    });
    socket.addEventListener("message", ({ data }) => this.receive(JSON.parse(data, untag)));
    socket.addEventListener("close", ({ code, reason }) => socket === this.socket && this.closed(code, reason));
    socket.addEventListener("error", () => {}); // a close event follows
  }

  async receive(message) {
    this.heard = true;
    if (message.type === "connected") {
      this.delay = 500;
      this.handlers.connected?.(message.sid);
    } else if (message.type === "error") {
      this.handlers.refused?.(message.message, message.data);
    } else if (message.type === "event") {
      const result = await this.handlers[message.event]?.(...message.data);
      if (message.id !== undefined) {
        this.send({ type: "ack", id: message.id, data: result === undefined ? [] : [result] });
      }
    } else if (message.type === "ack") {
      this.answers.get(message.id)?.resolve(message.data[0]);
      this.answers.delete(message.id);
    } else if (message.type === "disconnect") {
      this.close();
    }
  }

  send(message) {
    if (this.socket.readyState === 1) this.socket.send(JSON.stringify(message, tag));
  }

  emit(event, ...data) {
    this.send({ type: "event", event, data });
  }

  call(event, ...data) {
    const id = ++this.lastId;
    return new Promise((resolve, reject) => {
      this.answers.set(id, { resolve, reject });
      this.send({ type: "event", event, data, id });
    });
  }

  check() {
    if (this.heard === false) return this.closed(1006, "the server fell silent");
    this.heard = false;
    this.send({ type: "ping" }); // a browser neither shows nor sends the pings of WebSocket itself
  }

  closed(code, reason) {
    const socket = this.socket;
    clearInterval(this.beat);
    this.heard = this.socket = undefined;
    socket.close();
    for (const { reject } of this.answers.values()) reject(new Error(`no answer: closed with ${code} ${reason}`));
    this.answers.clear();
    if (OUR_FAULT.has(code)) throw new Error(`closed with ${code} ${reason}`);
    setTimeout(() => this.open(), this.delay * (0.5 + Math.random())); // not all clients at once
    this.delay = Math.min(this.delay * 2, 30_000);
  }

  close() {
    const socket = this.socket;
    clearInterval(this.beat);
    this.socket = undefined;
    socket.close(1000);
  }
}

// Uint8Array <-> {"$bytes": "<base64>"}; an object of one's own that looks like it gets one more $.
const isTag = (value) => value?.constructor === Object && /^\$+bytes$/.test(Object.keys(value).join());
const toBase64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

function tag(_key, value) {
  if (value instanceof Uint8Array) return { $bytes: toBase64(value) };
  return isTag(value) ? { ["$" + Object.keys(value)[0]]: Object.values(value)[0] } : value;
}

function untag(_key, value) {
  if (!isTag(value)) return value;
  const [[key, inner]] = Object.entries(value);
  return key === "$bytes" ? Uint8Array.from(atob(inner), (c) => c.charCodeAt(0)) : { [key.slice(1)]: inner };
}

if (globalThis.process?.argv[1]?.endsWith("plain_client.mjs")) {
  const [url, token, name] = process.argv.slice(2);
  const client = new Client(url, { token }, {
    async connected() {
      console.log("connected");
      console.log("reversed:", ...(await client.call("reverse", new Uint8Array([1, 2, 3]))));
      console.log("said:", await client.call("say", "Hello!"));
    },
    refused(message) {
      console.log("refused:", message);
      client.close();
    },
    said: (text) => console.log(text),
    name: () => name, // the server asks for it: this is the answer
  });
}
