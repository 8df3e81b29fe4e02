// Middleware, and namespaces by pattern and predicate.
"use strict";

const { setTimeout: sleep } = require("node:timers/promises");

module.exports = (io, tell) => {
  io.use(async (socket, next) => {
    await sleep(1);
    socket.data.user = socket.handshake.auth.user;
    tell("first", socket.data.user);
    next();
  });
  io.use((socket, next) => {
    if (socket.data.user !== "eve") return next();
    const error = new Error("no entry");
    error.data = { code: 7, user: "eve" };
    next(error);
  });
  io.on("connection", (socket) => {
    tell("connection", socket.data.user);
    socket.on("who", (answer) => answer(socket.data.user));
  });

  const rooms = io.of(/^\/room-\d+$/);
  rooms.use((socket, next) => {
    tell("room middleware", socket.nsp.name);
    next();
  });
  rooms.on("connection", (socket) => {
    socket.on("where", (answer) => answer(socket.nsp.name));
  });

  io.of((name, auth, next) => next(null, name === `/tenant-${auth.tenant}`)).on("connection", (socket) => {
    socket.on("where", (answer) => answer(socket.nsp.name));
  });
  return { news: (text) => void rooms.emit("news", text) };
};
