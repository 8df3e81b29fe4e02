// Clients say in their auth who they are and which rooms they want; `run` takes the steps of a chain.
const { follow } = require("../chains.js");

const byText = (one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1);

function described({ handshake, rooms, data, id }) {
  const { t, ...query } = handshake.query;
  return {
    data,
    rooms: [...rooms].filter((room) => room !== id).sort(),
    in_its_own: rooms.has(id),
    headers: Object.keys(handshake.headers).sort(),
    url: handshake.url.replace(/&t=[^&]*/, ""),
    query,
    auth: handshake.auth,
    secure: handshake.secure,
    xdomain: handshake.xdomain,
    dated: Math.abs(handshake.issued - Date.now()) < 60_000,
  };
}

module.exports = (io, tell) => {
  const sockets = new Map();

  function connected(socket) {
    const { name, rooms = [] } = socket.handshake.auth;
    sockets.set(name, socket);
    socket.data.name = name;
    socket.join(rooms);
    tell("connect", name);
    if (name !== "watched") return;
    socket.onAny((event, ...args) => tell("any", event, args[0]));
    socket.prependAny((event) => tell("first", event));
    socket.onAnyOutgoing((event, ...args) => tell("outgoing", event, ...args));
    socket.use((packet, next) => {
      const refused = packet[0] === "forbidden";
      packet[1] = `${packet[1]}!`;
      next(refused ? new Error("forbidden") : undefined);
    });
    socket.on("forbidden", () => tell("forbidden"));
    socket.on("shout", (text, answer) => {
      tell("shout", text);
      answer(text);
    });
  }
  for (const name of ["/", "/chat"]) {
    io.of(name).on("connection", connected);
    io.of(name).on("hello", (...args) => {
      const answer = typeof args.at(-1) === "function" ? args.pop() : undefined;
      tell("hello", name, ...args);
      answer?.(["Node", ...args]);
    });
  }

  return {
    // `origin` is "@" and the name of a client, or a namespace; every step a method and its arguments.
    async run(origin, steps) {
      const start = origin.startsWith("@") ? sockets.get(origin.slice(1)) : io.of(origin);
      let value;
      try {
        value = await follow(start, steps);
      } catch (error) {
        return { late: true, answers: error.responses?.sort(byText) ?? null };
      }
      const last = steps.at(-1)[0];
      if (last.endsWith("_with_ack")) {
        return { late: false, answers: Array.isArray(value) ? value.sort(byText) : value };
      }
      return last === "fetch_sockets" ? value.map(described).sort(byText) : null;
    },

    // The same from a client on, which may be another server's.
    async remote(origin, id, steps) {
      const [socket] = await io.of(origin).in(id).fetchSockets();
      await follow(socket, steps);
    },
  };
};
