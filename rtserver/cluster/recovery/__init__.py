"""Connection state recovery across servers: a client comes back to another one than it was lost from."""
