"""Who a client is: its token, the keys that tokens are signed with, and what becomes of one that expires."""
