// A Socket.IO 2.x client with the interface of the newer ones, as far as driver.js uses it.
"use strict";

const { Manager } = require("socket.io-client-2");

// A Uint8Array is not binary to such a client.
function asBuffers(value) {
  if (Buffer.isBuffer(value) || value instanceof ArrayBuffer) return value;
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (Array.isArray(value)) return value.map(asBuffers);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, asBuffers(entry)]));
}

class Manager2 extends Manager {
  // What such a client sends of itself when it joins a namespace is a query.
  socket(namespace, { auth, ...options }) {
    const socket = super.socket(namespace, { ...options, query: auth });
    const emit = socket.emit;
    socket.emit = (event, ...args) => emit.call(socket, event, ...args.map(asBuffers));
    socket.onAny = (listener) => {
      socket.onevent = ({ id, data }) => listener(...data, ...(id == null ? [] : [socket.ack(id)]));
    };
    socket.on("error", (error) => emit.call(socket, "connect_error", error));
    return socket;
  }
}

module.exports = { Manager: Manager2 };
