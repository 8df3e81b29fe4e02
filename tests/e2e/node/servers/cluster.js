// A server whose clients choose their rooms: those of `auth.rooms`.
module.exports = (io, tell) => {
  for (const name of ["/", "/chat", "/shop"]) {
    const namespace = io.of(name);
    namespace.on("connection", (socket) => {
      socket.join(socket.handshake.auth.rooms ?? []);
      socket.on("rooms", (answer) => answer([...socket.rooms].filter((room) => room !== socket.id).sort()));
      socket.on("disconnect", (reason) => tell("disconnect", name, socket.id, reason));
    });
    for (const event of ["hello", "prices changed"]) namespace.on(event, (...args) => {
      const answer = typeof args.at(-1) === "function" ? args.pop() : undefined;
      tell(event, name, ...args);
      answer?.("Node");
    });
  }
  return {
    emit: (name, rooms, event, ...args) => void io.of(name).to(rooms).emit(event, ...args),
    fetch: async (rooms) => (await io.in(rooms).fetchSockets()).map(({ id, rooms, data }) => [id, [...rooms], data]),
    ask: (milliseconds, event, ...args) => io.timeout(milliseconds).emitWithAck(event, ...args),
    askServers: (event, ...args) => io.serverSideEmitWithAck(event, ...args),
    join: (name, rooms, into) => void io.of(name).in(rooms).socketsJoin(into),
    leave: (name, rooms, from) => void io.of(name).in(rooms).socketsLeave(from),
    disconnect: (name, rooms, close) => void io.of(name).in(rooms).disconnectSockets(close),
    allRooms: async () => [...(await io.of("/").adapter.allRooms())].sort(),
  };
};
