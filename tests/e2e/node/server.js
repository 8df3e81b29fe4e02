// Runs the official server with one application: node server.js APPLICATION OPTIONS
// APPLICATION is a file of servers/ that exports a function (io, tell) => commands. What it tells of, the test
// finds in a log; the commands, functions by name, are what the test can ask of it. OPTIONS are the server's, in
// JSON; `parser` is the name of a module, as seen from this folder, and `adapter` says how the server is part of
// a cluster (see adapters.js).
"use strict";

const http = require("node:http");
const { Server } = require("socket.io");
const adapters = require("./adapters.js");
const { pack, serve, tell, unpack, withoutArrayBuffers } = require("./lines.js");

const [application, options] = process.argv.slice(2);
const { parser, adapter, ...rest } = JSON.parse(options);

async function run() {
  const joined = adapter && (await adapters.connect(adapter));
  if (adapter?.mode === "streams") withoutArrayBuffers();
  const server = http.createServer();
  const io = new Server(server, {
    ...rest,
    ...(parser && { parser: require(parser) }),
    ...(joined && { adapter: joined.adapter }),
  });
  const commands = require(`./servers/${application}`)(io, tell.bind(null, "server")) ?? {};
  serve({
    run: async ({ name, args }) => pack((await commands[name](...unpack(args))) ?? null),
  });
  await joined?.ready(io);
  server.listen(0, "127.0.0.1", () => tell("server", "listening", server.address().port));
}

run();
