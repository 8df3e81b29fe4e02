// Events, acknowledgments, rooms and disconnects, in two namespaces.
"use strict";

module.exports = (io, tell) => {
  for (const name of ["/", "/chat"]) {
    const namespace = io.of(name);
    namespace.use((socket, next) => {
      const { refuse, data } = socket.handshake.auth;
      if (refuse === undefined) return next();
      const error = new Error(refuse);
      if (data !== undefined) error.data = data;
      next(error);
    });
    namespace.on("connection", (socket) => {
      tell("connect", name, socket.id, socket.handshake.auth);
      socket.on("disconnect", (reason) => tell("disconnect", name, socket.id, reason));
      socket.on("echo", (...args) => args.pop()(...args));
      socket.on("note", (...args) => tell("note", ...args));
      socket.on("join", (room, done) => {
        socket.join(room);
        done();
      });
      socket.on("leave", (room, done) => {
        socket.leave(room);
        done();
      });
      socket.on("shout", (room, text, done) => {
        (room === null ? socket.broadcast : socket.to(room)).emit("shouted", text);
        done();
      });
    });
  }
  const find = (name, sid) => io.of(name).sockets.get(sid);
  return {
    emit: (name, to, except, ...args) => void io.of(name).to(to).except(except).emit(...args),
    ask: (name, sid, ...args) => find(name, sid).emitWithAck(...args),
    askBriefly: (name, sid, ...args) =>
      find(name, sid).timeout(50).emitWithAck(...args).catch((error) => tell("failed", error.message)),
    disconnect: (name, sid, close) => void find(name, sid).disconnect(close),
  };
};
