// @socket.io/redis-emitter. The server itself is only the way by which the test says what is to be sent.
"use strict";

const { Emitter } = require("@socket.io/redis-emitter");
const { createClient } = require("redis");
const { follow } = require("../chains.js");

module.exports = () => {
  let emitter;
  return {
    open: async (url) => {
      const client = await createClient({ url }).connect();
      emitter = new Emitter(client);
    },
    run: async (namespace, steps) => void (await follow(emitter.of(namespace), steps)),
  };
};
