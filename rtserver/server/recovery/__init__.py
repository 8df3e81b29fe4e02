"""Connection state recovery: a client that lost its connection goes on where it was."""
