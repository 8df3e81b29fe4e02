// The adapters by which Node's servers form a cluster over Redis: connect({mode, url, ...options}) makes one,
// whose `ready(io)` resolves when the server gets what others send from then on.
"use strict";

const { createAdapter, createShardedAdapter } = require("@socket.io/redis-adapter");
const { createAdapter: createStreamsAdapter } = require("@socket.io/redis-streams-adapter");
const { createClient } = require("redis");

async function open(url) {
  const client = createClient({ url });
  client.on("error", (error) => console.error(`Redis: ${error.message}`));
  return client.connect();
}

// What a connection has asked for is answered in order: once it answers a ping, it is subscribed.
async function pubSub(create, url, options) {
  const [pub, sub] = [await open(url), await open(url)];
  return { adapter: create(pub, sub, options), ready: () => sub.ping() };
}

// This adapter keeps its connections to itself. Redis tells when they read.
async function streams(url, options) {
  const client = await open(url);
  const connections = async () => (await client.sendCommand(["CLIENT", "LIST"])).trim().split("\n");
  const reading = (lines) => lines.filter((line) => line.includes(" cmd=xread ")).length;
  const subscriptions = (lines) => lines.reduce((sum, line) => sum + Number(/ sub=(\d+)/.exec(line)[1]), 0);
  const before = await connections();
  const ready = async (io) => {
    const isReady = (now) =>
      reading(now) > reading(before) && subscriptions(now) >= subscriptions(before) + 2 * io._nsps.size;
    while (!isReady(await connections())) await new Promise(setImmediate);
  };
  return { adapter: createStreamsAdapter(client, options), ready };
}

function connect({ mode, url, ...options }) {
  switch (mode) {
    case "pubsub":
      return pubSub(createAdapter, url, options);
    case "sharded":
      return pubSub(createShardedAdapter, url, options);
    case "streams":
      return streams(url, options);
    default:
      throw new Error(`no adapter: ${mode}`);
  }
}

module.exports = { connect };
