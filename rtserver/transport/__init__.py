"""The only code that touches a client's socket."""
