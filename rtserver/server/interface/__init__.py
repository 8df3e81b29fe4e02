"""What Node's server offers an application, in Python's idiom: chains, sockets, namespaces."""
