"""Spans of what the service does over HTTP: requests of its API, and requests to a backend."""
