"""The HTTP API: what a backend in any language asks of the service (docs/http-api.md)."""
