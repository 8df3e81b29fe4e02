// The application of tests/e2e/test_admin_as_node.py, with the official server side of the admin UI.
"use strict";

const { instrument } = require("@socket.io/admin-ui");

module.exports = (io) => {
  instrument(io, { auth: false, mode: "development", serverId: "node" });
  io.on("connection", (socket) => {
    socket.data.name = socket.handshake.auth.name;
    socket.on("hello", (text) => socket.emit("news", text, { from: "the server" }));
  });
};
