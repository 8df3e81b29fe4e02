"""The streams mode: what servers tell each other is kept in Redis, and so can be sent again."""
