"""A Socket.IO server for Python that runs as a service."""
