"""The protocol of plain WebSocket clients, which have no Socket.IO library: messages, and their two forms."""
