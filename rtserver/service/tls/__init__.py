"""TLS at the listening socket: the certificate, and the one that replaces it."""
