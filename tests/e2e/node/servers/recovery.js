// Tells who connects with what state, and sends to rooms.
"use strict";

module.exports = (io, tell) => {
  io.on("connection", (socket) => {
    const rooms = [...socket.rooms].filter((room) => room !== socket.id).sort();
    tell("connect", socket.id, socket.recovered, socket.data.name ?? null, rooms);
    socket.data.name = "Ada";
    socket.join("lobby");
    socket.on("disconnect", (reason) => tell("disconnect", reason));
  });
  return {
    send: (room, ...args) => io.to(room).emit(...args),
    sendVolatile: (...args) => io.volatile.emit(...args),
  };
};
