"""Spans of OpenTelemetry: which trace a client's doings belong to, and how long each of them takes."""
