"""The worker processes of one machine: where they meet, and what carries their messages."""
