// Runs official Socket.IO clients for the Python tests: one JSON command a line on stdin, one JSON line of what
// happened on stdout. A reply is {reply, value} or {reply, error}; what a client saw is {from, event, args}.
// Binary values travel as {"$binary": base64}. One process runs any number of clients of any version.
"use strict";

const readline = require("node:readline");

const clients = {
  "4": () => require("socket.io-client"),
  "4.0": () => require("socket.io-client-4-0"),
  "3.1": () => require("socket.io-client-3-1"),
};

const managers = new Map();
const sockets = new Map();

function print(line) {
  process.stdout.write(JSON.stringify(line) + "\n");
}

function pack(value) {
  if (Buffer.isBuffer(value)) return { $binary: value.toString("base64") };
  if (value instanceof ArrayBuffer) return { $binary: Buffer.from(value).toString("base64") };
  if (ArrayBuffer.isView(value)) {
    return { $binary: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64") };
  }
  if (Array.isArray(value)) return value.map(pack);
  if (value instanceof Error) return { message: value.message, data: pack(value.data) };
  if (value !== null && typeof value === "object") return packEntries(value);
  return value === undefined ? null : value;
}

function packEntries(value) {
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, pack(entry)]));
}

// Buffer, Uint8Array and ArrayBuffer are all binary to the client: each is used, in turn.
let binaryForms = 0;

function unpack(value) {
  if (Array.isArray(value)) return value.map(unpack);
  if (value !== null && typeof value === "object") {
    if (typeof value.$binary === "string") {
      const buffer = Buffer.from(value.$binary, "base64");
      switch (binaryForms++ % 3) {
        case 0:
          return buffer;
        case 1:
          return new Uint8Array(buffer);
        default:
          return new Uint8Array(buffer).buffer;
      }
    }
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, unpack(entry)]));
  }
  return value;
}

function find(map, name) {
  const found = map.get(name);
  if (found === undefined) throw new Error(`no such client: ${name}`);
  return found;
}

function managerOptions(options) {
  const { msgpack, ...rest } = options;
  if (msgpack) rest.parser = require("socket.io-msgpack-parser");
  return { ...rest, autoConnect: false };
}

const commands = {
  manager({ name, kind, url, options }) {
    const manager = new (clients[kind]().Manager)(url, managerOptions(options));
    const tell = (event, ...args) => print({ from: name, event, args: pack(args) });
    manager.on("open", () => {
      manager.engine.on("upgrade", (transport) => tell("upgrade", transport.name));
      manager.engine.on("packet", ({ type }) => type === "ping" && tell("ping"));
      manager.engine.on("close", (reason) => tell("engine_close", reason));
      tell("open", manager.engine.transport.name);
    });
    for (const event of ["error", "reconnect_attempt", "reconnect", "reconnect_failed"]) {
      manager.on(event, (detail) => tell(event, detail));
    }
    managers.set(name, manager);
  },

  socket({ name, manager: managerName, namespace, auth }) {
    const socket = find(managers, managerName).socket(namespace, { auth: unpack(auth) });
    const client = { socket, answers: new Map(), collectors: new Map() };
    const tell = (event, ...args) => print({ from: name, event, args: pack(args) });
    socket.on("connect", () => tell("connect", socket.id));
    socket.on("disconnect", (reason) => tell("disconnect", reason));
    socket.on("connect_error", (error) => tell("connect_error", error));
    socket.onAny((event, ...args) => {
      const acknowledge = typeof args.at(-1) === "function" ? args.pop() : undefined;
      const collector = client.collectors.get(event);
      if (collector) collector(args[0]);
      else tell(event, ...args);
      if (acknowledge) {
        const answer = client.answers.get(event);
        if (answer === undefined) acknowledge(...args); // the default: echo
        else if (answer !== null) acknowledge(...unpack(answer));
      }
    });
    sockets.set(name, client);
    socket.connect();
  },

  connect({ name }) {
    find(sockets, name).socket.connect();
  },

  emit({ name, event, args }) {
    find(sockets, name).socket.emit(event, ...unpack(args));
  },

  call({ name, event, args }) {
    const { socket } = find(sockets, name);
    return new Promise((resolve) => socket.emit(event, ...unpack(args), (...answer) => resolve(pack(answer))));
  },

  async emitWithAck({ name, event, args, timeout }) {
    return pack(await find(sockets, name).socket.timeout(timeout).emitWithAck(event, ...unpack(args)));
  },

  answer({ name, event, args }) {
    find(sockets, name).answers.set(event, args);
  },

  // Emits count numbered messages, a few in each turn of the loop, so that they mix with what comes in.
  stream({ name, event, count, batch }) {
    const { socket } = find(sockets, name);
    return new Promise((resolve) => {
      let number = 0;
      const step = () => {
        for (let i = 0; i < batch && number < count; i++) socket.emit(event, number++);
        if (number < count) setImmediate(step);
        else resolve(number);
      };
      step();
    });
  },

  // Keeps the first arguments of an event instead of printing them; collected() replies when count have come.
  collect({ name, event, count }) {
    const client = find(sockets, name);
    const values = [];
    let finished;
    const done = new Promise((resolve) => (finished = resolve));
    client.collectors.set(event, (value) => {
      values.push(value);
      if (values.length === count) finished(values);
    });
    client.collected = { values, done };
  },

  collected({ name }) {
    return find(sockets, name).collected.done;
  },

  collectedSoFar({ name }) {
    return find(sockets, name).collected.values;
  },

  disconnect({ name }) {
    find(sockets, name).socket.disconnect();
  },

  state({ name }) {
    const { socket } = find(sockets, name);
    const engine = socket.io.engine;
    return { id: socket.id ?? null, connected: socket.connected, transport: engine?.transport?.name ?? null };
  },

  // Ends the transport below the client, as a lost network would: the client may reconnect.
  closeEngine({ name }) {
    find(managers, name).engine.close();
  },

  reset() {
    for (const { socket } of sockets.values()) socket.disconnect();
    for (const manager of managers.values()) {
      manager.reconnection(false);
      manager.engine?.close();
    }
    sockets.clear();
    managers.clear();
  },
};

readline.createInterface({ input: process.stdin }).on("line", async (line) => {
  const { id, command, ...parameters } = JSON.parse(line);
  try {
    print({ reply: id, value: (await commands[command](parameters)) ?? null });
  } catch (error) {
    print({ reply: id, error: error.message });
  }
}).on("close", () => process.exit(0));

print({ from: "driver", event: "ready", args: [process.version] });
