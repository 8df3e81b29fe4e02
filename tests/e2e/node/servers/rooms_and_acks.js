module.exports = (io, tell) => {
  for (const name of ["/", "/admin"]) {
    const namespace = io.of(name);
    namespace.use((socket, next) => {
      const { refuse, data } = socket.handshake.auth;
      if (!refuse) return next();
      const error = new Error(refuse);
      if (data) error.data = { data };
      next(error);
    });
    namespace.on("connection", (socket) => {
      tell("connect", name, socket.id, socket.handshake.auth, socket.handshake.query.EIO);
      socket.on("echo", (...args) => args.pop()(...args));
      socket.on("join", (room, done) => {
        socket.join(room);
        done();
      });
      socket.on("disconnect", () => tell("disconnect", name, socket.id));
    });
  }
  return {
    emit: (name, event, ...args) => void io.of(name).emit(event, ...args),
    emitTo: (name, room, event, ...args) => void io.of(name).to(room).emit(event, ...args),
    ask: (name, sid, ...args) => io.of(name).sockets.get(sid).emitWithAck(...args),
    disconnect: (name, sid) => void io.of(name).sockets.get(sid).disconnect(),
    volatile: (name, event, ...args) => void io.of(name).volatile.emit(event, ...args),
    sockets: async (name) =>
      (await io.of(name).fetchSockets()).map(({ id, rooms, handshake }) => [id, [...rooms].sort(), handshake.auth]),
    disconnectAll: (name) => void io.of(name).disconnectSockets(),
  };
};
