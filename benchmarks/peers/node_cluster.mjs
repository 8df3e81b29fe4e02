// The adapters by which Node's servers form a cluster, as their documentation says to make them.
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { createAdapter as createStreamsAdapter } from "@socket.io/redis-streams-adapter";
import { createClient } from "redis";

const connect = () => createClient({ url: process.env.REDIS_URL }).connect();

const adapters = {
  pubsub: async () => createAdapter(await connect(), await connect()),
  sharded: async () => createShardedAdapter(await connect(), await connect()),
  "sharded-static": async () =>
    createShardedAdapter(await connect(), await connect(), { subscriptionMode: "static" }),
  streams: async () => createStreamsAdapter(await connect()),
};

export const adapter = () => adapters[process.env.CLUSTER_MODE]();
