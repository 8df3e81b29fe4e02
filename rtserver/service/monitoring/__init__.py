"""What an operator sees of a running service: whether it lives, whether it is ready, and its metrics."""
