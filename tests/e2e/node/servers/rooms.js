// Tells what happens to rooms.
"use strict";

module.exports = (io, tell) => {
  const { adapter } = io.of("/");
  for (const event of ["create-room", "join-room", "leave-room", "delete-room"]) {
    adapter.on(event, (room, id) => tell(event, room, ...(id === undefined ? [] : [id])));
  }
  io.on("connection", (socket) => {
    socket.on("join", (room, answer) => {
      socket.join(room);
      answer();
    });
    socket.on("leave", (room, answer) => {
      socket.leave(room);
      answer();
    });
  });
};
