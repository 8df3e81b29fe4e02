// @socket.io/redis-emitter. The server itself is only the way by which the test says what is to be sent.
"use strict";

const { Emitter } = require("@socket.io/redis-emitter");
const { createClient } = require("redis");

module.exports = () => {
  let emitter;
  return {
    open: async (url) => {
      const client = await createClient({ url }).connect();
      emitter = new Emitter(client);
    },
    emit: (name, rooms, event, ...args) => void emitter.of(name).to(rooms).volatile.emit(event, ...args),
    join: (rooms, joined) => void emitter.in(rooms).socketsJoin(joined),
    leave: (rooms, left) => void emitter.in(rooms).socketsLeave(left),
    disconnect: (rooms) => void emitter.in(rooms).disconnectSockets(true),
    serverSideEmit: (...args) => void emitter.serverSideEmit(...args),
  };
};
