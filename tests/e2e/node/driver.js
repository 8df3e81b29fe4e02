// Runs official Socket.IO clients for the Python tests: any number, of any version, in one process.
"use strict";

const { pack, serve, tell, unpack } = require("./lines.js");

const clients = {
  "4": () => require("socket.io-client"),
  "4.0": () => require("socket.io-client-4-0"),
  "3.1": () => require("socket.io-client-3-1"),
  "2": () => require("./client_2.js"),
};

const managers = new Map();
const sockets = new Map();

function find(map, name) {
  const found = map.get(name);
  if (found === undefined) throw new Error(`no such client: ${name}`);
  return found;
}

// `parser` is the name of a module, as seen from this folder.
function managerOptions({ parser, ...options }) {
  return { ...options, ...(parser && { parser: require(parser) }), autoConnect: false };
}

const commands = {
  manager({ name, kind, url, options }) {
    const manager = new (clients[kind]().Manager)(url, managerOptions(options));
    const note = tell.bind(null, name);
    manager.on("open", () => {
      manager.engine.on("upgrade", (transport) => note("upgrade", transport.name));
      manager.engine.on("packet", ({ type }) => ["ping", "pong"].includes(type) && note(type));
      manager.engine.on("close", (reason) => note("engine_close", reason));
      note("open", manager.engine.transport.name);
    });
    for (const event of ["error", "reconnect_attempt", "reconnect", "reconnect_failed"]) {
      manager.on(event, (...details) => note(event, ...details));
    }
    managers.set(name, manager);
  },

  socket({ name, manager: managerName, namespace, auth, options }) {
    const socket = find(managers, managerName).socket(namespace, { ...options, auth: unpack(auth) });
    const client = { socket, answers: new Map(), collectors: new Map() };
    const note = tell.bind(null, name);
    socket.on("connect", () => note("connect", socket.id));
    socket.on("disconnect", (reason) => note("disconnect", reason));
    socket.on("connect_error", (error) => note("connect_error", error));
    socket.onAny((event, ...args) => {
      const acknowledge = typeof args.at(-1) === "function" ? args.pop() : undefined;
      const collector = client.collectors.get(event);
      if (collector) collector(args[0]);
      else note(event, ...args);
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
    const transport = engine?.transport?.name ?? null;
    return { id: socket.id ?? null, connected: socket.connected, recovered: !!socket.recovered, transport };
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

serve(commands);
tell("driver", "ready", process.version);
