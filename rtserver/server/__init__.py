"""The Socket.IO layer: namespaces, rooms, dispatch, acknowledgments."""
