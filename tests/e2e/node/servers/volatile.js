module.exports = (io) => {
  const clients = () => [...io.sockets.sockets.values()];
  const emit = ([event, volatile, ...args]) => (volatile ? io.volatile : io).emit(event, ...args);

  io.on("connection", (socket) => {
    socket.volatile.emit("too early");
  });

  return {
    // Emits all of these in one turn of the loop, when every client is ready: [event, volatile, ...args]
    turn: async (...events) => {
      while (!clients().every((socket) => socket.conn.transport.writable)) await new Promise(setImmediate);
      events.forEach(emit);
    },
    late: (...event) => emit(event),
    flood: (count, size) => {
      for (let number = 0; number < count; number++) io.emit("load", number, "x".repeat(size));
    },
  };
};
