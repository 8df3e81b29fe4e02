"""The server's side of the official Socket.IO admin UI: what `Server.instrument` adds to a server."""
