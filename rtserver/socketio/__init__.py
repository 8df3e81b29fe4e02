"""Socket.IO v5 packets and codecs, without I/O."""
