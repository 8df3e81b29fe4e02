module.exports = (io, tell) => {
  io.on("connection", (socket) => {
    tell("connect", socket.id);
    socket.on("hello", (name, answer) => answer(`Hello, ${name}`));
    socket.on("disconnect", () => tell("disconnect", socket.id));
  });
  return { news: (text) => io.emit("news", text) };
};
