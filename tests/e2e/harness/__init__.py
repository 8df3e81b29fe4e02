"""What the end-to-end tests share: servers on free ports, and real clients to connect to them."""
