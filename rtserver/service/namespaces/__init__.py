"""Namespaces that the config file declares: who is in which rooms, and what clients may send to whom."""
