"""Connections of clients that go from one process of this machine to another."""
