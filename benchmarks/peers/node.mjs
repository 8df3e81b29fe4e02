// The peer Node: socket.io on node:http with its default WebSocket implementation, `ws`.
import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
const io = new Server(http, {
  pingInterval: Number(process.env.PING_INTERVAL) * 1000,
  ...(process.env.CLUSTER_MODE && { adapter: await (await import("./node_cluster.mjs")).adapter() }),
});

io.on("connection", (socket) => {
  socket.on("echo", (data, answer) => answer(data));
  socket.on("fan", (data) => io.emit("fan", data));
});

http.listen({ port: Number(process.env.PORT), host: "127.0.0.1", backlog: 1024 });
