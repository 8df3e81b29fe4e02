module.exports = (io, tell) => {
  const number = (request) => request.headers["x-number"] ?? "none";
  io.engine.opts.allowRequest = (request, callback) => {
    const { reason } = request._query;
    tell("allow_request", request.method, request._query.transport);
    setImmediate(() => callback(reason, reason === undefined));
  };
  io.engine.on("initial_headers", (headers, request) => {
    tell("initial_headers", request.method, request._query.transport);
    headers["X-Initial"] = number(request);
  });
  io.engine.on("headers", (headers, request) => {
    tell("headers", request.method, request._query.transport);
    headers["X-Each"] = number(request);
  });
  io.engine.on("connection_error", ({ req, code, message, context }) => {
    tell("connection_error", req.url, code, message, context);
  });
};
