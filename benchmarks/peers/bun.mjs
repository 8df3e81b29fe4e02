// The peer Bun: socket.io on Bun's native WebSocket server, through @socket.io/bun-engine.
import { Server as Engine } from "@socket.io/bun-engine";
import { Server } from "socket.io";

const engine = new Engine({ path: "/socket.io/", pingInterval: Number(process.env.PING_INTERVAL) * 1000 });
const io = new Server();
io.bind(engine);

io.on("connection", (socket) => {
  socket.on("echo", (data, answer) => answer(data));
  socket.on("fan", (data) => io.emit("fan", data));
});

Bun.serve({ port: Number(process.env.PORT), hostname: "127.0.0.1", ...engine.handler() });
